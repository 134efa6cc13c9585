"""Jobs found in the files of a machine below another root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.system.draft.job_files import find_jobs, names_in, read_text
from engine.system.host.places import Places


def write(root: Path, path: str, text: str | bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)


def found(root: Path) -> list[tuple[str, int, str, str]]:
    jobs = find_jobs(Places(root=root))
    return [(os.fsdecode(job.file), job.line, job.program, job.when) for job in jobs]


def test_crontabs_of_the_system_and_of_users(tmp_path: Path) -> None:
    write(tmp_path, "etc/crontab", "# m h\n0 1 * * * root rsync -a /srv /mnt/a\n")
    write(tmp_path, "etc/cron.d/borg", "0 2 * * * root borg create /mnt/b::x /srv\n")
    write(tmp_path, "var/spool/cron/crontabs/root", "@daily rsync -a /home /mnt/a\n")
    write(tmp_path, "etc/cron.daily/backup", "#!/bin/sh\nrestic -r /mnt/r backup /srv\n")
    assert found(tmp_path) == [
        ("/etc/cron.d/borg", 1, "borg", "0 2 * * *"),
        ("/etc/cron.daily/backup", 2, "restic", "daily"),
        ("/etc/crontab", 2, "rsync", "0 1 * * *"),
        ("/var/spool/cron/crontabs/root", 1, "rsync", "@daily"),
    ]


def test_a_script_that_a_crontab_names(tmp_path: Path) -> None:
    write(tmp_path, "etc/cron.d/x", "0 1 * * * root /opt/backup.sh --all\n")
    write(tmp_path, "opt/backup.sh", "#!/bin/sh\nset -e\nrsync -a /srv nas:/b\n")
    assert found(tmp_path) == [("/opt/backup.sh", 3, "rsync", "0 1 * * *")]


def test_timers_with_their_services(tmp_path: Path) -> None:
    units = "etc/systemd/system"
    write(tmp_path, f"{units}/nightly.timer", "[Timer]\nOnCalendar=02:00\n")
    write(tmp_path, f"{units}/nightly.service", "[Service]\nExecStart=/usr/bin/rsync -a /srv /b\n")
    write(tmp_path, f"{units}/borg@data.timer", "[Timer]\nOnCalendar=daily\n")
    write(tmp_path, f"{units}/borg@.service", "[Service]\nExecStart=/opt/borg.sh %i\n")
    write(tmp_path, "opt/borg.sh", "#!/bin/sh\nborg create /b::x /srv\n")
    write(tmp_path, f"{units}/never.service", "[Service]\nExecStart=/usr/bin/rsync -a /x /y\n")
    write(tmp_path, f"{units}/policyctl-a.timer", "[Timer]\nOnCalendar=daily\n")
    write(
        tmp_path, f"{units}/policyctl-a.service", "[Service]\nExecStart=/usr/bin/rsync -a /x /y\n"
    )
    assert found(tmp_path) == [
        (f"/{units}/nightly.service", 2, "rsync", "02:00"),
        ("/opt/borg.sh", 2, "borg", "daily"),
    ]


def test_a_timer_of_a_package_that_is_enabled(tmp_path: Path) -> None:
    packaged = "usr/lib/systemd/system"
    write(tmp_path, f"{packaged}/btrbk.timer", "[Timer]\nOnCalendar=hourly\n")
    write(tmp_path, f"{packaged}/btrbk.service", "[Service]\nExecStart=/usr/sbin/btrbk run\n")
    assert found(tmp_path) == []
    links = tmp_path / "etc/systemd/system/timers.target.wants"
    links.mkdir(parents=True)
    (links / "btrbk.timer").symlink_to("/usr/lib/systemd/system/btrbk.timer")
    assert found(tmp_path) == [(f"/{packaged}/btrbk.service", 2, "btrbk", "hourly")]


def test_odd_files_stop_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "etc/cron.d"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "fifo")
    (folder / "directory").mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    write(tmp_path, "etc/cron.d/large", b"x" * 300_000)
    write(tmp_path, "etc/cron.d/bytes", b"\xff\xfe 0 1 * * * root rsync -a /s\xff /b\n")
    os.close(os.open(os.fsencode(folder) + b"/\xff\n", os.O_CREAT))
    write(tmp_path, "etc/cron.d/odd", b"0 1 * * * root /opt/\xff/../x rsync -a /s\xff /b\n")
    (job,) = find_jobs(Places(root=tmp_path))
    assert job.reads[0].path == b"/s\xff"


@pytest.mark.parametrize("path", [b"/etc/../x", b"/etc//x", b"etc/x", b"/none"])
def test_what_is_no_file_has_no_text(path: bytes, tmp_path: Path) -> None:
    assert read_text(Places(root=tmp_path), path) is None


def test_a_directory_that_is_not_there_has_no_names(tmp_path: Path) -> None:
    assert names_in(Places(root=tmp_path), b"/none") == []
