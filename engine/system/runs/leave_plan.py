"""Leaving the applied plan beside the copies, so that they can be read without this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from engine.legs.kind import Run
from engine.plan.left_plan import NAME, LeftPlan, LeftRun, left_to_json
from engine.plan.model import LegPlan, Plan
from engine.reach.targets import Target
from engine.records.reports import RunStatus
from engine.system.host.files import write_atomically
from engine.system.host.places import Places
from engine.system.host.process import CommandNotStarted
from engine.system.host.remote import Remote, Unreachable
from engine.system.runs.observe import holder_of
from engine.system.state.disk_identity import is_another_disk
from engine.system.state.left_plans import LeftPlans
from engine.system.state.state import RunRecord, State
from policy.destinations import Destination

_MOST_RUNS = 50


def leave_plan(
    plan: Plan, leg: LegPlan, places: Places, state: State, record: RunRecord, this_run: Run
) -> Iterator[str]:
    """Leave it at the root of the destination; yields why that could not be done, if it could not.

    `record`: the run that is just ending, which is not in the history yet.
    """
    holder = plan.destination(holder_of(leg))
    if holder is None or record.status is None or not record.status.succeeded:
        return
    text = left_to_json(_left(plan, holder, state, record)).encode()
    root = places.destination_root(holder)
    try:
        if places.reaches_over_ssh(holder):
            target = Target(holder=holder.name, root=root, names=(), ssh=holder.ssh)
            Remote(target, this_run).leave(NAME, text)
            LeftPlans(state.connection).note(holder)
        elif not is_another_disk(holder, places, state):
            _write(root, text)
    except (OSError, Unreachable, CommandNotStarted) as error:
        yield f"the plan could not be left beside the copies: {error}"


def leave_begun(plan: Plan, leg: LegPlan, places: Places, state: State) -> None:
    """Before a run writes to a disk of this machine, have what was left there say that it began.

    A machine may end in the middle of it, and never tell. Where nothing was left yet, nothing was
    whole yet. That it cannot be written keeps no copy from being made.
    """
    holder = plan.destination(holder_of(leg))
    if holder is None or places.reaches_over_ssh(holder):
        return
    root = places.destination_root(holder)
    there = os.path.lexists(root.rstrip(b"/") + b"/" + NAME)
    if there and not is_another_disk(holder, places, state):
        with suppress(OSError):
            _write(root, left_to_json(_left(plan, holder, state, None)).encode())


def _write(root: bytes, text: bytes) -> None:
    """The root keeps its time: it may be the copy of a tree, whose time that is."""
    status = os.stat(root)  # noqa: PTH116 - bytes
    write_atomically(Path(os.fsdecode(root), os.fsdecode(NAME)), text, 0o600)
    os.utime(root, ns=(status.st_atime_ns, status.st_mtime_ns))


def _left(plan: Plan, holder: Destination, state: State, record: RunRecord | None) -> LeftPlan:
    """`record`: the run that is just ending well; None: one begins."""
    written = record.ended if record is not None else None
    # Of all legs: what a later hop has carried on is as whole as what was there when it began.
    runs = {one.name: _runs(one.name, state, record) for one in plan.legs}
    others = (one.name for one in plan.legs if record is None or one.name != record.leg)
    unfinished = {leg: began for leg in others if (began := _unfinished(leg, state)) is not None}
    return LeftPlan(
        destination=holder.name,
        written=written or datetime.now(UTC),
        runs=runs,
        unfinished=unfinished,
        plan=plan,
    )


def _unfinished(leg: str, state: State) -> datetime | None:
    """When the last run of a leg began that may have written, unless it has succeeded."""
    idle = (RunStatus.REFUSED, RunStatus.WAITED_TOO_LONG)
    last = next((one for one in state.unlocked(leg) if one.status not in idle), None)
    if last is None or (last.status is not None and last.status.succeeded):
        return None
    return last.started


def _runs(leg: str, state: State, record: RunRecord | None) -> list[LeftRun]:
    known = [record] if record is not None and leg == record.leg else []
    known += [
        one
        for one in state.unlocked(leg)
        if one not in known and one.status is not None and one.status.succeeded
    ]
    return [
        LeftRun(began=one.started, ended=one.ended, data_as_of=one.data_as_of)
        for one in known[:_MOST_RUNS]
        if one.ended is not None
    ]
