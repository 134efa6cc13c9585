"""Drills in the state database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.drill.outcome import Drilled, Fault, Status
from engine.system.state.drills import Drills
from engine.system.state.state import open_state

NOW = datetime(2026, 11, 28, 3, 0, 0, 123_456, tzinfo=UTC)
FAULT = Fault(place="sda", path=b"bad\xff\n", what="it did not come back", item="a/b")
DONE = Drilled(
    drill="nfs",
    source="nfs",
    place="sda",
    began=NOW,
    ended=NOW + timedelta(seconds=9),
    status=Status.FAILED,
    reason="1 fault in what came back",
    seed=7,
    data_as_of=NOW - timedelta(days=1),
    files=3,
    bytes=1 << 40,
    seconds=1.25,
    compared=2,
    databases=1,
    whole=1 << 50,
    faults=(FAULT,),
    fault_count=1,
)


def test_a_drill_comes_back_as_it_was_noted(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        Drills(state.connection).note(DONE)
        assert Drills(state.connection).of("nfs") == (DONE,)
        assert Drills(state.connection).of("other") == ()


def test_its_end_takes_the_place_of_its_beginning(tmp_path: Path) -> None:
    begun = Drilled(drill="nfs", source="nfs", place="sda", began=NOW, seed=7)
    with open_state(tmp_path / "state.db") as state:
        drills = Drills(state.connection)
        drills.note(begun)
        assert drills.of("nfs") == (begun,)
        drills.note(DONE)
        assert drills.of("nfs") == (DONE,)


def test_the_newest_comes_first_and_so_many_are_kept(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        drills = Drills(state.connection)
        for number in range(205):
            drills.note(replace(DONE, began=NOW + timedelta(days=number)))
        found = drills.of("nfs")
        assert len(found) == 200
        assert [one.began for one in found[:2]] == [
            NOW + timedelta(days=204),
            NOW + timedelta(days=203),
        ]
        assert found[0].faults == (FAULT,)
        assert found[1].faults == ()
        (faults,) = state.connection.execute("SELECT count(*) FROM drill_fault").fetchone()
        assert faults == 200


def test_since_when_a_drill_is_expected_stays_until_it_leaves(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        drills = Drills(state.connection)
        drills.expect({"nfs"}, NOW)
        drills.note(DONE)
        drills.expect({"nfs", "other"}, NOW + timedelta(days=1))
        assert drills.facts("nfs").expected_since == NOW
        assert drills.facts("nfs").drills == (DONE,)
        assert drills.facts("other").expected_since == NOW + timedelta(days=1)
        drills.expect({"other"}, NOW)
        assert drills.facts("nfs").expected_since is None
        assert drills.facts("nfs").drills == ()


def test_what_is_renamed_keeps_its_history(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        drills = Drills(state.connection)
        drills.note(DONE)
        drills.rename_source("nfs", "files")
        drills.rename_place("sda", "disk")
        (found,) = drills.of("nfs")
        assert (found.source, found.place) == ("files", "disk")


def test_a_renamed_drill_takes_its_history_along(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        drills = Drills(state.connection)
        drills.expect({"nfs"}, NOW)
        drills.note(DONE)
        assert drills.rename("nfs", "files")
        drills.expect({"files"}, NOW + timedelta(days=9))
        facts = drills.facts("files")
        assert facts.expected_since == NOW
        assert facts.drills == (replace(DONE, drill="files"),)
        assert not drills.rename("nfs", "files"), "nothing is left to do"
