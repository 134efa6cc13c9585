"""What leaves the plan leaves the gateway and the textfile folder as well (law 36).

What is to go is noted before the plan is replaced, and stays noted until it is gone: a gateway that
is down during `apply` is asked again by the next run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from engine.plan.model import Plan
from engine.plan.readers import readers_of
from engine.system.host.files import remove_file, write_atomically
from engine.system.host.lock_probe import is_held
from engine.system.host.places import Places
from engine.system.telling.tellers import POLICY, Group, NotTold, Target, targets_of, teller_for

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
    for drill in plan.drills:
        yield Group("drill", drill.name)
    for check in plan.checks:
        yield Group("check", check.name)
        if not check.here:
            yield Group("expected", check.name)
    if readers_of(plan):
        yield Group("tracker")
    if plan.legs:
        yield POLICY


def note_leaving(
    before: Plan | None, after: Plan, places: Places, *, push_staged: bool = False
) -> None:
    """Note what is told of the applied plan and will not be of the next one."""
    if before is None:
        return
    _note(_leaving(before, after, places, push_staged=push_staged), places)


def leaving(before: Plan | None, after: Plan, places: Places) -> tuple[tuple[Target, Group], ...]:
    """What an apply would take back, and from whom; nothing is noted."""
    if before is None:
        return ()
    return tuple(sorted(_leaving(before, after, places, push_staged=False)))


def _leaving(before: Plan, after: Plan, places: Places, *, push_staged: bool) -> set[_Told]:
    told = _all(before, places, push_staged=push_staged)
    return (_noted(places) | told) - _all(after, places, push_staged=push_staged)


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
    mute = dict.fromkeys(silent, "it gives no answer")
    # A run that began before an `apply` has the plan of before: what left since stays noted.
    left = dict.fromkeys(noted & _all(plan, places, push_staged=push_staged), "")
    for target, group in sorted(noted - left.keys()):
        try:
            if target not in mute:
                teller_for(target, places).remove(group)
        except NotTold as error:
            mute[target] = str(error)
        if target in mute:
            left[target, group] = mute[target]
        elif _goes_on(group, places):
            left[target, group] = "a run of it goes on, and tells its end"
    _note(set(left), places)
    return tuple(
        f"the series of {group} could not be removed: {reason}"
        for (target, group), reason in sorted(left.items())
        if reason
    )


def _goes_on(group: Group, places: Places) -> bool:
    locks = {"leg": places.leg_lock, "drill": places.drill_lock, "check": places.check_lock}
    return group.part in locks and is_held(locks[group.part](group.name))


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
