"""States that only a destination's own snapshots hold: found, dated and brought back.

On a real btrfs, here and behind a real sshd. The snapshots are taken now, and the runs before and
after them by a clock of the test.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.compile import compilation_of
from engine.promises.plan_chains import policy_of
from engine.restore.choice import said, unseen_words
from engine.restore.versions import Kind, Version, Whole
from engine.standing.copy_paths import location_path
from engine.system.host.places import Places
from engine.system.runs.runner import run_leg
from engine.system.state.state import open_state
from policyctl.aiming import into_folder
from policyctl.asking import Found, Wish
from policyctl.fetching import carry_out
from policyctl.restoring import Restoring
from tests.integration.btrfs import do, mounted_btrfs, subvolume
from tests.integration.lab import compiled, install, write
from tests.integration.sshd import serving

pytestmark = [
    pytest.mark.root,
    pytest.mark.tool("rsync", "sshd", "ssh-keygen", "btrfs", "mkfs.btrfs", "mount"),
]
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  nas:
    path: {pool}/copies/lab
    media: nas
    site: away
    {ssh}
    snapshots:
      {{kind: btrfs, share: {pool}/copies, keep: {{within: 7d}}, at: {pool}/copies/.snapshots}}
sources:
  data: {{kind: tree, path: {top}/data}}
legs:
  offsite: {{kind: mirror, to: "nas:/copies", schedule: "02:00", timeout: 5m}}
  films: {{kind: mirror, to: "nas:/copies/films", schedule: "03:00", timeout: 5m}}
routes:
  {top}/data: offsite
  {top}/data/films: films
"""


class Nas:
    """A mirror on a subvolume whose snapshots can be reached."""

    def __init__(self, top: Path, pool: Path, ssh: str) -> None:
        self.data, self.copies = top / "data", pool / "copies"
        subvolume(self.copies)
        for directory in (self.copies / "lab", self.copies / ".snapshots", self.data):
            directory.mkdir(parents=True)
        host = socket.gethostname()
        self.plan = compiled(MANIFEST.format(host=host, top=top, pool=pool, ssh=ssh))
        self.places = Places(state=top / "state")
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=4)
        install(self.plan, self.places, self.now)

    def run(self, leg: str = "offsite") -> None:
        report = run_leg(self.plan, leg, places=self.places, clock=lambda: self.now)
        assert report.status.succeeded, report.reason

    def take(self, name: str, *, sealed: bool = True) -> None:
        where = self.copies / ".snapshots" / name
        options = ("-r",) if sealed else ()
        do("btrfs", "-q", "subvolume", "snapshot", *options, self.copies, where)

    def later(self) -> None:
        """From now on runs come after all snapshots that are there."""
        self.now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)

    @contextmanager
    def restoring(self) -> Iterator[Restoring]:
        with open_state(self.places.state_file) as state:
            work = Restoring(
                policy_of(self.plan), compilation_of(self.plan), Path("/"), state=state
            )
            work.places = self.places
            yield work

    def find(self, path: str, **wish: Any) -> Found:
        with self.restoring() as work:
            return work.find(work.ask(str(self.data / path)), Wish(**wish))

    def restore(self, path: str, to: Path, **wish: Any) -> None:
        with self.restoring() as work:
            found = work.find(work.ask(str(self.data / path)), Wish(**wish))
            carry_out(work, work.propose(found, into_folder(work, found, to, anywhere=False)), None)


@pytest.fixture(params=["here", "far"])
def nas(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Nas]:
    with mounted_btrfs(tmp_path, tmp_path / "pool"), serving(tmp_path / "server") as server:
        top = tmp_path / "top"
        top.mkdir()
        yield Nas(
            top,
            tmp_path / "pool",
            server.yaml().replace(", ", "\n    ") if request.param == "far" else "",
        )


def snapshots(found: Found) -> list[Version]:
    return [one for one in found.versions if one.kind is Kind.SNAPSHOT]


def test_what_a_run_has_overwritten_comes_back_from_a_snapshot(nas: Nas, tmp_path: Path) -> None:
    write(nas.data / "file", "one")
    first = nas.now
    nas.run()
    nas.take("auto-1")
    nas.later()
    write(nas.data / "file", "two two")
    nas.run()
    found = nas.find("file")
    (one,) = snapshots(found)
    assert found.choice.chosen is not None
    assert found.choice.chosen.kind is Kind.NEWEST
    assert (one.moment, one.whole, one.size) == (first, Whole.COMPLETE, 3)
    assert one.label == "nas:auto-1"
    assert said(one, found.zone).startswith("the place's own snapshot auto-1 of ")
    path = location_path(nas.plan, one.location, one.shadow)
    assert path.endswith(bytes(nas.copies / ".snapshots/auto-1/lab/copies/file"))
    nas.restore("file", tmp_path / "to", as_of=first)
    assert (tmp_path / "to/file").read_text() == "one"
    nas.restore("file", tmp_path / "named", place="nas:auto-1")
    assert (tmp_path / "named/file").read_text() == "one"


def test_what_was_deleted_is_found_and_other_legs_keep_theirs(nas: Nas, tmp_path: Path) -> None:
    write(nas.data / "dir/a b", "kept")
    write(nas.data / "films/film", "of another leg")
    nas.run()
    nas.run("films")
    nas.take("auto 1")
    nas.later()
    (nas.data / "dir/a b").unlink()
    nas.run()
    assert [one.kind for one in nas.find("dir/a b").versions] == [Kind.SNAPSHOT]
    nas.restore("dir/a b", tmp_path / "to")
    assert (tmp_path / "to/a b").read_text() == "kept"
    nas.restore("", tmp_path / "all", place="nas:auto 1")
    assert sorted(one.name for one in (tmp_path / "all/data").iterdir()) == ["dir"]


def test_one_that_somebody_can_write_to_is_none(nas: Nas) -> None:
    write(nas.data / "file", "one")
    nas.run()
    nas.take("open", sealed=False)
    assert snapshots(nas.find("file")) == []


def test_of_one_from_before_all_runs_the_age_is_not_known(nas: Nas) -> None:
    write(nas.copies / "lab/copies/file", "strange")
    nas.take("early")
    nas.later()
    (nas.copies / "lab/copies/file").unlink()
    write(nas.data / "file", "one")
    nas.run()
    (one,) = snapshots(nas.find("file"))
    assert (one.moment, one.whole) == (None, Whole.UNKNOWN)
    assert one.why == "no run before it is known"


def test_that_they_cannot_be_asked_hides_nothing_else(nas: Nas) -> None:
    write(nas.data / "file", "one")
    nas.run()
    nas.take("x\ny")
    found = nas.find("file")
    assert [one.kind for one in found.versions] == [Kind.NEWEST]
    (unseen,) = found.unseen
    assert "its own snapshots: its list holds 'y'" in unseen_words(unseen)
