"""What `verify` does: which copies are meant; compared leg by leg; the results kept and told."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from engine.plan.model import LegPlan, Plan, tree_root
from engine.plan.selection import Verdict
from engine.promises.chains import Copy
from engine.promises.plan_chains import chains_of
from engine.system.host.look import absolute_subject, without_root
from engine.system.host.places import Places
from engine.system.host.process import CommandNotStarted
from engine.system.journal.schema import JournalUnusable
from engine.system.state.reading import read_state
from engine.system.state.state import StateUnusable, open_state
from engine.system.state.verifications import Verifications
from engine.system.telling.tell import tell_leg
from engine.system.verify.compare import verify_leg
from engine.system.verify.reading import Asked
from engine.verify.verdict import Verified
from policy.legs import DumpLeg, MirrorLeg, SnapshotLeg, SqliteLeg, VersionsLeg
from policy.values import AbsolutePath, display
from policyctl.boundary import Refused
from policyctl.running import Running

Names = tuple[bytes, ...]
_COMPARED = (MirrorLeg, VersionsLeg, SqliteLeg, DumpLeg)
"""Legs whose copies can be compared with something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One leg that is to be compared, or certain paths of it."""

    leg: LegPlan
    within: dict[str, tuple[Names, ...]] | None = None
    """By what a feed reads; None: everything."""
    dated: dict[str, int] = field(default_factory=dict)
    """As `Asked` has it."""


def verify(
    root: Path,
    named: Sequence[str],
    *,
    most: int | None,
    seed: int,
    say: Callable[[str], None],
) -> tuple[Verified, ...]:
    """Compare the copies of legs, paths and items; all where none is named. Raises `Refused`."""
    running = Running.of_applied(root)
    found: list[Verified] = []
    for wish in _wishes(running.plan, named, root):
        known = _known(running.places, wish.leg) if wish.within is None else {}
        asked = Asked(most=most, seed=seed, within=wish.within, dated=wish.dated, known=known)
        try:
            results = verify_leg(
                running.plan,
                wish.leg,
                asked,
                places=running.places,
                clock=lambda: datetime.now(UTC),
                say=say,
            )
        except (StateUnusable, JournalUnusable, CommandNotStarted) as error:
            raise Refused(f"{error}; nothing was compared") from None
        if not results:
            asked_for = ", ".join(wish.within or ())
            raise Refused(f"{wish.leg.name} has no {asked_for}: nothing was compared")
        if wish.within is None and wish.leg.leg.runner is None:
            _keep(running.plan, wish.leg, results, running.places, say)
        found += results
    return tuple(found)


def _known(places: Places, leg: LegPlan) -> dict[str, frozenset[bytes]]:
    """What differed the last time: another sample must not make it good by passing it over."""
    with suppress(StateUnusable, OSError, sqlite3.Error), read_state(places.state_file) as state:
        return Verifications(state.connection).known(leg.name) if state is not None else {}
    return {}


def _keep(
    plan: Plan,
    leg: LegPlan,
    results: Sequence[Verified],
    places: Places,
    say: Callable[[str], None],
) -> None:
    """Note the results of a whole leg, and tell them as series."""
    try:
        with open_state(places.state_file) as state:
            for one in results:
                Verifications(state.connection).note(one)
            why_not = tell_leg(plan, leg, state, places)
    except (StateUnusable, OSError, sqlite3.Error) as error:
        say(f"the result is not kept: {error}")
        return
    if why_not:
        say(f"{leg.name}: the result could not be told: {why_not}")


def _wishes(plan: Plan, named: Sequence[str], root: Path) -> Iterator[Wish]:
    if not named:
        copying = [one for one in plan.legs if _is_compared(one)]
        if not copying:
            raise Refused("no leg of the applied plan makes copies that can be compared")
        yield from (Wish(leg=one) for one in copying)
    for text in dict.fromkeys(named):
        leg = plan.leg(text)
        source, colon, item = text.partition(":")
        if leg is not None and not isinstance(leg.leg, _COMPARED):
            raise Refused(
                f"{text} is a {leg.kind} leg, and what it has made can be compared with nothing: "
                "it was read back when it was made"
            )
        if leg is not None:
            yield Wish(leg=leg)
        elif colon and plan.source(source) is not None:
            yield from _of_item(plan, source, item)
        else:
            yield from _of_path(plan, text, root)


def _is_compared(leg: LegPlan) -> bool:
    """Whether there is something to compare here: what a cluster reads is seen there alone."""
    here = leg.leg.runner is None or isinstance(leg.leg, DumpLeg)
    return here and isinstance(leg.leg, _COMPARED)


def _of_item(plan: Plan, source: str, item: str) -> Iterator[Wish]:
    """The copies of one item, by each leg that reads its snapshots. Raises `Refused`."""
    takers = {
        one.name
        for one in plan.legs
        if isinstance(one.leg, SnapshotLeg) and any(feed.reads == source for feed in one.feeds)
    }
    readers = [
        one
        for one in plan.legs
        if isinstance(one.leg, _COMPARED) and any(feed.reads in takers for feed in one.feeds)
    ]
    if not readers:
        raise Refused(f"no leg of the applied plan copies items of {source}")
    yield from (Wish(leg=one, within={item: ()}) for one in readers)


def _of_path(plan: Plan, text: str, root: Path) -> Iterator[Wish]:
    """The copies of one path, each by the leg that wrote it. Raises `Refused`."""
    path = without_root(root, absolute_subject(os.fsencode(text)))
    legs = ", ".join(one.name for one in plan.legs)
    if not path.startswith(b"/") or ("/" not in text and not os.path.lexists(text)):
        raise Refused(f"{text} is neither a leg nor a path; the legs are: {legs}")
    copies = tuple(_copies(plan, AbsolutePath(tuple(part for part in path.split(b"/") if part))))
    if not copies:
        raise Refused(f"no leg of the applied plan carries {display(path)}; the legs are: {legs}")
    for copy in copies:
        leg = plan.leg(copy.leg)
        if leg is None:
            continue
        for feed in leg.feeds:
            if feed.writes is not None and feed.writes.contains(copy.location):
                inner = copy.location.names[len(feed.writes.names) :]
                carried = copy.dated is not None and isinstance(leg.leg, MirrorLeg)
                at = (copy.dated or 0) - len(feed.writes.names)
                dated = {feed.reads: at} if carried else {}
                yield Wish(leg=leg, within={feed.reads: (inner,)}, dated=dated)
                break


def _copies(plan: Plan, path: AbsolutePath) -> Iterator[Copy]:
    roots = [(root, one) for one in plan.sources if (root := tree_root(one)) is not None]
    holding = [(root, one) for root, one in roots if root.contains(path)]
    if not holding:
        return
    root, source = max(holding, key=lambda one: len(one[0].names))
    names, chains = path.names[len(root.names) :], chains_of(plan)
    if plan.table(source.name) is not None:
        yield from chains.of_path(source.name, names)
        return
    for leg in plan.legs:
        for feed in leg.feeds:
            takes = feed.selection is None or not names
            if not takes and feed.selection is not None:
                verdict = feed.selection.decide(names, directory=False)
                takes = verdict in {Verdict.TAKEN, Verdict.ENTERED}
            if feed.reads == source.name and takes:
                yield from chains.of_leg_path(leg.name, names)
