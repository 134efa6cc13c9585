"""The private directory of a run, and the short one where a socket's path would be too long."""

import os
import socket
from pathlib import Path

import pytest

from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.host.run_directory import NotPrivate, clear_left, run_directory


def long(tmp_path: Path) -> Path:
    return tmp_path / ("a" * 60) / ("b" * 60) / "run"


def test_it_is_empty_private_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "run/leg"
    (path / "left").mkdir(parents=True)
    (path / "left/by a killed run").write_bytes(b"")
    with run_directory(path) as (directory, control):
        assert directory == os.fsencode(path)
        assert list(path.iterdir()) == [path / "empty"]
        assert path.stat().st_mode & 0o777 == 0o700
        assert len(control) < 104
        Path(os.fsdecode(control)).write_bytes(b"")
    assert not path.exists()


def test_a_socket_fits_however_long_the_state_directory_is(tmp_path: Path) -> None:
    path = long(tmp_path)
    with run_directory(path) as (directory, control):
        assert directory == os.fsencode(path)
        short = Path(os.fsdecode(control)).parent
        assert short.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(control + b"." + b"x" * 16)  # as ssh names it while it makes it
        with run_directory(tmp_path / "another") as (_, other):
            assert other != control
    assert not path.exists()
    assert not short.exists()


def test_a_killed_runs_connection_is_not_taken_over(tmp_path: Path) -> None:
    """It may still be open, and lead to where the leg wrote before."""
    path = long(tmp_path)
    with run_directory(path) as (_, control):
        pass
    short = Path(os.fsdecode(control)).parent
    short.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(control)
        with run_directory(path) as (_, again):
            assert again == control
            assert list(short.iterdir()) == []


@pytest.mark.parametrize("planted", ["open", "link", "file"])
def test_law_41_what_somebody_planted_in_its_place_is_refused_and_left(
    tmp_path: Path, planted: str
) -> None:
    path = long(tmp_path)
    with run_directory(path) as (_, control):
        pass
    short = Path(os.fsdecode(control)).parent
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "theirs").write_bytes(b"")
    try:
        if planted == "open":
            short.mkdir()
            short.chmod(0o777)
            (short / "theirs").write_bytes(b"")
        elif planted == "link":
            short.symlink_to(elsewhere)
        else:
            short.write_bytes(b"theirs")
        with pytest.raises((NotPrivate, FileExistsError)), run_directory(path):
            pass
        assert short.is_symlink() or short.exists()
        assert (elsewhere / "theirs").exists()
        assert planted != "open" or (short / "theirs").exists()
        assert not path.exists(), "nothing of the run is left"
    finally:
        if short.is_symlink() or short.is_file():
            short.unlink()
        else:
            (short / "theirs").unlink(missing_ok=True)
            short.rmdir()


def test_what_a_killed_run_left_goes_with_its_leg(tmp_path: Path) -> None:
    """It may hold a dump in the clear, and no run of that leg comes that would remove it."""
    places = Places(state=tmp_path)
    for leg in ("gone", "busy", "stays"):
        (tmp_path / "run" / leg / "deep").mkdir(parents=True)
        (tmp_path / "run" / leg / "deep/dump.sql").write_text("secret")
        (tmp_path / "run" / leg / "empty").mkdir()
    (tmp_path / "run/lost+found/of-fsck").mkdir(parents=True)
    with hold(places.leg_lock("busy")):
        clear_left(places, {"stays"})
    assert sorted(one.name for one in (tmp_path / "run").iterdir()) == [
        "busy",
        "lost+found",
        "stays",
    ]
    clear_left(places, {"stays"})
    assert sorted(one.name for one in (tmp_path / "run").iterdir()) == ["lost+found", "stays"]
    assert (tmp_path / "run/stays/deep/dump.sql").exists()
