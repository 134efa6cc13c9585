"""Dumps on another machine, behind a real sshd: a part of one is held against its record there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.compile import compilation_of
from engine.promises.plan_chains import policy_of
from engine.system.host.places import Places
from engine.system.restore.compare import Difference
from engine.system.runs.runner import run_leg
from engine.system.state.state import open_state
from policyctl.aiming import into_folder
from policyctl.asking import Wish
from policyctl.fetching import carry_out
from policyctl.naming import file_meant
from policyctl.restoring import Restoring
from tests.databases import make
from tests.integration.lab import compiled, install, write
from tests.integration.sshd import Server, serving

pytestmark = pytest.mark.tool("rsync", "sshd", "ssh-keygen")
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  nas: {{path: {top}/nas, media: nas, site: away, {ssh}}}
sources:
  tree: {{kind: tree, path: {top}/tree}}
  app: {{kind: sqlite, path: {top}/data/app.db, with: [files]}}
legs:
  dump: {{kind: dump, from: app, to: "tree:/app [x]", schedule: "01:00", keep: {{last: 2}}}}
  offsite: {{kind: mirror, to: "nas:/copies", schedule: "02:00", timeout: 5m}}
routes:
  {top}/tree: offsite
"""


class Away:
    """A machine whose dumps ride on to another one, and are lost here."""

    def __init__(self, top: Path, server: Server) -> None:
        self.tries, self.top, self.now = 0, top, datetime(2026, 11, 20, 2, tzinfo=UTC)
        for name in ("tree", "nas"):
            (top / name).mkdir(parents=True)
        make(top / "data/app.db")
        write(top / "data/files/a", "attached")
        text = MANIFEST.format(host=socket.gethostname(), top=top, ssh=server.yaml())
        self.plan = compiled(text)
        self.places = Places(state=top / "state")
        install(self.plan, self.places, self.now)
        for leg in ("dump", "offsite"):
            self.now += timedelta(hours=1)
            clock = lambda: self.now  # noqa: E731 - one word
            report = run_leg(self.plan, leg, places=self.places, clock=clock)
            assert report.status.succeeded, report.reason
        (here,) = (top / "tree/app [x]").iterdir()
        here.rename(top / "lost")
        (self.dump,) = (top / "nas").rglob("2026*")

    def restore(self, subject: str) -> tuple[Difference, ...]:
        """What speaks against what came."""
        with self.restoring() as work:
            asked = file_meant(work, subject, Wish(), glob="*" in subject)
            found = work.find(asked, Wish())
            assert found.choice.chosen is not None
            assert found.choice.chosen.far
            aim = into_folder(work, found, self.top / f"came{self.tries}", anywhere=False)
            self.tries += 1
            return carry_out(work, work.propose(found, aim), None).differences

    @contextmanager
    def restoring(self) -> Iterator[Restoring]:
        with open_state(self.places.state_file) as state:
            work = Restoring(
                policy_of(self.plan), compilation_of(self.plan), Path("/"), state=state
            )
            work.places = self.places
            yield work


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    with serving(tmp_path / "server") as server:
        yield Away(tmp_path / "top", server)


@pytest.mark.parametrize("name", ["app.db", "files/a", "files", "app*", "*", "files/*"])
def test_a_part_that_is_as_it_was_is_good(away: Away, name: str) -> None:
    assert away.restore(f"app:{name}") == ()


def test_law_18_what_a_pattern_brings_is_held_against_the_record_there(away: Away) -> None:
    (away.dump / "app.db").write_bytes(b"rotten")
    what = "its content is not what the record of the dump says"
    assert ((b"app.db",), what) in {(one.path, one.what) for one in away.restore("app:app*")}
    assert away.restore("app:f*") == ()


@pytest.mark.parametrize("name", ["app.db", "files/a"])
def test_law_18_a_part_that_has_rotted_there_is_told(away: Away, name: str) -> None:
    path = away.dump / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    what = "its content is not what the record of the dump says"
    assert what in {one.what for one in away.restore(f"app:{name}")}
    if name == "files/a":
        assert {(one.path, one.what) for one in away.restore("app:files")} == {((b"a",), what)}


def test_where_the_record_cannot_be_had_that_is_said(away: Away) -> None:
    record = away.dump / "contents.json"
    content = record.read_bytes()
    record.unlink()
    (found,) = away.restore("app:files/a")
    assert found.what.startswith("its record cannot be read, so that nothing of it could be held")
    (away.top / "secret").write_bytes(content)
    record.symlink_to(away.top / "secret")
    (found,) = away.restore("app:files/a")
    assert found.what.startswith("its record cannot be read"), "law 41"
    record.unlink()
    record.write_bytes(content)
    (away.dump / "contents.sha256").unlink()
    (found,) = away.restore("app:files/a")
    assert found.what.startswith("contents.sha256 is not there: what is in folders")


def test_nothing_of_what_was_fetched_to_compare_is_left(
    away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    assert away.restore("app:files/a") == ()
    assert list(scratch.iterdir()) == []
