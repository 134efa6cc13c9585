"""A drill, from its lock to its record, on every way out."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.drill.draw import Draw
from engine.drill.outcome import Drilled, Status
from engine.drill.turns import next_place
from engine.plan.model import DrillPlan, Plan
from engine.promises.plan_chains import chains_of
from engine.restore.versions import Kind
from engine.rsync.filters import FilterError
from engine.system.drill.bring import Batch, Checked, batches_of, bring_back, check
from engine.system.drill.listing import NotListed, offer_all
from engine.system.drill.loading import load
from engine.system.drill.pieces import Holding, NothingHeld, Piece
from engine.system.drill.scratch import NoScratch, Private, private_scratch
from engine.system.drill.whole import bytes_of_source
from engine.system.host.lock import hold
from engine.system.host.lock_probe import is_held
from engine.system.host.places import Places
from engine.system.host.process import CommandNotStarted
from engine.system.host.signals import Interrupted, interruptible
from engine.system.restore.known import Known
from engine.system.restore.outcome import NotRestored
from engine.system.state.disk_identity import find_identity
from engine.system.state.drills import Drills
from engine.system.state.state import State, open_state
from engine.system.telling.tell import tell_drill

_FAILURES = (NotListed, NotRestored, CommandNotStarted, FilterError, OSError, sqlite3.Error)
_POLL = 1.0
_NAME = "%Y-%m-%dT%H-%M-%SZ"


class NotBegun(Exception):
    """The drill could not begin, or be judged; the message says why."""


class _Disturbed(Exception):
    """A run wrote the copy while it was restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How somebody wants a drill."""

    seed: int
    place: str | None = None
    """The destination; None: as the drill says."""
    keep: bool = False
    """Whether what comes back stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A drill that has ended."""

    drilled: Drilled
    kept: bytes = b""
    """Where what came back lies; empty: nothing was kept."""
    untold: str = ""
    """Why its figures could not be told."""
    signal: int | None = None
    """By which it was ended."""


def rehearse(
    plan: Plan,
    drill: DrillPlan,
    asked: Asked,
    *,
    places: Places,
    clock: Callable[[], datetime],
    say: Callable[[str], None],
) -> Rehearsed:
    """Carry out one drill, note it and tell it.

    Raises `Locked` where it goes on already, and `StateUnusable`.
    """
    with (
        hold(places.drill_lock(drill.name)),
        open_state(places.state_file) as state,
        interruptible(),
    ):
        run = _Rehearsal(plan, drill, asked, places, state, clock, say)
        signal = None
        try:
            outcome = run.go()
        except Interrupted as end:
            signal = end.number
            outcome = replace(run.so_far, status=Status.INTERRUPTED, reason=str(end))
        except (NotBegun, NoScratch, NothingHeld) as error:
            outcome = replace(run.so_far, status=Status.REFUSED, reason=str(error))
        except _FAILURES as error:
            outcome = replace(run.so_far, status=Status.FAILED, reason=_sentence(error))
        outcome = replace(outcome, ended=clock())
        Drills(state.connection).note(outcome)
        untold = tell_drill(plan, drill, state, places)
        return Rehearsed(drilled=outcome, kept=run.kept, untold=untold, signal=signal)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return str(error)


class _Rehearsal:
    """One drill while it lasts."""

    def __init__(
        self,
        plan: Plan,
        drill: DrillPlan,
        asked: Asked,
        places: Places,
        state: State,
        clock: Callable[[], datetime],
        say: Callable[[str], None],
    ) -> None:
        self.plan, self.drill, self.asked = plan, drill, asked
        self.places, self.state, self.clock, self.say = places, state, clock, say
        self.records = Drills(state.connection)
        self.deadline = time.monotonic() + drill.drill.timeout.seconds
        self.kept = b""
        began = clock()
        known = Known(plan=plan, state=state, places=places, now=began)
        key = drill.drill.identity
        identity = places.below_root(key) if key is not None else None
        self.holding = Holding(known, chains_of(plan), drill.drill.source, identity)
        self.so_far = Drilled(
            drill=drill.name,
            source=drill.drill.source,
            place="",
            began=began,
            seed=asked.seed,
        )

    @property
    def left(self) -> float:
        """Seconds that it may still take."""
        return max(1.0, self.deadline - time.monotonic())

    def go(self) -> Drilled:
        """Do all of it; a copy that a run writes meanwhile is taken once more."""
        self.so_far = replace(self.so_far, place=self._place())
        self.records.note(self.so_far)
        try:
            return self._once()
        except _Disturbed as disturbed:
            self.say(f"{self.drill.name}: {disturbed}: once more")
        try:
            return self._once()
        except _Disturbed as disturbed:
            raise NotBegun(
                f"{disturbed}, twice: what came may be of two states, and is not judged"
            ) from None

    def _place(self) -> str:
        """The destination that is restored from."""
        if self.asked.place is not None:
            return self.asked.place
        earlier = self.records.of(self.drill.name)
        away = {one for one in self.drill.places if self._is_away(one)}
        found = next_place(self.drill.places, earlier, away)
        # Where all are away, one is named all the same: what it says tells why.
        return found or next_place(self.drill.places, earlier) or ""

    def _is_away(self, name: str) -> bool:
        """Whether its disk comes and goes, and is not there."""
        one = self.plan.destination(name)
        if one is None or not one.sometimes or self.places.reaches_over_ssh(one):
            return False
        found = find_identity(one, self.places)
        return found is None or found != self.state.destination_identity(name)

    def _once(self) -> Drilled:
        scratch = self.places.below_root(self.drill.drill.scratch)
        was = self.drill.drill.was
        was = None if was is None or is_held(self.places.drill_lock(was)) else was
        with private_scratch(scratch, self.drill.name, self.plan.host, was=was) as private:
            pieces = self.holding.pieces_at(self.so_far.place)
            self._wait_for(pieces)
            began = self.clock()
            pieces = self.holding.pieces_at(self.so_far.place)
            draw, batches = self._drawn(pieces)
            drawn = [one for batch in batches for one in batch.files]
            private.refuse_without_room(sum(one.size for one in drawn), len(drawn))
            try:
                outcome = self._restored(batches, private)
            except NotRestored:
                self._raise_if_disturbed(pieces, began)
                raise
            if outcome.status is not Status.OK:
                self._raise_if_disturbed(pieces, began)
            self.so_far = replace(outcome, whole=self._whole(draw))
            if self.asked.keep:
                self.kept = private.give_away(self.so_far.began.strftime(_NAME))
            return self.so_far

    def _drawn(self, pieces: Sequence[Piece]) -> tuple[Draw, list[Batch]]:
        """Draw among all that the pieces hold. Raises `NotBegun`."""
        sample = self.drill.drill.sample
        draw = Draw(most=sample.bytes if sample is not None else None, seed=self.asked.seed)
        self.say(f"{self.drill.name}: listing what {self.so_far.place} holds")
        offer_all(self.plan, pieces, draw, self.left)
        batches = batches_of(pieces, draw.drawn, whole=sample is None)
        if not batches:
            raise NotBegun(
                f"each of the {draw.files:,} files at {self.so_far.place} is larger than the "
                f"sample of {sample}: state a larger `sample`"
                if draw.files
                else f"there is no file of {self.drill.drill.source} at {self.so_far.place}"
            )
        return draw, batches

    def _restored(self, batches: Sequence[Batch], private: Private) -> Drilled:
        """Bring the batches back, and check them."""
        stamp = self.so_far.began.strftime("%Y%m%dT%H%M%SZ").encode()
        files = sum(len(batch.files) for batch in batches)
        many = f"{files:,} file{'' if files == 1 else 's'}"
        self.say(f"{self.drill.name}: restoring {many} from {self.so_far.place}")
        seconds = sum(
            bring_back(self.plan, batch, private, stamp=stamp, limit=self.left) for batch in batches
        )
        checked = Checked()
        for batch in batches:
            check(self.holding, batch, private, checked, self.left)
        self._load(batches, private, checked)
        moments = [batch.piece.version.moment for batch in batches]
        known = [one for one in moments if one is not None]
        return replace(
            self.so_far,
            status=Status.FAILED if checked.fault_count else Status.OK,
            reason=_fault_reason(checked),
            data_as_of=min(known) if len(known) == len(moments) else None,
            files=checked.files,
            bytes=checked.size,
            seconds=seconds,
            compared=checked.compared,
            databases=checked.databases,
            faults=tuple(checked.faults),
            fault_count=checked.fault_count,
        )

    def _load(self, batches: Sequence[Batch], private: Private, checked: Checked) -> None:
        """Have each piece loaded, where the drill says how."""
        words = self.drill.drill.load
        for batch in batches if words else ():
            self.say(f"{self.drill.name}: loading what came back")
            what = load(words, private.path + b"/" + batch.name, self.left)
            if what:
                checked.note(batch.piece, b"", what)

    def _whole(self, draw: Draw) -> int:
        """Bytes of the whole source: as measured, or as much as lies at the place, if more."""
        measured = bytes_of_source(self.plan, self.drill.drill.source, self.state)
        return max(draw.size, measured or 0)

    # ── Runs that write what is restored ─────────────────────────────────────────────────────

    def _writers(self, pieces: Sequence[Piece]) -> list[str]:
        """The legs that write what is restored in its place, and not a generation aside."""
        newest = (one.version for one in pieces if one.version.kind is Kind.NEWEST)
        return sorted({one.copy.leg for one in newest})

    def _wait_for(self, pieces: Sequence[Piece]) -> None:
        """Let runs end that go on. Raises `NotBegun` where one outlasts the drill's own limit."""
        said = False
        while running := [
            leg for leg in self._writers(pieces) if is_held(self.places.leg_lock(leg))
        ]:
            if not said:
                self.say(f"{self.drill.name}: waiting for {', '.join(running)}")
            said = True
            if time.monotonic() >= self.deadline:
                raise NotBegun(f"{', '.join(running)} ran all the time, and wrote what is restored")
            time.sleep(_POLL)

    def _raise_if_disturbed(self, pieces: Sequence[Piece], began: datetime) -> None:
        for leg in self._writers(pieces):
            last = self.state.last_begun(leg)
            since = last is not None and last.started >= began
            if since or is_held(self.places.leg_lock(leg)):
                raise _Disturbed(f"{leg} wrote at {self.so_far.place} while it was restored")


def _fault_reason(checked: Checked) -> str:
    if not checked.fault_count:
        return ""
    many = f"{checked.fault_count:,} faults" if checked.fault_count > 1 else "1 fault"
    return f"{many} in what came back"
