"""A machine looked at: below another root, and with the commands of this one made up."""

from __future__ import annotations

import os
from errno import EACCES
from pathlib import Path

import pytest

from engine.draft.observation import Machine
from engine.system.draft.machine import look_at_machine
from engine.system.host.places import Places
from tests.reports import POOL, Lv, report


def made(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).mkdir(parents=True, exist_ok=True)


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def told(seen: Machine) -> list[str]:
    """What could not be seen, whoever runs the tests."""
    return [one for one in seen.not_seen if "run it as root" not in one]


class TestBelowARoot:
    def test_who_it_is(self, tmp_path: Path) -> None:
        write(tmp_path, "etc/hostname", "server\n")
        write(tmp_path, "etc/timezone", "Europe/Sofia\n")
        seen = look_at_machine(Places(root=tmp_path))
        assert (seen.host, seen.timezone) == ("server", "Europe/Sofia")

    def test_by_the_link_of_its_clock(self, tmp_path: Path) -> None:
        made(tmp_path, "etc")
        (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/America/New_York")
        seen = look_at_machine(Places(root=tmp_path))
        assert (seen.host, seen.timezone) == (None, "America/New_York")

    def test_a_name_that_is_none(self, tmp_path: Path) -> None:
        write(tmp_path, "etc/hostname", "-\x1b[31m\n")
        assert look_at_machine(Places(root=tmp_path)).host is None

    def test_mounts_by_its_fstab_where_there_is_a_directory(self, tmp_path: Path) -> None:
        fstab = "/dev/sdb1 /mnt/backup ext4 defaults 0 0\n/dev/sdc1 /mnt/none ext4 defaults 0 0\n"
        write(tmp_path, "etc/fstab", fstab)
        made(tmp_path, "mnt/backup")
        seen = look_at_machine(Places(root=tmp_path))
        assert [one.point for one in seen.mounts] == [b"/mnt/backup"]

    def test_directories_and_symlinks(self, tmp_path: Path) -> None:
        made(tmp_path, "srv/a", "srv/b", "var/lib/grafana/x")
        (tmp_path / "home").symlink_to("/srv/a")
        seen = look_at_machine(Places(root=tmp_path))
        assert [(one.path, one.counted, one.symlink) for one in seen.directories] == [
            (b"/srv", 2, False),
            (b"/home", 0, True),
            (b"/var/lib/grafana", 1, False),
        ]

    def test_servers_by_where_their_data_lie(self, tmp_path: Path) -> None:
        made(tmp_path, "var/lib/postgresql/15", "var/lib/redis")
        seen = look_at_machine(Places(root=tmp_path))
        assert [one.server for one in seen.listening] == ["PostgreSQL"]

    def test_commands_are_not_asked_and_that_is_told(self, tmp_path: Path) -> None:
        seen = look_at_machine(Places(root=tmp_path))
        assert len(told(seen)) == 3
        assert all("not asked below another root" in one for one in told(seen))

    def test_what_cannot_be_looked_into_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made(tmp_path, "srv/a", "home/ann")
        real = os.listdir

        def refused(path: bytes) -> list[bytes]:
            if path.endswith(b"/home"):
                raise PermissionError(EACCES, "Permission denied")
            return real(path)

        monkeypatch.setattr(os, "listdir", refused)
        seen = look_at_machine(Places(root=tmp_path))
        assert [one.path for one in seen.directories] == [b"/srv"]
        assert "/home: Permission denied" in seen.not_seen

    def test_whoever_is_not_root_is_told_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert "run it as root" in look_at_machine(Places(root=tmp_path)).not_seen[0]


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of commands that print what lies in files beside them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("lvs", "lsblk", "ss"):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec /bin/cat "{folder}/{name}.answer"\n')
        command.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


class TestCommands:
    def test_what_they_answer(self, answers: Path) -> None:
        lines = [
            POOL,
            Lv(name="vm-100-disk-0"),
            Lv(name="app"),
            Lv(name="root", pool="", attributes="-wi-ao----", used=""),
            Lv(name="swap", pool="", attributes="-wi-ao----", used=""),
        ]
        (answers / "lvs.answer").write_text(report(*lines))
        (answers / "lsblk.answer").write_text(
            '{"blockdevices": [{"path": "/dev/mapper/pve-app", "fstype": "ext4"},'
            ' {"path": "/dev/mapper/pve-swap", "fstype": "swap"}]}'
        )
        (answers / "ss.answer").write_text("LISTEN 0 1 127.0.0.1:6379 0.0.0.0:*\n")
        seen = look_at_machine(Places())
        assert told(seen) == []
        (pool,) = seen.pools
        assert (pool.group, pool.name) == ("pve", "data")
        assert [(one.name, one.holds) for one in pool.volumes] == [
            ("app", "ext4"),
            ("vm-100-disk-0", ""),
        ]
        assert seen.other_volumes == ("pve/root",)
        assert "Redis" in [one.server for one in seen.listening]

    def test_what_fails_is_told_with_its_reason(self, answers: Path) -> None:
        (answers / "lvs").write_text("#!/bin/sh\necho 'no LVM today' >&2; exit 5\n")
        (answers / "lsblk.answer").write_text("nonsense")
        (answers / "ss").unlink()
        seen = look_at_machine(Places())
        assert seen.pools == ()
        lsblk, lvs, ss = sorted(told(seen))
        assert "lsblk" in lsblk
        assert "no JSON" in lsblk
        assert lvs == "logical volumes (lvs): no LVM today"
        assert "ss cannot be run" in ss
