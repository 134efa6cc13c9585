"""Rounds of crashes, in a mount namespace: `python -m tests.faults.rounds TOP SSH SEED N`.

In each round a writer changes a tree while the tracker and three legs work on it, and are killed:
by SIGKILL at random instants, while rsync runs, within commits, with disk or state full, with the
other machine gone. Then everything is quiet: one run of each leg, and source and copies must be
equal; one full pass more, and nothing must be left to do.

The parent owns the sshd: it is asked by a line on stdout and answers by one on stdin.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.records.reports import RunReport, RunStatus
from engine.runs.observation import Waiver
from engine.steps.modes import Forced
from engine.system.adopt import entries as adopt
from engine.system.host.lock import hold
from engine.system.host.signals import Interrupted, interruptible
from engine.system.journal import barrier
from engine.system.journal.journal import open_journal
from engine.system.passes import transfers
from engine.system.runs.runner import run_leg, utc_now
from engine.system.state.state import open_state
from engine.system.tracker.inotify import Inotify
from engine.system.tracker.tracker import Tracker
from tests.faults.world import LEGS, World, filled, small_disk
from tests.faults.writer import Writer
from tests.processes import parents

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_PATIENCE = 90.0
_SMALLER = "--allow smaller-source"
PLACES = {"nightly": "disk:", "images": "disk:/images", "offsite": "nas:/lab"}
KNOWN = frozenset({b"stranger", b"stranger.lock", b"lost+found"})


def ask(question: str) -> None:
    """Have the parent do something."""
    print(json.dumps({"ask": question}), flush=True)
    assert sys.stdin.readline().strip() == "done"


def tell(**what: object) -> None:
    """One line of the report."""
    print(json.dumps(what), flush=True)


# ── Processes ────────────────────────────────────────────────────────────────────────────────


def started(what: Callable[[], object], *, log: Path) -> int:
    """Run something in a process of its own, which is ended with this one; its id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number in (1, 2):
            os.dup2(out, number)
        what()
        code = 0
    except BaseException as error:
        with suppress(OSError):
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
    finally:
        os._exit(code)


def kill(process: int, number: int = signal.SIGKILL) -> None:
    """Kill a child that may have ended already, and wait for it."""
    with suppress(ProcessLookupError):
        os.kill(process, number)
    os.waitpid(process, 0)


def ended(process: int) -> bool:
    """Whether a child has ended by itself; it stays to be waited for."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def below(process: int) -> list[int]:
    """All processes that a process has started, and those that they have."""
    started: dict[int, list[int]] = {}
    for one, parent in parents():
        started.setdefault(parent, []).append(one)
    found, waiting = [], [process]
    while waiting:
        children = started.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def die_in_a_commit(number: int, delay: float) -> None:
    """Have this process killed within its n-th commit, so long after it has begun."""
    connect = sqlite3.connect
    commits = 0

    def die() -> None:
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGKILL)

    def traced(statement: str) -> None:
        nonlocal commits
        if statement.startswith("COMMIT"):
            commits += 1
            if commits == number and delay:
                threading.Thread(target=die, daemon=True).start()
            elif commits == number:
                os.kill(os.getpid(), signal.SIGKILL)

    def connected(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)  # type: ignore[call-overload]  # passed on as it came
        assert isinstance(connection, sqlite3.Connection)
        connection.set_trace_callback(traced)
        return connection

    sqlite3.connect = connected  # type: ignore[assignment]  # this process alone


# ── What runs ────────────────────────────────────────────────────────────────────────────────


@dataclass
class Rounds:
    """The world, and who works in it."""

    world: World
    seed: int
    random: random.Random = field(init=False)
    tracker: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    adopted: int = 0
    allowed: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.log = self.world.top / "log"

    def all(self, count: int) -> None:
        """So many rounds; the world stays the same one."""
        self._start_tracker()
        try:
            for number in range(count):
                self._one(number)
        finally:
            kill(self.tracker, signal.SIGTERM)
        tell(
            faults=self.faults,
            modes=self.modes,
            failures=self.failures,
            adopted=self.adopted,
            allowed=self.allowed,
        )

    def _one(self, number: int) -> None:
        seed = self.random.randrange(1 << 30)
        writer = started(lambda: self._write(seed), log=self.log)
        try:
            for _ in range(self.random.randrange(2, 5)):
                self._fault()
        finally:
            kill(writer)
        Writer(self.world.data, self.world.top / "outside", seed).trim()
        self._quiet(number)

    def _write(self, seed: int) -> None:
        writer = Writer(self.world.data, self.world.top / "outside", seed)
        while True:
            writer.step()
            time.sleep(0.002)

    def _track(self) -> None:
        places = self.world.places
        with (
            suppress(Interrupted),
            interruptible(),
            hold(places.tracker_lock, wait=_PATIENCE),
            open_journal(places.journal_file) as journal,
        ):
            Tracker(places, journal, Inotify(), lambda: self.world.plan, print).run()

    def _start_tracker(self, before: Callable[[], None] = lambda: None) -> None:
        def track() -> None:
            before()
            self._track()

        self.tracker = started(track, log=self.log)

    def _run(self, leg: str, forced: Forced = Forced.NOTHING, *waived: Waiver) -> RunReport:
        return run_leg(
            self.world.plan,
            leg,
            places=self.world.places,
            clock=utc_now,
            forced=forced,
            waived=frozenset(waived),
        )

    # ── Faults ───────────────────────────────────────────────────────────────────────────────

    def _fault(self) -> None:
        """Start a run, and let something happen to it; sometimes nothing does."""
        weights = {
            self._nothing: 2,
            self._kill_run: 4,
            self._kill_all: 2,
            self._kill_rsync: 3,
            self._terminate: 2,
            self._kill_in_commit: 4,
            self._kill_tracker: 1,
            self._kill_tracker_in_commit: 1,
            self._fill_disk: 2,
            self._fill_state: 1,
            self._ssh_gone: 2,
        }
        chosen = self.random.choices(list(weights), list(weights.values()))[0]
        self.faults[chosen.__name__.strip("_")] += 1
        chosen()

    @contextmanager
    def _running(
        self, *legs: str, before: Callable[[], None] = lambda: None
    ) -> Iterator[list[int]]:
        def run(leg: str) -> None:
            before()
            print(self._run(leg))

        chosen = legs or tuple(self.random.sample(LEGS, self.random.choice((1, 1, 2, 3))))
        processes = [started(lambda leg=leg: run(leg), log=self.log) for leg in chosen]  # type: ignore[misc]  # bound at once
        try:
            yield processes
        finally:
            # A lock that a run is waiting for may take a while.
            for one in processes:
                self._wait_or_kill(one)

    def _wait_or_kill(self, process: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not ended(process):
            assert time.monotonic() < deadline, f"a run never ended: {self.log.read_text()[-4000:]}"
            time.sleep(0.01)
        os.waitpid(process, 0)

    def _pause(self) -> None:
        time.sleep(self.random.choice((0.05, 0.3, 0.6)) * self.random.random() * 2)

    def _nothing(self) -> None:
        with self._running():
            pass

    def _kill_run(self) -> None:
        with self._running() as processes:
            self._pause()
            os.kill(self.random.choice(processes), signal.SIGKILL)

    def _kill_all(self) -> None:
        """As the kernel does with a whole control group."""
        with self._running() as processes:
            self._pause()
            for one in (*processes, *(child for run in processes for child in below(run))):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)

    def _kill_rsync(self) -> None:
        with self._running() as processes:
            deadline = time.monotonic() + 1.0
            children: list[int] = []
            while not children and time.monotonic() < deadline:
                time.sleep(0.005)
                children = [child for run in processes for child in below(run)]
            time.sleep(self.random.random() * 0.05)
            if children:
                with suppress(ProcessLookupError):
                    os.kill(self.random.choice(children), signal.SIGKILL)

    def _terminate(self) -> None:
        with self._running() as processes:
            self._pause()
            os.kill(self.random.choice(processes), signal.SIGTERM)

    def _kill_in_commit(self) -> None:
        number = self.random.randrange(1, 25)
        delay = self.random.choice((0.0, self.random.random() * 0.003))
        with self._running(before=lambda: die_in_a_commit(number, delay)):
            pass

    def _kill_tracker(self) -> None:
        with self._running():
            self._pause()
            kill(self.tracker)
            self._pause()
            self._start_tracker()

    def _kill_tracker_in_commit(self) -> None:
        kill(self.tracker, signal.SIGTERM)
        number, delay = self.random.randrange(1, 12), self.random.random() * 0.003
        self._start_tracker(lambda: die_in_a_commit(number, delay))
        with self._running():
            self._pause()
        kill(self.tracker)
        self._start_tracker()

    def _fill_disk(self) -> None:
        with filled(self.world.disk), self._running("nightly", "images"):
            pass

    def _fill_state(self) -> None:
        """The tracker may end by it, as systemd would see and start it again."""
        with filled(self.world.places.state_dir), self._running():
            self._pause()
        # There is room again; but it may just be ending by what it met before.
        while not (tracker_ended := ended(self.tracker)):
            if barrier.synchronize(self.world.places, 0.5):
                break
            time.sleep(0.05)
        if tracker_ended:
            os.waitpid(self.tracker, 0)
            self._start_tracker()

    def _ssh_gone(self) -> None:
        with self._running("offsite"):
            self._pause()
            ask("stop sshd")
        ask("start sshd")

    # ── Quiet ────────────────────────────────────────────────────────────────────────────────

    def _quiet(self, number: int) -> None:
        self._wait_for_tracker()
        reports = self._adopt([self._run_knowing(leg) for leg in LEGS])
        self.modes.update(feed.mode for one in reports for feed in one.feeds)
        wrong = [f"{one.leg}: {one.status.value}: {one.reason}" for one in reports if not good(one)]
        wrong += [f"{one.leg}: not its own: {not_own(one)}" for one in reports if not_own(one)]
        wrong += self.world.differences() + self.world.litter() + self._records(reports)
        full = [self._run(leg, Forced.FULL) for leg in LEGS]
        for one in full:
            left = [(feed.files, feed.deleted, feed.deletions_wanted) for feed in one.feeds]
            if not good(one) or left != [(0, 0, 0)]:
                wrong.append(f"{one.leg}: a full pass found {left}: {one.status} {one.reason}")
        self.failures += bool(wrong)
        tell(
            round=number,
            modes=[feed.mode for one in reports for feed in one.feeds],
            wrong=wrong[:8],
        )

    def _run_knowing(self, leg: str) -> RunReport:
        """A run, and once more where it asks a person: more than half may have been removed."""
        report = self._run(leg)
        if report.status is RunStatus.REFUSED and _SMALLER in report.reason:
            self.allowed += 1
            report = self._run(leg, Forced.NOTHING, Waiver.SMALLER_SOURCE)
        return report

    def _adopt(self, reports: list[RunReport]) -> list[RunReport]:
        """What rsync made at the top in its last instant, and nobody could note as the leg's own.

        It is told as foreign and kept, for it may be somebody's: here somebody knows better. What
        is nobody's at the disk is not carried on, so only once it is adopted there the next hop
        can tell whose its own copy is.
        """
        for _ in LEGS:
            leftovers = [
                (report.leg, f"{PLACES[report.leg]}/{os.fsdecode(name)}")
                for report in reports
                for name in not_own(report)
            ]
            if not leftovers:
                break
            self.adopted += len(leftovers)
            for leg, place in leftovers:
                found = adopt.preview(self.world.plan, place, leg, self.world.places)
                adopt.adopt(found, self.world.places, utc_now())
            reports = [self._run_knowing(leg) for leg in LEGS]
        return reports

    def _wait_for_tracker(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not (barrier.synchronize(self.world.places, _PATIENCE) and self._stands()):
            assert not ended(self.tracker), self.log.read_text()[-4000:]
            assert time.monotonic() < deadline, "the tracker never stood"
            time.sleep(0.05)

    def _stands(self) -> bool:
        with open_journal(self.world.places.journal_file) as journal:
            told = journal.coverage("data")
        return told is not None and told.standing

    def _records(self, reports: list[RunReport]) -> list[str]:
        """What the state says of the last runs must be what happened."""
        wrong = []
        with open_state(self.world.places.state_file) as state:
            for report in reports:
                success = state.last_success(report.leg)
                if success is None or success.run_id != report.run_id:
                    wrong.append(f"{report.leg}: the last success on record is {success}")
                running = [one.run_id for one in state.history(report.leg) if one.ended is None]
                if running:
                    wrong.append(f"{report.leg}: {running} never ended, says the state")
        return wrong


def not_own(report: RunReport) -> list[bytes]:
    """Entries at the top of a leg's copies that are neither its own nor known strangers."""
    found = (name for feed in report.feeds for name in (*feed.foreign, *feed.shared))
    return [name for name in found if name not in KNOWN]


def good(report: RunReport) -> bool:
    """Whether a quiet run went as it ought to."""
    return report.status in {RunStatus.OK, RunStatus.NOTED}


def main() -> None:
    """Run the rounds; every finding is a line of JSON."""
    top, ssh, seed, count = sys.argv[1:5]
    transfers.BACK_OFF = (0.2, 0.4, 0.4)  # a test does not wait for a router to come back
    world = World(Path(top), ssh)
    with small_disk(world, loop="--loop" in sys.argv):
        world.build()
        Rounds(world, int(seed)).all(int(count))


if __name__ == "__main__":
    main()
