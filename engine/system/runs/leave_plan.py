"""Leaving the applied plan beside the copies, so that they can be read without this machine."""

from __future__ import annotations

import os
from pathlib import Path

from engine.legs.kind import Run
from engine.plan.left_plan import NAME, LeftPlan, LeftRun, left_to_json
from engine.plan.model import LegPlan, Plan
from engine.reach.targets import Target
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
) -> str:
    """Leave it at the root of the destination; gives back why that could not be done, or "".

    `record`: the run that is just ending, which is not in the history yet.
    """
    holder = plan.destination(holder_of(leg))
    if holder is None or record.status is None or not record.status.succeeded:
        return ""
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
        return f"the plan could not be left beside the copies: {error}"
    return ""


def _write(root: bytes, text: bytes) -> None:
    """The root keeps its time: it may be the copy of a tree, whose time that is."""
    status = os.stat(root)  # noqa: PTH116 - bytes
    write_atomically(Path(os.fsdecode(root), os.fsdecode(NAME)), text, 0o600)
    os.utime(root, ns=(status.st_atime_ns, status.st_mtime_ns))


def _left(plan: Plan, holder: Destination, state: State, record: RunRecord) -> LeftPlan:
    assert record.ended is not None
    # Of all legs: what a later hop has carried on is as whole as what was there when it began.
    runs = {one.name: _runs(one.name, state, record) for one in plan.legs}
    return LeftPlan(destination=holder.name, written=record.ended, runs=runs, plan=plan)


def _runs(leg: str, state: State, record: RunRecord) -> list[LeftRun]:
    known = [record] if leg == record.leg else []
    known += [
        one
        for one in state.unlocked(leg)
        if one.run_id != record.run_id and one.status is not None and one.status.succeeded
    ]
    return [
        LeftRun(began=one.started, ended=one.ended, data_as_of=one.data_as_of)
        for one in known[:_MOST_RUNS]
        if one.ended is not None
    ]
