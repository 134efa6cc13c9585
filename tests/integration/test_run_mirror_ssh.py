"""A mirror's full pass over SSH, against a real sshd with host-key checking on."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.records.reports import RunReport, RunStatus
from engine.system.apply.destinations import record_destinations
from engine.system.host.places import Places
from engine.system.runs.runner import explain_leg, run_leg
from tests.integration.lab import HOSTILE, at, compiled, install, only, tree, write
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
  offsite: {{kind: mirror, to: "nas:/copies/{{source}}", schedule: "02:00", timeout: 5m{options}}}
routes:
  {top}/data: offsite
"""


class Away:
    """A machine whose copies lie on another one."""

    def __init__(self, top: Path, server: Server, options: str = "") -> None:
        self.top = top
        self.server = server
        self.options = options
        self.now = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
        # Not below another root: there an SSH destination would be a local directory.
        self.places = Places(state=top / "state")
        for directory in (self.source, self.nas):
            directory.mkdir(parents=True)

    @property
    def source(self) -> Path:
        return self.top / "data"

    @property
    def nas(self) -> Path:
        return self.top / "nas"

    @property
    def copies(self) -> Path:
        return self.nas / "copies/data"

    def run(self) -> RunReport:
        self.now += timedelta(days=1)
        return run_leg(self.plan(), "offsite", places=self.places, clock=lambda: self.now)

    def explain(self) -> str:
        return "\n".join(explain_leg(self.plan(), "offsite", places=self.places))

    def plan(self):
        text = MANIFEST.format(
            host=socket.gethostname(),
            top=self.top,
            ssh=self.server.yaml(),
            options=self.options,
        )
        plan = compiled(text)
        self.recorded = install(plan, self.places, self.now)
        return plan


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture
def away(tmp_path: Path, shared: Server) -> Away:
    return Away(tmp_path, shared)


def test_it_copies_counts_deletes_and_keeps_strangers(away: Away) -> None:
    write(away.source / "a/1", b"1" * 1000)
    write(away.source / "b/2")
    write(away.source / "c")
    before = away.server.connections
    first = away.run()
    assert first.status is RunStatus.OK, first
    assert tree(away.copies) == tree(away.source)
    assert (only(first).files, only(first).bytes_sent) == (3, 1014)
    assert away.server.connections == before + 1, "one connection a run"
    write(away.copies / "stranger/file")
    shutil.rmtree(away.source / "b")
    (away.source / "a/1").unlink()
    (away.source / "a").rmdir()
    write(away.source / "a", b"a file now")
    second = away.run()
    assert second.status is RunStatus.OK, second
    assert only(second).deleted == 3
    assert only(second).foreign == (b"stranger",)
    expected = tree(away.source)
    expected[b"stranger"] = ("directory", b"")
    expected[b"stranger/file"] = ("file", b"content")
    assert tree(away.copies) == expected
    assert not list((away.top / "state/run").iterdir()), "nothing of the run is left"


def test_what_is_left_at_the_root_changes_no_time_of_it(away: Away) -> None:
    write(away.source / "a")
    assert away.run().status is RunStatus.OK
    left = away.nas / ".policyctl-plan.json"
    before = left.stat().st_ino
    os.utime(away.nas, ns=(10**18, 10**18 + 123_456_789))
    assert away.run().status is RunStatus.OK
    assert left.stat().st_ino != before, "it was written anew"
    assert away.nas.stat().st_mtime_ns == 10**18 + 123_456_789


def test_a_disk_that_is_not_mounted_there_is_no_destination(away: Away) -> None:
    """Its mount point is a directory as well, and copies would fill the disk below it (law 11)."""
    write(away.source / "a")
    assert away.run().status is RunStatus.OK
    away.nas.rename(away.top / "the disk")
    away.nas.mkdir()
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert "is its disk mounted there?" in report.reason
    assert list(away.nas.iterdir()) == []
    # Mounted again it is the one that it was.
    away.nas.rmdir()
    (away.top / "the disk").rename(away.nas)
    assert away.run().status is RunStatus.OK
    # Another one, on purpose: all of it is copied there.
    away.nas.rename(away.top / "the disk")
    away.nas.mkdir()
    plan = away.plan()
    record_destinations(plan, away.places, now=away.now, replace=frozenset({"nas"}))
    report = away.run()
    assert (report.status, only(report).mode) == (RunStatus.OK, "full")
    assert tree(away.copies) == tree(away.source)
    (away.nas / ".policyctl-plan.json").unlink()
    assert away.run().status is RunStatus.REFUSED


def test_law_34_hostile_names_travel_over_ssh(away: Away) -> None:
    for name in HOSTILE:
        write(at(away.source, name, name))
    write(away.source / "kept" / "file")
    assert away.run().status is RunStatus.OK
    assert tree(away.copies) == tree(away.source)
    for name in HOSTILE:
        write(at(away.copies, b"2" + name[:254], b"x"))
        at(away.source, name, name).rename(at(away.source, b"kept", name))
    report = away.run()
    assert report.status is RunStatus.OK, report
    assert set(only(report).foreign) == {b"2" + name[:254] for name in HOSTILE}
    for name in only(report).foreign:
        shutil.rmtree(at(away.copies, name))
    assert tree(away.copies) == tree(away.source)


def test_deletions_are_set_aside_there_and_expire(tmp_path: Path, shared: Server) -> None:
    away = Away(tmp_path, shared, ", deleted: {keep: 1d}")
    write(away.source / "a/1")
    write(away.source / "b")
    assert away.run().status is RunStatus.OK
    shutil.rmtree(away.source / "a")
    second = away.run()
    assert second.status is RunStatus.OK, second
    aside = away.copies / ".policyctl-deleted"
    assert b"a/1" in tree(aside / second.run_id)
    assert away.run().status is RunStatus.OK
    assert list(aside.iterdir()) != []
    assert away.run().status is RunStatus.OK
    assert list(aside.iterdir()) == []


def test_law_11_over_the_limit_nothing_is_deleted_there(tmp_path: Path, shared: Server) -> None:
    away = Away(tmp_path, shared, ", max_delete: 2")
    for number in range(5):
        write(away.source / f"{number}/file")
    assert away.run().status is RunStatus.OK
    shutil.rmtree(away.source / "1")
    shutil.rmtree(away.source / "2")
    report = away.run()
    assert report.status is RunStatus.GUARD
    assert only(report).deletions_wanted == 4
    assert len(list(away.copies.iterdir())) == 5


def test_law_11_a_missing_root_is_not_made(away: Away) -> None:
    write(away.source / "a")
    away.nas.rmdir()
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert report.reason == f"data: destination nas: at {away.nas} there is nothing: is it mounted?"
    assert not away.nas.exists()


def test_an_unknown_host_key_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as server:
        server.forget_host()
        away = Away(tmp_path / "lab", server)
        write(away.source / "a")
        report = away.run()
        assert report.status is RunStatus.REFUSED
        assert "Host key verification failed" in report.reason
        assert tree(away.nas) == {}


def test_a_server_that_is_gone_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as server:
        away = Away(tmp_path / "lab", server)
        write(away.source / "a")
        assert away.run().status is RunStatus.OK
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert "it does not answer" in report.reason
    assert "Connection refused" in report.reason


def test_a_connection_lost_on_the_way_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.system.passes.transfers.BACK_OFF", (0.2,))
    with serving(tmp_path / "server") as server:
        away = Away(tmp_path / "lab", server, ", bandwidth: 1M")
        write(away.source / "large", os.urandom(3_000_000))

        dropper = threading.Thread(target=_drop_midway, args=(away, server))
        dropper.start()
        report = away.run()
        dropper.join()
        assert report.status is RunStatus.NOTED, report
        assert "tried again" in report.reason
        assert (away.copies / "large").read_bytes() == (away.source / "large").read_bytes()


def test_law_06_a_connection_that_stays_away_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.system.passes.transfers.BACK_OFF", ())
    with serving(tmp_path / "server") as server:
        away = Away(tmp_path / "lab", server, ", bandwidth: 1M")
        write(away.source / "large", os.urandom(3_000_000))
        dropper = threading.Thread(target=_drop_midway, args=(away, server))
        dropper.start()
        report = away.run()
        dropper.join()
        assert report.status is RunStatus.FAILED, report
        assert report.reason
        assert away.copies.exists()
        assert not (away.copies / "large").exists()


def _drop_midway(away: Away, server: Server) -> None:
    deadline = time.monotonic() + 20
    while not any(one.stat().st_size for one in away.copies.glob(".large.*")):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    server.drop_connections()


def test_nothing_is_recorded_for_it_and_apply_says_so(away: Away) -> None:
    away.explain()
    assert [one.sentence for one in away.recorded] == [
        "it is reached over SSH, so no file system is recorded"
    ]


def test_explain_shows_the_whole_connection(away: Away) -> None:
    write(away.source / "a")
    text = away.explain()
    assert "[fine] data: destination nas: rsync there: version 3." in text
    assert "-oBatchMode=yes -oStrictHostKeyChecking=yes" in text
    assert "[note" in text
    assert tree(away.nas) == {}


def lead_astray(away: Away, link: Path) -> Path:
    """Put a symlink in the place of a directory; gives somebody's file where it leads."""
    victim = away.top / "victim"
    shutil.copytree(link, victim)
    write(victim / "data/a/somebody's")
    write(victim / "a/somebody's")
    link.rename(away.top / "was")
    link.symlink_to(victim)
    return victim


@pytest.mark.parametrize("link", ["copies", "copies/data"])
def test_law_01_no_symlink_is_followed_out_of_the_root(away: Away, link: str) -> None:
    write(away.source / "a/1")
    assert away.run().status is RunStatus.OK
    victim = lead_astray(away, away.nas / link)
    before = tree(victim)
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert f"{away.nas / link} is a symlink: the copies would land somewhere else" in report.reason
    assert tree(victim) == before


@pytest.mark.tool("rrsync")
@pytest.mark.parametrize("options", ["", "-wo"])
def test_law_01_where_only_rsync_is_run_no_symlink_is_followed(
    tmp_path: Path, options: str
) -> None:
    with serving(tmp_path / "server") as server:
        away = Away(tmp_path, server)
        keys = server.directory / "authorized_keys"
        rrsync = f"{shutil.which('rrsync')} -no-lock {options} /"  # the root is every test's
        forced = f'command="{rrsync}",restrict '
        keys.write_text(forced + keys.read_text())
        write(away.source / "a/1")
        first = away.run()
        assert first.status is RunStatus.OK, first
        victim = lead_astray(away, away.nas / "copies")
        before = tree(victim)
        report = away.run()
        assert report.status is RunStatus.REFUSED
        assert f"{away.nas}/copies is a symlink" in report.reason
        assert tree(victim) == before
