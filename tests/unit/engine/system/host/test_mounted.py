"""What a command sees mounted, and that nobody else does; the kernel is the judge."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.system.host import mounted_worker
from engine.system.host.mounted import Mount, NotMounted, check_mounted, with_mount
from engine.system.host.process import Command, Completed, run
from tests.lab.disks import disk

pytestmark = [pytest.mark.root]
MOUNTS = Path("/proc/self/mountinfo")


@pytest.fixture
def at(tmp_path: Path) -> Path:
    folder = tmp_path / "seen"
    folder.mkdir()
    return folder


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    with disk(tmp_path / "image", mebibytes=8) as device:
        yield device


def directory(tmp_path: Path, at: Path) -> Mount:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "file").write_text("content")
    return Mount(source=os.fsencode(source), kind="", at=os.fsencode(at))


def seeing(mount: Mount, *argv: str | Path, timeout: float = 30) -> Completed:
    command = Command(argv=tuple(os.fsencode(one) for one in argv), timeout=timeout)
    done = run(with_mount(command, mount))
    check_mounted(done, mount)
    return done


def test_a_directory_is_seen_read_only_and_by_the_command_alone(tmp_path: Path, at: Path) -> None:
    mount = directory(tmp_path, at)
    before = MOUNTS.read_text()
    assert seeing(mount, "cat", at / "file").stdout == b"content"
    told = seeing(mount, "grep", at, MOUNTS).stdout
    assert b" ro,nosuid,nodev,noexec," in told
    assert seeing(mount, "touch", at / "inner" / "new").code != 0
    assert list(at.iterdir()) == []
    assert MOUNTS.read_text() == before
    (tmp_path / "source" / "new").touch()  # it is itself as before


@pytest.mark.tool("mkfs.ext4", "losetup")
def test_a_device_is_seen_and_cannot_stop_the_machine(ext4: Path, at: Path) -> None:
    mount = Mount(source=os.fsencode(ext4), kind="ext4", at=os.fsencode(at))
    assert seeing(mount, "ls", "-A", at).stdout == b"lost+found\n"
    told = seeing(mount, "grep", at, MOUNTS).stdout
    assert b" ro,nosuid,nodev,noexec," in told
    assert b"errors=remount-ro" in told


@pytest.mark.tool("mkfs.ext4", "losetup")
def test_what_the_mount_is_for_is_not_started_without_it(ext4: Path, at: Path) -> None:
    proof = at.parent / "started"
    mounts = [
        (Mount(source=os.fsencode(ext4), kind="xfs", at=os.fsencode(at)), "damaged, or is none"),
        (Mount(source=os.fsencode(ext4), kind="ext4", at=b"/none"), "No such file"),
        (Mount(source=b"/dev/null", kind="ext4", at=os.fsencode(at)), "Block device required"),
        (Mount(source=b"/nowhere", kind="", at=os.fsencode(at)), "No such file"),
    ]
    for mount, words in mounts:
        with pytest.raises(NotMounted, match=words):
            seeing(mount, "touch", proof)
    assert not proof.exists()


def test_law_41_a_directory_that_was_swapped_is_not_shown(tmp_path: Path, at: Path) -> None:
    mount = directory(tmp_path, at)
    status = (tmp_path / "source").stat()
    meant = replace(mount, identity=(status.st_dev, status.st_ino))
    assert seeing(meant, "cat", at / "file").stdout == b"content"
    (tmp_path / "source").rename(tmp_path / "aside")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("secret")
    (tmp_path / "source").symlink_to(tmp_path / "other")
    with pytest.raises(NotMounted, match="not the directory any more that was looked at"):
        seeing(meant, "cat", at / "file")


def test_only_well_kept_file_systems_are_mounted(at: Path) -> None:
    mount = Mount(source=b"/dev/null", kind="hfs", at=os.fsencode(at))
    with pytest.raises(NotMounted, match="'hfs' is not mounted here"):
        seeing(mount, "true")


def test_arguments_and_exit_codes_pass_through(tmp_path: Path, at: Path) -> None:
    mount = directory(tmp_path, at)
    odd = "$(id) \n \udcff *"
    program = "import os, sys; sys.stdout.buffer.write(os.fsencode(sys.argv[1])); sys.exit(23)"
    done = seeing(mount, sys.executable, "-c", program, odd)
    assert (done.code, done.stdout) == (23, os.fsencode(odd))
    with pytest.raises(NotMounted, match="no-such-program cannot be run: No such file"):
        seeing(mount, "no-such-program")


def test_a_device_that_comes_late_is_waited_for(tmp_path: Path, at: Path) -> None:
    mount = Mount(source=os.fsencode(tmp_path / "late"), kind="", at=os.fsencode(at))
    with subprocess.Popen(["sh", "-c", f"sleep 1; mkdir {tmp_path}/late; touch {tmp_path}/late/x"]):
        assert seeing(mount, "ls", at).stdout == b"x\n"


def test_law_13_mounting_has_a_limit_of_its_own(tmp_path: Path, at: Path) -> None:
    """The wait for a device that never comes stands for a disk that never answers."""
    mount = Mount(source=b"/nowhere", kind="", at=os.fsencode(at), seconds=0.5)
    began = time.monotonic()
    with pytest.raises(NotMounted, match=r"it took more than 0\.5 s"):
        seeing(mount, "true")
    assert time.monotonic() - began < 5
    slow = directory(tmp_path, at)
    limit = Mount(source=slow.source, kind="", at=slow.at, seconds=0.5)
    assert seeing(limit, "sleep", "1").code == 0  # the command has its own


def test_sigkill_leaves_nothing_mounted(tmp_path: Path, at: Path) -> None:
    mount = directory(tmp_path, at)
    command = with_mount(Command(argv=(b"sleep", b"600"), timeout=1), mount)
    with subprocess.Popen(command.argv) as reader:
        mounts = Path(f"/proc/{reader.pid}/mountinfo")
        deadline = time.monotonic() + 20
        while os.fsdecode(at) not in mounts.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert os.fsdecode(at) not in MOUNTS.read_text()
        reader.send_signal(signal.SIGKILL)
        assert reader.wait(10) == -signal.SIGKILL
    assert os.fsdecode(at) not in MOUNTS.read_text()
    at.rmdir()  # a mount point in use could not be removed


def test_what_is_unmounted_meanwhile_is_not_kept_in_use(tmp_path: Path, at: Path) -> None:
    """A reader takes hours; somebody must be able to unmount another disk in that time."""
    mount = directory(tmp_path, at)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = f"""
        mount --make-rshared / && mount -t tmpfs none {elsewhere} || exit 90
        "$@" & reader=$!
        until grep -q {at} /proc/$reader/mountinfo; do sleep 0.05; done
        grep -q {elsewhere} /proc/$reader/mountinfo || exit 91
        umount {elsewhere}
        grep -q {elsewhere} /proc/$reader/mountinfo && exit 92
        kill $reader
    """
    argv = with_mount(Command(argv=(b"sleep", b"600"), timeout=1), mount).argv
    words = [b"unshare", b"--mount", b"--propagation", b"private", b"sh", b"-c", script.encode()]
    assert subprocess.run([*words, b"sh", *argv]).returncode == 0


def test_a_folder_named_engine_is_no_part_of_it(tmp_path: Path, at: Path) -> None:
    """The current directory is no place that root takes programs from."""
    mount = directory(tmp_path, at)
    evil = tmp_path / "evil"
    evil.mkdir()
    for name in ("engine.py", "ctypes.py", "signal.py"):
        (evil / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    argv = with_mount(Command(argv=(b"true",), timeout=1), mount).argv
    environment = {**os.environ, "PYTHONPATH": str(evil)}
    assert subprocess.run(argv, cwd=evil, env=environment).returncode == 0
    assert not (tmp_path / "ran").exists()


def test_the_worker_needs_nothing_of_the_project() -> None:
    text = Path(mounted_worker.__file__).read_text()
    assert "import engine" not in text
    assert "from engine" not in text
