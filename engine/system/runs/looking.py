"""Looking at a leg as a run would, to say what it would do or to compare what it has done."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.legs import Run
from engine.plan.model import LegPlan, Plan
from engine.runs.observation import Observation, Waiver
from engine.steps.modes import Forced
from engine.system.host.places import Places
from engine.system.host.remote import closing_connection
from engine.system.host.run_directory import run_directory
from engine.system.host.signals import interruptible
from engine.system.journal.journal import open_journal
from engine.system.runs.observe import observe, ssh_of
from engine.system.state.records import new_run_id
from engine.system.state.state import State, open_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was seen, and what a run that began then would have at hand."""

    seen: Observation
    this_run: Run
    state: State


@contextmanager
def looking(
    plan: Plan,
    leg_plan: LegPlan,
    *,
    places: Places,
    clock: Callable[[], datetime],
    forced: Forced,
    waived: frozenset[Waiver] = frozenset(),
) -> Iterator[Looked]:
    """Look at both ends of each feed, without a lock and without a trace.

    Inside the block a connection to another machine stays open, and a signal is `Interrupted`.
    Raises `StateUnusable`, `JournalUnusable` and `NothingToRead`.
    """
    with (
        interruptible(),
        open_state(places.state_file) as state,
        open_journal(places.journal_file) as journal,
        tempfile.TemporaryDirectory(prefix="policyctl-") as scratch,
        run_directory(Path(scratch) / "run") as (directory, control),
    ):
        now = clock()
        this_run = Run(run_id=new_run_id(now), now=now, directory=directory, control=control)
        with closing_connection(ssh_of(plan, leg_plan, places), this_run):
            seen = observe(
                plan,
                leg_plan,
                places=places,
                state=state,
                this_run=this_run,
                waived=waived,
                journal=journal,
                forced=forced,
            )
            yield Looked(seen=seen, this_run=this_run, state=state)
