"""Snapshots that a destination takes itself, read back where they are: a real btrfs, a real sshd.

ZFS and Synology answer by programs that say what was recorded, behind the same sshd and a forced
command that lets through what the docs list, and nothing else.
"""

from __future__ import annotations

import shlex
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.checks.outcome import Status, Verdict
from engine.checks.request import Asked
from engine.items.native_snapshots import questions
from engine.system.checks.snapshots import look_at_snapshots
from engine.system.items.native_snapshots import NotAnswered, ask_snapshots
from policy.parts import Keep, SshTarget
from policy.snapshots import NativeSnapshots, ReadBack
from policy.values import Duration, parse_absolute_path
from tests.e2e.test_cli import Done, Machine, policyctl
from tests.integration.btrfs import do, mounted_btrfs, subvolume
from tests.integration.sshd import Server, serving

pytestmark = [pytest.mark.tool("sshd", "ssh", "ssh-keygen")]
BTRFS = [pytest.mark.root, pytest.mark.tool("btrfs", "mkfs.btrfs", "mount")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "sshd") as found:
        yield found


def target(server: Server) -> SshTarget:
    return SshTarget(
        account=server.account,
        port=server.port,
        key=parse_absolute_path(str(server.directory / "key")),
        known_hosts=parse_absolute_path(str(server.directory / "known_hosts")),
    )


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Path]:
    """A subvolume with copies, and three snapshots of it: two of them sealed."""
    with mounted_btrfs(tmp_path, tmp_path / "pool"):
        there = tmp_path / "pool/copies"
        subvolume(there)
        (there / "file").write_text("then")
        subvolume(tmp_path / "pool/other")
        (there / ".snapshots").mkdir()
        for name in ("one", "two words"):
            take(there, name)
        take(there, "open", sealed=False)
        do("btrfs", "-q", "subvolume", "snapshot", "-r", tmp_path / "pool/other", there / "alien")
        yield there


def take(there: Path, name: str, *, sealed: bool = True) -> None:
    options = ("-r",) if sealed else ()
    do("btrfs", "-q", "subvolume", "snapshot", *options, there, there / ".snapshots" / name)


def week(kind: str, share: str, **more: Any) -> NativeSnapshots:
    keep = Keep(within=Duration(7 * 86_400))
    return NativeSnapshots(kind=kind, share=share, keep=keep, read=ReadBack(), **more)


def looked(declared: NativeSnapshots, ssh: SshTarget | None, since: datetime | None) -> Verdict:
    asked = Asked(
        declared=declared,
        ssh=ssh,
        host="",
        zone="UTC",
        since=since.isoformat() if since is not None else None,
    )
    return look_at_snapshots(asked, b"", 60)


# ── btrfs ────────────────────────────────────────────────────────────────────────────────────


class TestBtrfs:
    pytestmark = BTRFS

    @pytest.mark.parametrize("far", [False, True])
    def test_law_29_they_are_read_back_where_they_are(
        self, copies: Path, server: Server, far: bool
    ) -> None:
        before = datetime.now(UTC) - timedelta(minutes=5)
        share = bytes(copies)
        ssh = target(server) if far else None
        found = ask_snapshots("btrfs", share, ssh, sudo=False, seconds=60).snapshots
        assert {(one.name, one.writable) for one in found} == {
            (b"one", False),
            (b"two words", False),
            (b"open", True),
        }
        assert all(before < one.taken < before + timedelta(minutes=10) for one in found)

    @pytest.mark.parametrize("far", [False, True])
    def test_law_29_what_differs_from_what_is_declared_is_told(
        self, copies: Path, server: Server, far: bool
    ) -> None:
        ssh, declared = target(server) if far else None, week("btrfs", str(copies))
        now = datetime.now(UTC)
        assert "(open) can be written to" in looked(declared, ssh, now).reason
        do("btrfs", "-q", "subvolume", "delete", copies / ".snapshots/open")
        well = looked(declared, ssh, now)
        assert (well.status, well.looked) == (Status.OK, 2), well.reason
        old = looked(declared, ssh, now - timedelta(days=30))
        assert old.status is Status.FAILED
        assert "within 7d is declared: 7.0 d at least by now" in old.reason

    def test_a_name_with_a_line_end_is_no_other_snapshot(self, copies: Path) -> None:
        take(copies, "x\nID 999")
        with pytest.raises(NotAnswered, match="names no snapshot"):
            ask_snapshots("btrfs", bytes(copies), None, sudo=False, seconds=60)

    def test_what_is_no_subvolume_is_told_as_that(self, copies: Path, tmp_path: Path) -> None:
        (copies / "plain").mkdir()
        for place in (copies / "plain", tmp_path / "gone"):
            found = looked(week("btrfs", str(place)), None, None)
            assert found.status is Status.REFUSED
            assert found.reason.startswith("btrfs says nothing that can be read: ERROR: ")

    def test_the_whole_way_from_a_manifest_to_the_series(self, tmp_path: Path) -> None:
        machine = Machine(tmp_path, MANIFEST)
        root = machine.root
        with mounted_btrfs(tmp_path, root / "mnt/disk"):
            there = root / "mnt/disk/copies"
            subvolume(there)
            (there / ".snapshots").mkdir()
            (root / "var/lib/node").mkdir(parents=True)
            done = machine("apply")
            assert done.code == 0, done.err
            none = probe(machine)
            assert (none.code, none.out) == (
                5,
                "disk-snapshots: failed: none of /mnt/disk/copies is there that counts\n",
            )
            take(there, "auto-1")
            take(there, "by-hand", sealed=False)
            done = probe(machine)
            assert done.code == 0, done.out
            assert done.out.startswith("disk-snapshots: ok: 1 of /mnt/disk/copies, the newest ")
            told = (root / "var/lib/node/policyctl.check.disk-snapshots.prom").read_text()
            labels = '{check="disk-snapshots",kind="destination-snapshots"}'
            assert f"policyctl_check_looked{labels} 1.0" in told
            assert f"policyctl_check_oldest_timestamp_seconds{labels} " in told
            # The declaration has had a month.
            with closing(sqlite3.connect(root / "var/lib/policyctl/state.db")) as state:
                then = (datetime.now(UTC) - timedelta(days=31)).isoformat()
                state.execute("UPDATE check_expected SET since = ?", (then,))
                state.commit()
            done = probe(machine)
            assert done.code == 5
            assert "the oldest reaches back 0.0 s, and within 7d is declared" in done.out
            status = machine("status")
            assert "the check disk-snapshots is failing" in status.out.splitlines()[0]
            # What is declared anew has its time once more.
            machine.edit("7d", "8d")
            assert machine("apply").code == 0
            assert probe(machine).code == 0


def probe(machine: Machine) -> Done:
    return policyctl("probe", "--root", str(machine.root), cwd=machine.folder)


MANIFEST = f"""\
version: 1
host: {socket.gethostname()}
timezone: UTC
destinations:
  disk:
    path: /mnt/disk/copies
    media: hdd
    site: home
    snapshots: {{kind: btrfs, share: /mnt/disk/copies, names: "auto-*", keep: {{within: 7d}}}}
sources:
  data: {{kind: tree, path: /srv/data}}
legs:
  nightly: {{kind: mirror, to: "disk:/data", schedule: "02:00"}}
routes:
  /srv/data: nightly
monitoring:
  textfile: /var/lib/node
"""


# ── What runs on no machine of ours ──────────────────────────────────────────────────────────


def force(server: Server, folder: Path, kind: str, share: str, answers: dict[str, str]) -> None:
    """Let through the questions as they stand in the docs; each has its recorded answer."""
    script = folder / "only"
    cases = []
    for name, words in questions(kind, share.encode(), sudo=False).items():
        asked = " ".join(f"'{word.decode()}'" for word in words)
        (folder / name).write_text(answers[name])
        cases.append(f"  {shlex.quote(asked)}) exec cat {folder / name} ;;")
    lines = ["#!/bin/sh", 'case "$SSH_ORIGINAL_COMMAND" in', *cases, "  *) exit 126 ;;", "esac"]
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)
    keys = server.directory / "authorized_keys"
    keys.write_text(f'restrict,command="{script}" {keys.read_text()}')


def test_zfs_as_it_answers_scripts(server: Server, tmp_path: Path) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    taken = [midnight - timedelta(days=one) for one in range(8)]
    lines = [f"tank/backup@auto-{at:%Y-%m-%d}\t{int(at.timestamp())}\t0\n" for at in taken]
    force(server, tmp_path, "zfs", "tank/backup", {"list": "".join(lines)})
    found = looked(week("zfs", "tank/backup"), target(server), None)
    assert (found.status, found.looked) == (Status.OK, 8), found.reason
    other = looked(week("zfs", "tank/other"), target(server), None)
    assert (other.status, other.reason) == (
        Status.REFUSED,
        "zfs says nothing that can be read: it ended with 126",
    )


def test_law_29_a_synology_that_keeps_other_than_declared(server: Server, tmp_path: Path) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=2, microsecond=0)
    taken = [midnight - timedelta(days=one) for one in range(10, -1, -1)]
    names = [f"GMT+02-{at + timedelta(hours=2):%Y.%m.%d-%H.%M.%S}\n" for at in taken]
    policy = "Policy type: Advance\nAdvance Daily: 10\nAdvance RetainDay: 7\n"
    answers = {"list": "snapshots\n" + "".join(names), "locked": "", "setting": policy}
    force(server, tmp_path, "synology", "Backup", answers)
    found = looked(week("synology", "Backup"), target(server), None)
    assert found.status is Status.FAILED
    assert found.reason.startswith("daily 10 is set for Backup, and 0 is declared; 1 should have")
    days = NativeSnapshots(kind="synology", share="Backup", keep=Keep(daily=10), read=ReadBack())
    assert looked(days, target(server), None).status is Status.OK


def test_who_may_not_ask_or_is_not_there_is_told(server: Server) -> None:
    declared = week("synology", "Backup")
    missing = looked(declared, target(server), None)
    assert missing.status is Status.REFUSED
    assert "/usr/syno/sbin/synosharesnapshot" in missing.reason
    server.forget_host()
    unknown = looked(declared, target(server), None)
    assert "Host key verification failed" in unknown.reason
    assert "ssh-keyscan" in unknown.reason
    server.stop()
    assert looked(declared, target(server), None).status is Status.REFUSED
