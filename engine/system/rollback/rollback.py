"""Rolling a volume back: steps carried out, each looked at again before it is done.

What is going to be done stands in the state beforehand. What has been done is seen in the pool.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.items.thin_names import Line, LvName
from engine.items.thin_pool import volume_of
from engine.rollback.remaining import (
    BringIn,
    CloseVolume,
    Direction,
    MakeVolume,
    OpenVolume,
    PutAside,
    Rollback,
    RollbackRefused,
    RollbackStep,
    SetSkip,
    StartUsers,
    StopUsers,
    Use,
    find,
    rollback_steps,
)
from engine.rollback.words import half_done, say_step
from engine.rollback.workloads import Workload
from engine.system.host.process import Command, CommandNotStarted, run
from engine.system.items import thin_pool
from engine.system.items.failures import LvmFailed
from engine.system.rollback.device_users import users_of
from engine.system.rollback.workloads import Cluster, ClusterFailed
from engine.system.state.rollback_records import Rollbacks
from engine.system.state.state import State
from policy.parts import Hook

CLOSE_SECONDS = 60.0
"""What a volume gets to be closed once nobody ought to use it: drivers and udev come later."""
_POLL = 1.0


class RollbackFailed(Exception):
    """A step could not be done; the message says how things are now and what to type."""


class _StepFailed(Exception):
    """A step could not be done; the message says why."""


class RollbackRun:
    """One rollback while it is carried out; the caller holds the locks of the legs that snapshot.

    Nothing that it does removes anything.
    """

    def __init__(
        self,
        record: Rollback,
        *,
        pool: LvName,
        cluster: Cluster,
        state: State,
        clock: Callable[[], datetime],
        progress: Callable[[str], None],
    ) -> None:
        self.record = record
        self._pool = pool
        self._cluster = cluster
        self._state = state
        self._clock = clock
        self._progress = progress

    def go(self, use: Use, confirmed: tuple[RollbackStep, ...]) -> Rollback:
        """Carry out the steps that were confirmed, and no others; the record as it is then.

        Raises `RollbackRefused` where things have changed meanwhile, and `RollbackFailed`.
        """
        if self._steps(use) != confirmed:
            raise RollbackRefused(
                "things have changed since the steps were shown: nothing was done; type it again"
            )
        self._note(replace(self.record, stopped=use.workloads, ended=None))
        try:
            self._carry_out(confirmed)
        except _StepFailed as error:
            self._give_up(str(error), use)
        self._note(replace(self.record, stopped=(), ended=self._clock()))
        return self.record

    def _give_up(self, why: str, use: Use) -> None:
        """Leave it as it was where nothing has been swapped yet. Raises `RollbackFailed`."""
        asked = self.record.direction
        try:
            if find(self.record, thin_pool.look(self._pool)).current is not asked.leaves:
                raise RollbackFailed(f"{why}; nothing is lost: {half_done(self.record)}")
            self._progress(f"{why}: back to how it was")
            self._note(replace(self.record, direction=asked.reverse))
            self._carry_out(self._steps(use))
        except (_StepFailed, LvmFailed, RollbackRefused) as error:
            told = f"{why}; and then {error}; nothing is lost: {half_done(self.record)}"
            raise RollbackFailed(told) from None
        self._note(replace(self.record, stopped=(), ended=self._clock()))
        started = " and what was stopped runs again" if use.start or use.workloads else ""
        left = self._left_over() if asked is Direction.FORWARD else ""
        raise RollbackFailed(f"{why}; the volume is what it was{started}{left}")

    def _left_over(self) -> str:
        made = self.record.aside(Line.AFTER)
        try:
            there = thin_pool.look_at(made) is not None
        except LvmFailed:
            return ""
        return f"; nothing uses {made.text}: `lvremove {made.text}`" if there else ""

    def _steps(self, use: Use) -> tuple[RollbackStep, ...]:
        return rollback_steps(self.record, thin_pool.look(self._pool), use)

    def _note(self, record: Rollback) -> None:
        self.record = record
        Rollbacks(self._state.connection).note(record)

    # ── Steps ────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, steps: tuple[RollbackStep, ...]) -> None:
        for step in steps:
            self._progress(say_step(step))
            try:
                self._match(step)
            except (LvmFailed, ClusterFailed) as error:
                raise _StepFailed(str(error)) from None

    def _match(self, step: RollbackStep) -> None:  # noqa: C901 - one case a step, nothing decided
        match step:
            case StopUsers(use=use):
                self._stop(use)
            case CloseVolume(volume=volume):
                self._close(volume)
            case MakeVolume():
                thin_pool.make_successor(step.snapshot, step.name, step.tags)
            case PutAside():
                self._put_aside(step)
            case BringIn():
                self._bring_in(step)
            case SetSkip(volume=volume):
                thin_pool.set_skip(volume, skip=False)
            case OpenVolume(volume=volume):
                thin_pool.activate(volume)
            case StartUsers(use=use):
                self._start(use)

    def _stop(self, use: Use) -> None:
        for hook in use.stop:
            self._run(hook)
        for one in use.workloads:
            self._cluster.scale(one, 0)
        if use.claim is not None:
            self._cluster.wait_until_unused(use.claim)

    def _start(self, use: Use) -> None:
        for hook in use.start:
            self._run(hook)
        failed = [why for one in use.workloads if (why := self._scaled_back(one))]
        if failed:
            raise _StepFailed("; ".join(failed))

    def _scaled_back(self, one: Workload) -> str:
        """Why it does not run again; each is tried, whatever becomes of the others."""
        try:
            self._cluster.scale(one, one.replicas)
        except ClusterFailed as error:
            return f"{one.text} in {one.namespace} is not scaled to {one.replicas} again: {error}"
        return ""

    def _run(self, hook: Hook) -> None:
        argv = tuple(os.fsencode(word) for word in hook.run)
        try:
            told = run(Command(argv=argv, timeout=hook.timeout.seconds))
        except CommandNotStarted as error:
            raise _StepFailed(str(error)) from None
        if told.timed_out or told.code != 0:
            how = "took too long" if told.timed_out else f"ended with {told.code}"
            words = f": {told.last_words}" if told.last_words else ""
            raise _StepFailed(f"the command {hook.run[0]} {how}{words}")

    def _close(self, volume: LvName) -> None:
        """Deactivating is the proof: the kernel refuses it while anything has the device open."""
        deadline = time.monotonic() + CLOSE_SECONDS
        while (now := thin_pool.look_at(volume)) is not None and volume_of(now).opened:
            if time.monotonic() >= deadline:
                who = "; ".join(users_of(volume.device))
                raise _StepFailed(f"{volume.text} is still open{f': {who}' if who else ''}")
            time.sleep(_POLL)
        thin_pool.deactivate(volume)

    def _put_aside(self, step: PutAside) -> None:
        now = thin_pool.look_at(step.volume)
        if now is None or volume_of(now).uuid != step.uuid or volume_of(now).active:
            raise _StepFailed(f"{step.volume.text} is not the closed volume any more that it was")
        # At boot two file systems of one UUID must not come up: first of all, it is skipped then.
        thin_pool.set_skip(step.volume, skip=True)
        thin_pool.set_tag((step.volume, *step.snapshots), step.tag, tagged=True)
        thin_pool.rename(step.volume, step.name)

    def _bring_in(self, step: BringIn) -> None:
        if thin_pool.look_at(step.volume) is not None:
            raise _StepFailed(f"something has the name {step.volume.text} again")
        thin_pool.rename(step.name, step.volume)
        thin_pool.set_tag(step.snapshots, step.tag, tagged=False)
