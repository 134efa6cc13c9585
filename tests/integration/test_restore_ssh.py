"""Copies on another machine, behind a real sshd: looked at, fetched, cut off, gone on with."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.compile import compilation_of
from engine.plan.left_plan import NAME, left_from_json
from engine.promises.plan_chains import policy_of
from engine.restore.choice import unseen_words
from engine.standing.copy_standing import There
from engine.system.host.places import Places
from engine.system.runs.runner import run_leg
from engine.system.state.state import open_state
from policyctl.aiming import into_folder
from policyctl.asking import Found, Wish
from policyctl.boundary import Refused
from policyctl.fetching import carry_out
from policyctl.restoring import Restoring
from tests.integration.lab import HOSTILE, at, compiled, install, tree, wrap_rsync, write
from tests.integration.sshd import Server, serving

pytestmark = pytest.mark.tool("rsync", "sshd", "ssh-keygen")
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  nas: {{path: {top}/nas, media: nas, site: away, {ssh}}}
sources:
  data: {{kind: tree, path: {top}/data}}
legs:
  offsite: {{kind: mirror, to: "nas:/copies", schedule: "02:00", timeout: 5m,
             deleted: {{keep: 30d}}}}
routes:
  {top}/data: offsite
"""


class Away:
    """A machine whose only copies lie on another one."""

    def __init__(self, top: Path, server: Server) -> None:
        self.top, self.now = top, datetime(2026, 11, 20, 2, tzinfo=UTC)
        self.data, self.nas = top / "data", top / "nas"
        for directory in (self.data, self.nas):
            directory.mkdir(parents=True)
        text = MANIFEST.format(host=socket.gethostname(), top=top, ssh=server.yaml())
        self.plan = compiled(text)
        self.places = Places(state=top / "state")
        install(self.plan, self.places, self.now)

    def run(self) -> None:
        self.now += timedelta(days=1)
        clock = lambda: self.now  # noqa: E731 - one word
        report = run_leg(self.plan, "offsite", places=self.places, clock=clock)
        assert report.status.succeeded, report.reason

    @contextmanager
    def restoring(self) -> Iterator[Restoring]:
        with open_state(self.places.state_file) as state:
            model, compilation = policy_of(self.plan), compilation_of(self.plan)
            work = Restoring(model, compilation, Path("/"), state=state)
            work.places = self.places
            yield work

    def find(self, path: bytes, as_of: datetime | None = None) -> Found:
        with self.restoring() as work:
            return work.find(self.asked(work, path), Wish(as_of=as_of))

    def asked(self, work: Restoring, path: bytes):
        return work.ask(str(at(self.data, path)))

    def restore(self, path: bytes, to: Path, as_of: datetime | None = None) -> None:
        with self.restoring() as work:
            found = work.find(self.asked(work, path), Wish(as_of=as_of))
            aim = into_folder(work, found, to, anywhere=False)
            carry_out(work, work.propose(found, aim), None)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "server") as server:
        yield server


@pytest.fixture
def away(tmp_path: Path, server: Server) -> Away:
    found = Away(tmp_path / "top", server)
    for name in HOSTILE:
        write(at(found.data, name, b"inner"), b"x")
    write(found.data / "file", b"one")
    found.run()
    return found


def test_law_34_any_name_comes_back_from_another_machine(away: Away, tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        to = tmp_path / f"to{number}"
        away.restore(name, to)
        assert tree(to) == {name: ("directory", b""), name + b"/inner": ("file", b"x")}


def test_what_was_set_aside_there_is_found_with_its_moment(away: Away, tmp_path: Path) -> None:
    first = away.now
    write(away.data / "file", b"two two")
    away.run()
    found = away.find(b"file")
    assert [one.moment for one in found.versions] == [away.now, first]
    assert [one.size for one in found.versions] == [7, 3]
    assert all(one.far for one in found.versions)
    away.restore(b"file", tmp_path / "to", as_of=first)
    assert (tmp_path / "to/file").read_bytes() == b"one"


def test_law_41_no_symlink_of_the_other_machine_is_followed(away: Away, tmp_path: Path) -> None:
    write(away.top / "secret/key", b"private")
    (away.data / "link").symlink_to(away.top / "secret")
    away.run()
    assert away.find(b"link/key").versions == ()
    away.restore(b"link", tmp_path / "to")
    assert (tmp_path / "to/link").is_symlink()


def test_a_fetch_that_was_cut_off_goes_on(
    away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", "exit 12"))
        with pytest.raises(Refused, match="the same command goes on"):
            away.restore(b"file", tmp_path / "to")
    assert not (tmp_path / "to/file").exists()
    away.restore(b"file", tmp_path / "to")
    assert (tmp_path / "to/file").read_bytes() == b"one"
    assert [one.name for one in (tmp_path / "to").iterdir()] == ["file"]


def test_a_machine_that_does_not_answer_is_told(away: Away, server: Server) -> None:
    server.stop()
    (one,) = away.find(b"file").unseen
    assert one.there is There.UNKNOWN
    assert "Connection refused" in unseen_words(one)
    server.start()
    shutil.move(away.nas, away.top / "elsewhere")
    (one,) = away.find(b"file").unseen
    assert one.there is There.AWAY


def test_the_plan_is_left_there_in_one_connection_and_not_through_a_symlink(
    away: Away, server: Server
) -> None:
    left = left_from_json(at(away.nas, NAME).read_text())
    assert left.destination == "nas"
    assert left.plan == away.plan
    assert [one.began for one in left.runs["offsite"]] == [away.now]
    victim = away.top / "victim"
    write(victim, b"somebody's")
    at(away.nas, NAME).unlink()
    at(away.nas, NAME).symlink_to(victim)
    at(away.nas, NAME + b".new").symlink_to(victim)
    before = server.connections
    away.run()
    assert server.connections == before + 1
    assert victim.read_bytes() == b"somebody's"
    assert not at(away.nas, NAME).is_symlink()
    assert left_from_json(at(away.nas, NAME).read_text()) != replace(left)
