"""What a leg that runs elsewhere leaves beside its product."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.generations.names import Standing
from engine.records.reports import RunStatus
from engine.system.state.reading import state_of
from engine.system.state.records import ItemRecord, RunRecord
from engine.system.state.status_file import (
    NAME,
    Kept,
    LeftStatus,
    StatusUnreadable,
    leave_status,
    read_status,
    status_from_json,
    status_to_json,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def ran(number: int, status: RunStatus = RunStatus.OK) -> RunRecord:
    began = NOON + timedelta(hours=number)
    return RunRecord(
        run_id=f"run-{number}",
        leg="copy",
        started=began,
        ended=began + timedelta(minutes=1),
        status=status,
        reason="so",
        data_as_of=began,
        items=(ItemRecord(name="vault", status=status, files=number, data_as_of=began),),
    )


LEFT = LeftStatus(
    leg="copy",
    runs=(ran(2, RunStatus.FAILED), ran(1)),
    kept=(Kept(name="2026-11-28T13-00-00Z", standing=Standing.VERIFIED),),
)


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    (tmp_path / "dumps" / "v").mkdir(parents=True)
    return os.fsencode(tmp_path)


def test_it_comes_back_as_it_was_left(root: bytes) -> None:
    assert read_status(root, (b"dumps", b"v"), "copy") is None
    leave_status(LEFT, root + b"/dumps/v")
    assert read_status(root, (b"dumps", b"v"), "copy") == LEFT
    assert LEFT.generations == {b"2026-11-28T13-00-00Z": Standing.VERIFIED}


def test_a_state_is_made_of_it_with_the_newest_run_last() -> None:
    with state_of(LEFT) as state:
        last, success = state.last_run("copy"), state.last_success("copy")
        assert last is not None
        assert success is not None
        assert (last.run_id, success.run_id) == ("run-2", "run-1")
        assert [one.files for one in state.items("run-1")] == [1]


def test_another_legs_is_none(root: bytes) -> None:
    leave_status(LEFT, root)
    with pytest.raises(StatusUnreadable, match="that of the leg 'copy'"):
        read_status(root, (), "other")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format": 1', '"format": 2'),
        ('"files": 1', '"files": -1'),
        ('"files": 1', f'"files": {1 << 63}'),
        ('"status": "ok"', '"status": "splendid"'),
        ('"2026-11-28T13:00:00+00:00"', '"yesterday"'),
        ('"2026-11-28T13:00:00+00:00"', '"2026-11-28T13:00:00"'),
        ('"leg"', '"legs"'),
        ("{", "["),
    ],
)
def test_what_is_none_is_refused(old: str, new: str) -> None:
    text = status_to_json(LEFT)
    assert old in text
    with pytest.raises(StatusUnreadable):
        status_from_json(text.replace(old, new, 1))


def test_law_41_no_text_of_it_commands_a_terminal() -> None:
    document = json.loads(status_to_json(LEFT))
    document["runs"][0]["reason"] = "\x1b]0;mine\x07" + "x" * 5000
    (found, _) = status_from_json(json.dumps(document)).runs
    assert found.reason.isprintable()
    assert len(found.reason) < 3000


def test_law_41_no_symlink_is_followed(root: bytes, tmp_path: Path) -> None:
    leave_status(LEFT, root)
    folder = tmp_path / "dumps"
    (folder / "v").rmdir()
    (folder / "v").symlink_to(tmp_path)
    assert read_status(root, (b"dumps", b"v"), "copy") is None
    (folder / os.fsdecode(NAME)).symlink_to(tmp_path / os.fsdecode(NAME))
    with pytest.raises(StatusUnreadable):
        read_status(root, (b"dumps",), "copy")


def test_what_has_no_generations_name_is_none() -> None:
    left = LeftStatus(leg="copy", kept=(Kept(name="../../etc", standing=Standing.VERIFIED),))
    assert left.generations == {}
