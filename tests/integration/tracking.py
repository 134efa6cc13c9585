"""A tracker of its own for each lab: the real one, in a process that ends with the test.

Starting Python anew for each would take longer than the tests. So one process has everything
imported already, and forks a tracker whenever it is asked to.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from engine.plan.stored import plan_from_json, plan_to_json
from engine.records.reports import FeedReport, RunReport, RunStatus
from engine.runs.observation import Waiver
from engine.steps.modes import Forced, Mode
from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.host.signals import Interrupted, interruptible
from engine.system.journal.barrier import synchronize
from engine.system.journal.journal import open_journal
from engine.system.runs.runner import run_leg
from engine.system.tracker.inotify import Inotify
from engine.system.tracker.tracker import Tracker
from tests.integration.lab import Lab, manifest, only, write

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
OPTIONS = ", full_every: 300d"


def tracked(options: str = "") -> str:
    """The lab's manifest with a source that is tracked, and incremental passes."""
    return manifest(OPTIONS + options).replace("path: /srv/data}", "path: /srv/data, track: true}")


class Trackers:
    """Starts trackers, one for each lab."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.tracking"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, places: Places) -> int:
        """Start a tracker for the plan below a root, and wait until its watches stand."""
        where = (places.root, places.state or "")
        pid = int(self._ask(f"start {' '.join(os.fsencode(one).hex() or '-' for one in where)}"))
        deadline = time.monotonic() + PATIENCE
        while not synchronize(places, PATIENCE):
            assert time.monotonic() < deadline, "the tracker never answered"
            time.sleep(0.005)
        return pid

    def end(self, pid: int, number: int = signal.SIGTERM) -> None:
        """End a tracker, and wait until it has."""
        self._ask(f"end {pid} {int(number)}")

    def close(self) -> None:
        """End the process that starts them."""
        self._server.communicate(timeout=PATIENCE)

    def _ask(self, question: str) -> str:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(question.encode() + b"\n")
        self._server.stdin.flush()
        return self._server.stdout.readline().decode().strip()


@dataclass
class TrackedLab(Lab):
    """A lab whose source is followed by a tracker."""

    text: str = field(default_factory=tracked)
    trackers: Trackers | None = None
    tracker: int = 0

    @contextmanager
    def tracking(self) -> Iterator[TrackedLab]:
        """Follow the source for as long as the block lasts."""
        assert self.trackers is not None
        self.tracker = self.trackers.start(self.places)
        try:
            yield self
        finally:
            self.trackers.end(self.tracker)

    def apply(self) -> None:
        """What `policyctl apply` does, as far as runs and the tracker need it."""
        super().apply()
        write(self.places.plan_file, plan_to_json(self.plan))

    def forced(self, forced: Forced, leg: str = "nightly", *allow: Waiver) -> RunReport:
        """A run of which a person asked something."""
        self.now += timedelta(days=1)
        return run_leg(
            self.plan,
            leg,
            places=self.places,
            clock=lambda: self.now,
            waived=frozenset(allow),
            forced=forced,
        )

    def full(self, leg: str = "nightly") -> FeedReport:
        """A full pass that succeeds."""
        report = self.forced(Forced.FULL, leg)
        assert report.status.succeeded, report
        return only(report)

    def incremental(
        self, leg: str = "nightly", *allow: Waiver, status: RunStatus = RunStatus.OK
    ) -> FeedReport:
        """An incremental pass that ends as expected."""
        report = self.run(leg, *allow)
        assert report.status is status, report
        assert only(report).mode == Mode.INCREMENTAL.value, report
        return only(report)

    def waiting(self, leg: str = "nightly", reads: str = "data") -> set[bytes]:
        """What waits in the journal for a leg."""
        with open_journal(self.places.journal_file) as journal:
            return {one.path for one in journal.read(leg, reads)}


def serve() -> None:
    """Start and end trackers as the lines on the standard input say."""
    running: set[int] = set()
    for line in sys.stdin:
        word, *values = line.split()
        if word == "start":
            pid = os.fork()
            if pid == 0:
                root, state = (_path(one) for one in values)
                _track(Places(root=root or Path("/"), state=state))
            running.add(pid)
            print(pid, flush=True)
        else:
            os.kill(int(values[0]), int(values[1]))
            os.waitpid(int(values[0]), 0)
            running.discard(int(values[0]))
            print("ended", flush=True)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _path(text: str) -> Path | None:
    return None if text == "-" else Path(os.fsdecode(bytes.fromhex(text)))


def _track(places: Places) -> None:
    code = 1
    try:
        with (
            interruptible(),
            hold(places.tracker_lock, wait=PATIENCE),
            open_journal(places.journal_file) as journal,
        ):
            Tracker(
                places,
                journal,
                Inotify(),
                lambda: plan_from_json(places.plan_file.read_text()),
                lambda _: None,
            ).run()
    except Interrupted:
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
