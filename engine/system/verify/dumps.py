"""The newest dump of a leg, held against the sums in its own record.

What it was made of has gone on since, so no server is asked: what this finds is what the disk has
lost, or somebody has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from engine.dumps.record import DumpRecord
from engine.generations.names import name_of
from engine.plan.model import Feed, LegPlan, Plan
from engine.system.host.descent import NotThere, descending, list_inside, opened_root
from engine.system.host.places import Places
from engine.system.measure.generation_look import root_of
from engine.system.restore.compare import Difference as Unlike
from engine.system.restore.compare import Tree
from engine.system.restore.dump_record import GONE, record_in, unlike_record
from engine.system.state.disk_identity import is_another_disk
from engine.system.state.reading import read_state
from engine.system.state.state import State, stream_of
from engine.system.telling.left_records import records_of, run_here
from engine.verify.comparison import Difference, Found
from engine.verify.verdict import Verified, counted

_NONE = "no dump of it is there that a run has completed"
_NO_RECORD = "its record cannot be read, so that nothing of it could be held against that"


class _NotCompared(Exception):
    """Why the dump is not compared."""


def check_dump(
    plan: Plan,
    leg_plan: LegPlan,
    *,
    places: Places,
    clock: Callable[[], datetime],
    say: Callable[[str], None],
) -> Verified:
    """Read the newest dump of a leg. Raises `StateUnusable`."""
    feed = next(one for one in leg_plan.feeds if one.writes is not None)
    began = clock()
    with read_state(places.state_file) as state:
        try:
            root, name = _newest(plan, leg_plan, feed, state, places)
            return _compared(leg_plan, feed, root, name, began, clock, say)
        except (_NotCompared, OSError) as error:
            why = str(error)
    return Verified(
        leg=leg_plan.name,
        reads=feed.reads,
        began=began,
        ended=clock(),
        seed=None,
        refused=why,
    )


def _newest(
    plan: Plan, leg_plan: LegPlan, feed: Feed, state: State | None, places: Places
) -> tuple[bytes, bytes]:
    """The folder of its dumps, and the name of the newest that counts. Raises `_NotCompared`."""
    assert feed.writes is not None
    top = root_of(plan, feed.writes, places)
    if top is None:
        raise _NotCompared("it lies on another machine")
    destination = plan.destination(feed.writes.holder)
    if destination is not None and is_another_disk(destination, places, state):
        raise _NotCompared("its disk is not there")
    root = b"/".join((top.rstrip(b"/"), *feed.writes.names))
    with records_of(plan, leg_plan, state, places) as known:
        if known is None:
            raise _NotCompared(_NONE)
        stream = stream_of(plan, run_here(leg_plan), feed, known)
        found = known.generations.among(stream, _names(root))
    newest = max((one.moment for one in found if one.counts), default=None)
    if newest is None:
        raise _NotCompared(_NONE)
    return root, name_of(newest)


def _names(root: bytes) -> tuple[bytes, ...]:
    try:
        with opened_root(root) as top, descending(top) as descent:
            return tuple(name for name, directory in list_inside(descent.enter(())) if directory)
    except (NotThere, FileNotFoundError):
        return ()


def _compared(
    leg_plan: LegPlan,
    feed: Feed,
    root: bytes,
    name: bytes,
    began: datetime,
    clock: Callable[[], datetime],
    say: Callable[[str], None],
) -> Verified:
    with opened_root(root) as top:
        tree = Tree(root=top, top=(name,))
        record = record_in(tree)
        if record is None:
            raise _NotCompared(f"{os.fsdecode(name)}: {_NO_RECORD}")
        say(f"{feed.reads}: reading the dump {os.fsdecode(name)}")
        found = tuple(_found(one) for one in unlike_record(tree, (), record, tree))
    files, size = _amount(record)
    return Verified(
        leg=leg_plan.name,
        reads=feed.reads,
        generation=os.fsdecode(name),
        began=began,
        ended=clock(),
        seed=None,
        compared=files,
        compared_bytes=size,
        files=files,
        bytes=size,
        found=found,
        counts=counted(found, 0),
    )


def _amount(record: DumpRecord) -> tuple[int, int]:
    """Files and bytes by the record."""
    files = sum(1 if one.files is None else one.files for one in record.files)
    return files, sum(one.size for one in record.files)


def _found(one: Unlike) -> Found:
    lacks = one.what == GONE
    return Found(
        path=b"/".join(one.path), difference=Difference.MISSING if lacks else Difference.CORRUPT
    )
