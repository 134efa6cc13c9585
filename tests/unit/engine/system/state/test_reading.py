"""State and journal opened only to be read."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from engine.records.journal import Change, Consumer
from engine.records.reports import RunStatus
from engine.system.journal.journal import open_journal
from engine.system.state.reading import read_journal, read_state
from engine.system.state.state import RunRecord, StateUnusable, open_state
from tests.unit.engine.system.state.test_state import record

READER = Consumer(leg="nightly", reads="data", tree="data")
Open = Callable[[Path], AbstractContextManager[object]]


def files(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in it, with times and content; shared memory is the database's own affair."""
    return {
        one.name: (one.stat().st_mtime_ns, one.read_bytes())
        for one in directory.iterdir()
        if not one.name.endswith("-shm")
    }


def state_at(path: Path, *runs: RunRecord) -> None:
    with open_state(path) as state:
        for one in runs:
            state.finish(one)


def test_what_is_not_there_is_nothing_and_is_not_made(tmp_path: Path) -> None:
    with read_state(tmp_path / "state.db") as state, read_journal(tmp_path / "j.db") as journal:
        assert state is None
        assert journal is None
    assert files(tmp_path) == {}


def test_reading_what_nobody_has_open_changes_nothing(tmp_path: Path) -> None:
    state_at(tmp_path / "state.db", record("1"))
    with open_journal(tmp_path / "journal.db") as journal:
        journal.register([READER])
        journal.record_tree("data", [Change(b"a")])
    before = files(tmp_path)
    assert set(before) == {"state.db", "journal.db"}
    with read_state(tmp_path / "state.db") as state, read_journal(tmp_path / "journal.db") as told:
        assert state is not None
        assert state.history("nightly") == (record("1"),)
        assert told is not None
        assert told.waiting("nightly", "data") == 1
        assert files(tmp_path) == before
    assert files(tmp_path) == before
    assert {one.name for one in tmp_path.iterdir()} == set(before)


def test_what_is_being_written_is_read_as_it_stands(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state, open_journal(tmp_path / "j.db") as journal:
        journal.register([READER])
        for count in range(3):
            state.finish(record(f"{count}", count))
            journal.record_tree("data", [Change(b"%d" % count)])
            with read_state(tmp_path / "state.db") as seen, read_journal(tmp_path / "j.db") as told:
                assert seen is not None
                assert len(seen.history("nightly")) == count + 1
                assert told is not None
                assert told.waiting("nightly", "data") == count + 1


def test_nothing_can_be_written_through_it(tmp_path: Path) -> None:
    state_at(tmp_path / "state.db", record("1"))
    for reading in ("alone", "beside a writer"):
        with read_state(tmp_path / "state.db") as state:
            assert state is not None
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                state.finish(record("2", 1, RunStatus.OK))
        if reading == "alone":
            with open_state(tmp_path / "state.db"):
                pass


@pytest.mark.parametrize("odd", [b"per%20cent", b"que?tion", b"ha#sh", b"bad\xff"])
def test_law_34_the_path_may_hold_anything(tmp_path: Path, odd: bytes) -> None:
    path = tmp_path / os.fsdecode(odd) / "state.db"
    path.parent.mkdir()
    try:
        state_at(path, record("1"))
    except (StateUnusable, UnicodeEncodeError):
        pytest.fail("it could not be made")
    with read_state(path) as state:
        assert state is not None
        assert state.history("nightly") == (record("1"),)


@pytest.mark.parametrize("damage", ["directory", "junk", "later"])
def test_what_cannot_be_read_says_so_and_a_journal_is_none(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "any.db"
    if damage == "directory":
        path.mkdir()
    elif damage == "junk":
        path.write_bytes(b"no database at all " * 100)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 999")
        connection.close()
    told = "another version" if damage == "later" else "cannot be read"
    with pytest.raises(StateUnusable, match=told):
        read_state(path).__enter__()
    with read_journal(path) as journal:
        assert journal is None


def test_one_that_is_just_being_made_is_none_yet(tmp_path: Path) -> None:
    (tmp_path / "any.db").touch()
    for opened in (read_state, read_journal):
        reading: Open = opened
        with reading(tmp_path / "any.db") as found:
            assert found is None


def test_a_journal_in_a_closed_directory_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", refuse)
    with read_journal(tmp_path / "journal.db") as journal:
        assert journal is None
