"""A machine whose copies lie on another one, reached over a real sshd, with a real tracker.

An SSH destination below another root would be a local directory, so this machine's root is `/` and
only its state lies in the test's folder.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.plan.stored import plan_to_json
from engine.progress import ProgressSink
from engine.records.reports import FeedReport, RunReport, RunStatus
from engine.steps.modes import Forced, Mode
from engine.system.host.places import Places
from engine.system.journal.journal import open_journal
from engine.system.runs.runner import explain_leg, run_leg
from tests.integration.lab import compiled, install, only, write
from tests.integration.sshd import Server
from tests.integration.tracking import Trackers

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
        tracker = trackers.start(self.places)
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
            return {one.path for one in journal.read(leg, reads)}
