"""A machine whose copies lie on another one, reached over a real sshd, with a real tracker.

An SSH destination below another root would be a local directory, so this machine's root is `/` and
only its state lies in the test's folder. Trackers are forked by a process that has everything
imported already, as in `tests.integration.tracking`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.modes import Forced, Mode
from engine.plan_json import plan_from_json, plan_to_json
from engine.progress import ProgressSink
from engine.reports import FeedReport, RunReport, RunStatus
from engine.system.barrier import synchronize
from engine.system.inotify import Inotify
from engine.system.journal import open_journal
from engine.system.lock import hold
from engine.system.places import Places
from engine.system.runner import explain_leg, run_leg
from engine.system.signals import Interrupted, interruptible
from engine.system.tracker import Tracker
from tests.integration.lab import compiled, install, only, write
from tests.integration.sshd import Server

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 30.0

DIRECT = """\
version: 1
host: {host}
timezone: UTC
destinations:
  nas: {{path: {path}, media: nas, site: away, {ssh}}}
sources:
  data: {{kind: tree, path: {top}/data, track: true}}
legs:
  offsite:
    {{kind: mirror, to: "nas:/copies/{{source}}", schedule: "02:00", full_every: 300d{options}}}
routes:
  {top}/data: offsite
"""
HOPS = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: {top}/disk, media: hdd, site: home}}
  nas: {{path: {path}, media: nas, site: away, {ssh}}}
sources:
  data: {{kind: tree, path: {top}/data, track: true}}
legs:
  nightly: {{kind: mirror, to: "disk:/", schedule: "02:00", full_every: 300d}}
  offsite:
    {{kind: mirror, from: disk, to: "nas:/copies", schedule: "06:00", full_every: 300d{options}}}
routes:
  {top}/data: nightly
"""
TWO_FEEDS = """\
version: 1
host: {host}
timezone: UTC
destinations:
  nas: {{path: {path}, media: nas, site: away, {ssh}}}
sources:
  data: {{kind: tree, path: {top}/data, track: true}}
  more: {{kind: tree, path: {top}/more, track: true}}
legs:
  offsite:
    {{kind: mirror, to: "nas:/copies/{{source}}", schedule: "02:00", full_every: 300d{options}}}
routes:
  {top}/data: offsite
  {top}/more: offsite
"""


class Trackers:
    """Starts trackers, one for each lab."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.away"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, state: Path) -> int:
        """Start a tracker for the plan in a state directory, and wait until its watches stand."""
        pid = int(self._ask(f"start {os.fsencode(state).hex()}"))
        deadline = time.monotonic() + PATIENCE
        while not synchronize(Places(state=state), PATIENCE):
            assert time.monotonic() < deadline, "the tracker never answered"
            time.sleep(0.005)
        return pid

    def end(self, pid: int) -> None:
        """End a tracker, and wait until it has."""
        self._ask(f"end {pid}")

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
class Away:
    """One machine, and the other one."""

    top: Path
    server: Server
    options: str = ""
    text: str = DIRECT
    path: str = ""
    """The destination's path in the manifest, where it is not the one that it has here."""
    now: datetime = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
    nas: Path = field(init=False)

    def __post_init__(self) -> None:
        self.nas = self.top / "nas"
        self.places = Places(state=self.top / "state")
        for directory in (self.source, self.top / "more", self.top / "disk", self.nas):
            directory.mkdir(parents=True)
        self.apply()

    @property
    def source(self) -> Path:
        return self.top / "data"

    @property
    def copies(self) -> Path:
        return self.nas / "copies/data"

    def apply(self) -> None:
        """What `policyctl apply` does, as far as runs and the tracker need it."""
        text = self.text.format(
            host=socket.gethostname(),
            top=self.top,
            path=self.path or self.nas,
            ssh=self.server.yaml(),
            options=self.options,
        )
        self.plan = compiled(text)
        install(self.plan, self.places, self.now)
        write(self.places.plan_file, plan_to_json(self.plan))

    @contextmanager
    def tracked(self, trackers: Trackers) -> Iterator[Away]:
        """Follow the source for as long as the block lasts."""
        tracker = trackers.start(self.top / "state")
        try:
            yield self
        finally:
            trackers.end(tracker)

    def run(
        self,
        leg: str = "offsite",
        forced: Forced = Forced.NOTHING,
        sink: ProgressSink | None = None,
    ) -> RunReport:
        self.now += timedelta(days=1)
        return run_leg(
            self.plan,
            leg,
            places=self.places,
            clock=lambda: self.now,
            forced=forced,
            sink=sink,
        )

    def full(self, leg: str = "offsite") -> FeedReport:
        """A full pass that succeeds."""
        return self._passed(self.run(leg, Forced.FULL), Mode.FULL)

    def first(self, leg: str = "offsite") -> FeedReport:
        """The first pass, which nobody asks to be a full one."""
        return self._passed(self.run(leg), Mode.FULL)

    def incremental(self, leg: str = "offsite") -> FeedReport:
        """An incremental pass that succeeds."""
        return self._passed(self.run(leg), Mode.INCREMENTAL)

    @staticmethod
    def _passed(report: RunReport, mode: Mode) -> FeedReport:
        assert report.status is RunStatus.OK, report
        assert only(report).mode == mode.value, report
        return only(report)

    def explain(self, leg: str = "offsite") -> str:
        return "\n".join(explain_leg(self.plan, leg, places=self.places, clock=lambda: self.now))

    def waiting(self, leg: str = "offsite", reads: str = "data") -> set[bytes]:
        """What waits in the journal for a leg."""
        with open_journal(self.places.journal_file) as journal:
            upto = journal.seen(leg, reads).upto
            return {one.path for one in journal.read(leg, reads, upto)}


def serve() -> None:
    """Start and end trackers as the lines on the standard input say."""
    running: set[int] = set()
    for line in sys.stdin:
        word, value = line.split()
        if word == "start":
            pid = os.fork()
            if pid == 0:
                _track(Path(os.fsdecode(bytes.fromhex(value))))
            running.add(pid)
            print(pid, flush=True)
        else:
            os.kill(int(value), signal.SIGTERM)
            os.waitpid(int(value), 0)
            running.discard(int(value))
            print("ended", flush=True)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _track(state: Path) -> None:
    places = Places(state=state)
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
