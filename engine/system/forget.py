"""What leaves the plan leaves the gateway and the textfile folder as well (law 36).

What is to go is noted before the plan is replaced, and stays noted until it is gone: a gateway that
is down during `apply` is asked again by the next run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from engine.plan import Plan
from engine.readers import readers_of
from engine.system.files import remove_file, write_atomically
from engine.system.places import Places
from engine.system.tellers import Group, NotTold, Target, targets_of, teller_for

_Told = tuple[Target, Group]
_PRIVATE = 0o600


def groups_of(plan: Plan) -> tuple[Group, ...]:
    """All that is told of a plan by runs of this host, and by the tracker."""
    return tuple(_groups(plan))


def _groups(plan: Plan) -> Iterator[Group]:
    for leg in plan.legs:
        yield Group("leg", leg.name)
    for destination in plan.destinations:
        yield Group("destination", destination.name)
    if readers_of(plan):
        yield Group("tracker")


def note_leaving(
    before: Plan | None, after: Plan, places: Places, *, push_staged: bool = False
) -> None:
    """Note what is told of the applied plan and will not be of the next one."""
    if before is None:
        return
    told = _all(before, places, push_staged=push_staged)
    leaving = _noted(places) | told - _all(after, places, push_staged=push_staged)
    _note(leaving, places)


def forget(
    plan: Plan,
    places: Places,
    *,
    push_staged: bool = False,
    silent: Collection[Target] = (),
) -> tuple[str, ...]:
    """Take back what is noted and is not this plan's; a sentence for each that is still there.

    Who is silent, or gives no answer once, is not asked again this time.
    """
    noted = _noted(places)
    if not noted:
        return ()
    reasons = dict.fromkeys(silent, "it gives no answer")
    left = set()
    for target, group in sorted(noted - _all(plan, places, push_staged=push_staged)):
        try:
            if target not in reasons:
                teller_for(target, places).remove(group)
        except NotTold as error:
            reasons[target] = str(error)
        if target in reasons:
            left.add((target, group))
    _note(left, places)
    return tuple(
        f"the series of {group} could not be removed: {reasons[target]}"
        for target, group in sorted(left)
    )


def still_there(places: Places) -> tuple[str, ...]:
    """A sentence for each group that left the plan and could not be taken back yet."""
    return tuple(
        f"the series of {group}, which left the plan, still stand at {target.where}"
        for target, group in sorted(_noted(places))
    )


def _all(plan: Plan, places: Places, *, push_staged: bool) -> set[_Told]:
    targets = targets_of(plan, places, push_staged=push_staged)
    return {(target, group) for target in targets for group in groups_of(plan)}


def _file(places: Places) -> Path:
    return places.state_dir / "leaving.json"


def _noted(places: Places) -> set[_Told]:
    """What is noted; a file that nobody can read notes nothing."""
    try:
        rows = json.loads(_file(places).read_bytes())
        return {
            (Target(kind, where, instance), Group(part, name))
            for kind, where, instance, part, name in rows
        }
    except (OSError, TypeError, ValueError):
        return set()


def _note(leaving: set[_Told], places: Places) -> None:
    if not leaving:
        if _file(places).exists():
            remove_file(_file(places))
        return
    rows = [
        [target.kind, target.where, target.instance, group.part, group.name]
        for target, group in sorted(leaving)
    ]
    write_atomically(_file(places), json.dumps(rows, indent=0).encode() + b"\n", _PRIVATE)
