"""A machine whose routes change: `apply`, `run`, `migrate`, `gc`, without their command lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.orphans.migration import Move, Stay, new_arrivals
from engine.orphans.orphans import orphans_between
from engine.plan.model import Plan
from engine.records.reports import RunReport
from engine.system.host.places import Places
from engine.system.orphans.clean_up import NotCleaned, cleaning
from engine.system.orphans.contents import Looked
from engine.system.orphans.migrate import Migrated, Migrator
from engine.system.runs.runner import run_leg
from engine.system.state.orphans import OrphanRecord, Tombstone
from engine.system.state.renames import follow_renames
from engine.system.state.state import open_state
from tests.integration.lab import compiled, install

TWO_DISKS = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: {top}/mnt/disk, media: hdd, site: home}}
  big: {{{big}, media: hdd, site: home}}
sources:
  data: {{kind: tree, path: {top}/srv/data}}
legs:
  nightly: {{kind: mirror, to: "disk:/", schedule: "02:00", timeout: 5m}}
  direct: {{kind: mirror, to: "big:/x", schedule: "03:00", timeout: 5m}}
{legs}routes:
  {top}/srv/data: nightly
  {top}/srv/data/other: direct
{routes}"""


@dataclass
class House:
    """One machine, all of it below a folder."""

    top: Path
    host: str
    places: Places
    big: str = ""
    """Where the second destination lies; beside the first one, if empty."""
    now: datetime = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
    plan: Plan | None = None
    said: list[str] = field(default_factory=list)
    below: str = ""
    """The folder as the manifest names it; empty where it is the root."""

    def __post_init__(self) -> None:
        for name in ("srv/data/other", "mnt/disk", "mnt/big"):
            (self.top / name).mkdir(parents=True)
        (self.top / "srv/data/other/always").write_text("there")

    @property
    def data(self) -> Path:
        return self.top / "srv/data"

    @property
    def disk(self) -> Path:
        return self.top / "mnt/disk"

    def text(self, *routes: str, legs: str = "") -> str:
        """A manifest with some routes more: `photos: direct`."""
        lines = "".join(f"  {self.below}/srv/data/{one}\n" for one in routes)
        big = self.big or f"path: {self.below}/mnt/big"
        return TWO_DISKS.format(host=self.host, top=self.below, routes=lines, legs=legs, big=big)

    def apply(self, text: str) -> None:
        before, self.plan = self.plan, compiled(text)
        with open_state(self.places.state_file) as state:
            if before is not None:
                state.orphans.note(orphans_between(before, self.plan), self.now)
                state.arrivals.note(new_arrivals(before, self.plan), self.now)
        install(self.plan, self.places, self.now)
        follow_renames(self.plan, self.places)

    def run(self, leg: str) -> RunReport:
        self.now += timedelta(days=1)
        assert self.plan is not None
        report = run_leg(self.plan, leg, places=self.places, clock=lambda: self.now)
        assert report.status.succeeded, report
        return report

    def orphans(self) -> dict[str, OrphanRecord]:
        with open_state(self.places.state_file) as state:
            return {str(one.orphan.place): one for one in state.orphans.all()}

    def look(self, name: str) -> Looked:
        assert self.plan is not None
        with cleaning(self.plan, self.places, self.now) as cleaner:
            return cleaner.look(self.orphans()[name])

    def remove(self, name: str) -> Tombstone:
        assert self.plan is not None
        with cleaning(self.plan, self.places, self.now) as cleaner:
            looked = cleaner.look(self.orphans()[name])
            with cleaner.holding(looked.record.orphan.base.holder):
                return cleaner.remove(looked, self.said.append)

    def verify(self, name: str) -> str:
        """Why an orphan is not verified; empty where it is."""
        assert self.plan is not None
        with cleaning(self.plan, self.places, self.now) as cleaner:
            try:
                cleaner.verify(cleaner.look(self.orphans()[name]))
            except NotCleaned as why:
                return str(why)
        return ""

    def moves(self, name: str) -> tuple[Move | Stay, ...]:
        """What would become of each path of an orphan."""
        assert self.plan is not None
        with cleaning(self.plan, self.places, self.now) as cleaner:
            return Migrator(cleaner).planned(cleaner.look(self.orphans()[name]))

    def migrate(self, name: str) -> Migrated:
        assert self.plan is not None
        with cleaning(self.plan, self.places, self.now) as cleaner:
            record = self.orphans()[name]
            with cleaner.holding(record.orphan.base.holder):
                looked = cleaner.look(record)
                if looked.gone:
                    Migrator(cleaner).settle(record)
                    return Migrated(moved=(), stays=())
                return Migrator(cleaner).move(looked, lambda one: self.said.append(words(one)))

    def tombstones(self) -> tuple[Tombstone, ...]:
        with open_state(self.places.state_file) as state:
            return state.orphans.tombstones()


def words(step: Move | Stay) -> str:
    """One step as a test compares it."""
    return f"{step.old} → {step.new}" if isinstance(step, Move) else f"{step.old}: {step.why}"
