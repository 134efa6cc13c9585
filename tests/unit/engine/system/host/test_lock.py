"""Locks between real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.system.host import lock
from engine.system.host.lock import Locked, hold


def holding(path: Path) -> int:
    """A process that holds the lock until it is killed."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        with hold(path):
            os.write(writer, b"1")
            time.sleep(60)
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 1) == b"1"
    os.close(reader)
    return process


def end(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def test_law_07_a_held_lock_is_refused_at_once_and_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "locks/leg.lock"
    process = holding(path)
    inode = path.stat().st_ino
    for _ in range(3):
        with pytest.raises(Locked, match=f"leg.lock is held by process {process}"), hold(path):
            pass
    assert path.stat().st_ino == inode
    end(process)
    with hold(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert path.stat().st_ino == inode, "unlinking would give two processes one lock each"


def test_law_07_what_a_killed_holder_had_started_keeps_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LAST_BREATH", 0.5)
    path = tmp_path / "lock"
    program = (
        "import subprocess, sys\nfrom pathlib import Path\n"
        "from engine.system.host.lock import hold\n"
        "with hold(Path(sys.argv[1])) as one:\n"
        "    subprocess.Popen(['sleep', '3'], stdout=-3, pass_fds=[one])\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.communicate()
    began = time.monotonic()
    with pytest.raises(Locked, match=f"held by what process {holder.pid} had started"), hold(path):
        pass
    assert time.monotonic() - began >= 0.5, "it may have been about to end"
    monkeypatch.setattr(lock, "LAST_BREATH", 20.0)
    with hold(path):
        assert time.monotonic() - began >= 2.5


def test_waiting_ends_when_the_holder_does(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holding(path)
    told: list[str] = []
    timer = threading.Timer(0.5, end, [process])
    timer.start()
    with hold(path, wait=20, on_wait=lambda: told.append("waiting")):
        assert told == ["waiting"]
    timer.join()


def test_waiting_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holding(path)
    began = time.monotonic()
    with pytest.raises(Locked), hold(path, wait=0.5):
        pass
    assert 0.4 < time.monotonic() - began < 5
    end(process)


def test_a_command_that_was_started_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold(path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with hold(path):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_symlink_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), hold(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_failing_block_gives_the_lock_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ValueError, match="oops"), hold(path):
        raise ValueError("oops")
    with hold(path):
        pass
