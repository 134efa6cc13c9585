"""Measurements in the state database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine.records.measurement import DirectoryVolume, Measurement, Volume
from engine.system.state.reading import read_state
from engine.system.state.state import open_state

ROWS = (
    DirectoryVolume(b"", 1, 1),
    DirectoryVolume(b"a", 2, 20),
    DirectoryVolume(b"a-b", 1, 300),
    DirectoryVolume(b"a/b", 4, 4000),
    DirectoryVolume(b"a0", 1, 50_000),
    DirectoryVolume(b"new\nline/\xff", 1, 600_000),
)
ONE = Measurement(
    at=datetime(2026, 11, 22, 2, 0, tzinfo=UTC),
    seconds=1.5,
    ignores="digest",
    rows=ROWS,
    ignored=Volume(files=7, bytes=70),
    unreadable=2,
)


def test_a_measurement_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(path) as state:
        state.measurements.put("nfs", replace(ONE, rows=(DirectoryVolume(b"gone", 1, 1),)))
        state.measurements.put("nfs", ONE)
    with read_state(path) as seen:
        assert seen is not None
        assert seen.measurements.of("nfs") == ONE
        assert seen.measurements.of("other") is None


def test_what_lies_below_a_directory_is_its_own_and_no_neighbours(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        assert state.measurements.below("nfs", b"a") is None
        state.measurements.put("nfs", ONE)
        assert state.measurements.below("nfs", b"a") == Volume(files=6, bytes=4020)
        assert state.measurements.below("nfs", b"a/b") == Volume(files=4, bytes=4000)
        assert state.measurements.below("nfs", b"nothing") == Volume()
        assert state.measurements.below("nfs", b"") == Volume(files=10, bytes=654_321)


def test_law_36_a_measurement_follows_a_rename_and_goes_with_its_source(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.measurements.put("nfs", ONE)
        state.measurements.put("new", replace(ONE, rows=(DirectoryVolume(b"old", 1, 1),)))
        assert state.rename_source("nfs", "new")
        assert state.measurements.of("nfs") is None
        assert state.measurements.of("new") == ONE, "what another one left is not its own"
        assert not state.rename_source("nfs", "new"), "asked again nothing is left to do"
        state.measurements.put("other", ONE)
        state.measurements.keep_only({"other"})
        assert state.measurements.of("new") is None
        assert state.measurements.below("new", b"") is None
        assert state.measurements.of("other") == ONE
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        assert db.execute("SELECT DISTINCT source FROM volume").fetchall() == [("other",)]
