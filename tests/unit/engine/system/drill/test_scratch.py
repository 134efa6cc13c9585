"""The private directory of a drill."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.system.drill.scratch import NOTE, PREFIX, NoScratch, Private, private_scratch


def scratch(top: Path, drill: str = "nfs", host: str = "pve"):
    return private_scratch(os.fsencode(top), drill, host)


def left(top: Path, drill: str = "nfs", host: str = "pve") -> Path:
    """What a killed drill has left."""
    guard = scratch(top, drill, host)
    private = guard.__enter__()
    path = Path(os.fsdecode(private.path))
    (path / "inner").mkdir()
    (path / "inner/file").write_text("came back")
    (path / "inner").chmod(0)
    private.kept = b"as if it were killed"
    guard.__exit__(None, None, None)
    return path


def test_it_is_closed_to_others_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch(tmp_path) as private:
        path = Path(os.fsdecode(private.path))
        assert path == tmp_path / os.fsdecode(PREFIX + b"nfs")
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        (path / "deep").mkdir()
        (path / "deep/file").write_text("came back")
        (path / "deep").chmod(0o500)
    assert list(tmp_path.iterdir()) == []


def test_it_goes_on_every_way_out(tmp_path: Path) -> None:
    guard = scratch(tmp_path)
    private = guard.__enter__()
    Path(os.fsdecode(private.path), "file").write_text("came back")
    assert guard.__exit__(KeyError, KeyError(), None) is False
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_has_left_goes_with_the_next(tmp_path: Path) -> None:
    path = left(tmp_path)
    assert path.exists()
    (tmp_path / "other").mkdir()
    with scratch(tmp_path) as private:
        assert [one.name for one in Path(os.fsdecode(private.path)).iterdir()] == [NOTE.decode()]
    assert [one.name for one in tmp_path.iterdir()] == ["other"]


def test_one_that_was_killed_before_its_note_left_nothing(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(PREFIX + b"nfs")).mkdir(mode=0o700)
    with scratch(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("whose", ["another drill's", "another host's", "open", "a file", "a link"])
def test_anything_else_of_that_name_is_left_alone(tmp_path: Path, whose: str) -> None:
    path = tmp_path / os.fsdecode(PREFIX + b"nfs")
    if whose == "another drill's":
        left(tmp_path, "other").rename(path)
    elif whose == "another host's":
        left(tmp_path, host="elsewhere")
    elif whose == "open":
        left(tmp_path).chmod(0o755)
    elif whose == "a file":
        path.write_text("somebody's")
    else:
        (tmp_path / "target").mkdir(mode=0o700)
        path.symlink_to("target")
    with pytest.raises(NoScratch, match="no drill of this name has left it"), scratch(tmp_path):
        pass
    assert os.path.lexists(path)


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NoScratch, match="is not there: make it"), scratch(tmp_path / "away"):
        pass


def test_one_in_which_everybody_renames_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(NoScratch, match="can be written by everybody"), scratch(tmp_path):
        pass
    tmp_path.chmod(0o1777)
    with scratch(tmp_path):
        pass


def test_room_is_asked_for_before(tmp_path: Path) -> None:
    with scratch(tmp_path) as private:
        private.refuse_without_room(1, 1)
        with pytest.raises(NoScratch, match="make room there, or take a smaller `sample`"):
            private.refuse_without_room(1 << 60, 1)


def test_what_is_kept_is_nobodys_any_more(tmp_path: Path) -> None:
    with scratch(tmp_path) as private:
        Path(os.fsdecode(private.path), "0-mirror").mkdir()
        kept = Path(os.fsdecode(private.give_away("2026-11-28T03-00-00Z")))
    assert kept == tmp_path / "drill-nfs-2026-11-28T03-00-00Z"
    assert [one.name for one in kept.iterdir()] == ["0-mirror"]
    with scratch(tmp_path):
        pass
    assert kept.is_dir()


def test_its_path_below_the_root(tmp_path: Path) -> None:
    del tmp_path
    assert Private(b"/", PREFIX + b"x").path == b"/" + PREFIX + b"x"


def test_what_a_killed_one_had_left_under_its_old_name_goes_as_well(tmp_path: Path) -> None:
    left(tmp_path, "old")
    with private_scratch(os.fsencode(tmp_path), "nfs", "pve", was="old"):
        assert [one.name for one in tmp_path.iterdir()] == [os.fsdecode(PREFIX + b"nfs")]
    strange = left(tmp_path, "old", host="another")
    with private_scratch(os.fsencode(tmp_path), "nfs", "pve", was="old"):
        pass
    assert list(tmp_path.iterdir()) == [strange], "it is somebody else's"
