"""The newest generation of a `versions` leg, compared with what it was made of.

Of a tree that is the live tree, and what has changed since the run began says nothing. Of an item
it is the very snapshot, opened once more: there nothing has changed, and the sample is drawn from
the copy, where this process can see it.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from engine.generations.names import name_of
from engine.items.items import Item
from engine.items.thin_names import verifier
from engine.legs.versions import of_everything
from engine.runs.observation import FeedSeen
from engine.steps.generations import CopyGeneration, inside
from engine.steps.items import OpenItem
from engine.steps.model import Step
from engine.system.host.lock import Locked, hold
from engine.system.host.mounted import NotMounted, check_mounted, with_mount
from engine.system.host.process import Command, Completed
from engine.system.items.failures import BtrfsFailed, LvmFailed, NotClosed, NotOpened
from engine.system.passes.item_runs import Shown, shown_item
from engine.system.state.records import RunRecord
from engine.system.verify.files import Wanted
from engine.system.verify.reading import Comparing, NotCompared, Session
from engine.verify.comparison import against
from engine.verify.verdict import Verified

_FAILED = (LvmFailed, BtrfsFailed, NotOpened, NotClosed, NotMounted)
NO_GENERATION = "no generation of it is there that a run has completed"


def newest_generation(session: Session, seen: FeedSeen) -> tuple[RunRecord, bytes] | None:
    """The last run of a feed that succeeded, and the generation that it made, if that is there."""
    success = session.looked.state.last_item_success(session.leg.name, seen.feed)
    if success is None:
        return None
    name = name_of(success.started)
    there = {name_of(one.moment) for one in seen.generations}
    return (success, name) if name in there else None


def compare_generation(session: Session, seen: FeedSeen, steps: tuple[Step, ...]) -> Verified:
    """Compare what the last run that succeeded has made of one tree or item."""
    newest = newest_generation(session, seen)
    if newest is None:
        return session.refused(seen.feed, NO_GENERATION)
    success, name = newest
    step = next(one for one in steps if isinstance(one, CopyGeneration))
    generation = inside(step.target, name)
    comparing = Comparing(
        session=session,
        feed=seen.feed,
        argv=against(step.argv, generation),
        wanted=_wanted(session, seen, generation.path, success.started),
        generation=name.decode("ascii"),
    )
    if seen.item is None:
        return comparing.result()
    made = {one.name: one.data_as_of for one in session.looked.state.items(success.run_id)}
    return _of_an_item(comparing, seen.item, seen.source.path, made[seen.feed])


def _wanted(session: Session, seen: FeedSeen, generation: bytes, began: datetime) -> Wanted:
    within = session.within(seen.feed)
    if seen.item is not None:
        return Wanted(root=generation, selection=of_everything(), within=within, until=None)
    feed = next(one for one in session.leg.feeds if one.reads == seen.feed)
    assert feed.selection is not None
    return Wanted(
        root=seen.source.path,
        selection=feed.selection,
        left_out=seen.source.strangers,
        within=within,
        until=began,
    )


def _of_an_item(comparing: Comparing, item: Item, at: bytes, moment: datetime | None) -> Verified:
    """Open the snapshot that it was made of, and compare where that can be seen.

    Under a lock and a name of its own: a run of the leg may read a snapshot of it meanwhile.
    """
    session, feed = comparing.session, comparing.feed
    right = next((one for one in item.snapshots if one.moment == moment), None)
    if right is None:
        return session.refused(
            feed,
            f"the snapshot that {comparing.generation} was made of is gone: compare right after a "
            "run",
        )
    reader = verifier(session.leg.name)
    opening = OpenItem(feed=feed, snapshot=right, reader=reader, key_file=item.key_file, at=at)
    try:
        with ExitStack() as stack:
            stack.enter_context(hold(session.places.leg_lock(reader)))
            shown = stack.enter_context(shown_item(opening))
            found = replace(
                comparing,
                sees=lambda argv: _seeing(argv, shown),
                check=lambda told: _check(told, shown),
            ).result()
    except Locked:
        return session.refused(feed, "it is being compared already")
    except _FAILED as error:
        return session.refused(feed, str(error))
    return found


def _seeing(argv: tuple[bytes, ...], shown: Shown) -> tuple[bytes, ...]:
    try:
        return with_mount(Command(argv=argv, timeout=0), shown.mount).argv
    except NotMounted as error:
        raise NotCompared(str(error)) from None


def _check(told: Completed, shown: Shown) -> None:
    try:
        check_mounted(told, shown.mount)
        shown.check()
    except _FAILED as error:
        raise NotCompared(str(error)) from None
