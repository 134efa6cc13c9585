"""The looks of checks in the state database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.checks.outcome import Checked, Status, Verdict
from engine.system.state.looks import Looks
from engine.system.state.state import open_state

NOW = datetime(2026, 11, 28, 3, 0, 0, 123_456, tzinfo=UTC)
GOOD = Checked(
    check="dumps",
    began=NOW,
    ended=NOW + timedelta(seconds=9),
    verdict=Verdict(status=Status.OK, reason="ü", looked=2, newest=NOW, bytes=1 << 40, oldest=NOW),
)
BAD = replace(GOOD, verdict=Verdict(status=Status.FAILED, reason="too old"))


def test_a_look_comes_back_as_it_was_noted(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        looks = Looks(state.connection)
        looks.note(GOOD)
        assert looks.of("dumps") == (GOOD,)
        assert looks.of("other") == ()


def test_its_end_takes_the_place_of_its_beginning(tmp_path: Path) -> None:
    begun = Checked(check="dumps", began=NOW)
    with open_state(tmp_path / "state.db") as state:
        looks = Looks(state.connection)
        looks.note(begun)
        assert looks.of("dumps") == (begun,)
        looks.note(BAD)
        assert looks.of("dumps") == (BAD,)


def test_so_many_are_kept_and_the_last_good_one(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        looks = Looks(state.connection)
        looks.note(replace(GOOD, began=NOW - timedelta(hours=1)))
        looks.note(GOOD)
        for number in range(1, 206):
            looks.note(replace(BAD, began=NOW + timedelta(hours=number)))
        found = looks.of("dumps")
        assert len(found) == 201
        assert found[0].began == NOW + timedelta(hours=205)
        assert found[-1] == GOOD
        assert looks.facts("dumps").success == GOOD


def test_since_when_a_check_is_expected_stays_until_it_leaves(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        looks = Looks(state.connection)
        looks.expect({"dumps"}, NOW)
        looks.note(GOOD)
        looks.expect({"dumps", "other"}, NOW + timedelta(days=1))
        assert looks.facts("dumps").expected_since == NOW
        assert looks.facts("dumps").looks == (GOOD,)
        assert looks.facts("other").expected_since == NOW + timedelta(days=1)
        looks.expect({"other"}, NOW)
        assert looks.facts("dumps").expected_since is None
        assert looks.facts("dumps").looks == ()


def test_a_renamed_check_takes_its_looks_along(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        looks = Looks(state.connection)
        looks.expect({"dumps"}, NOW)
        looks.note(GOOD)
        assert looks.rename("dumps", "fresh")
        looks.expect({"fresh"}, NOW + timedelta(days=9))
        facts = looks.facts("fresh")
        assert facts.expected_since == NOW
        assert facts.looks == (replace(GOOD, check="fresh"),)
        assert not looks.rename("dumps", "fresh"), "nothing is left to do"


def test_a_state_of_before_gets_what_is_new_and_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(path) as state:
        Looks(state.connection).note(BAD)
        state.connection.execute("ALTER TABLE look DROP COLUMN oldest")
        state.connection.execute("PRAGMA user_version = 10")
        state.connection.commit()
    with open_state(path) as state:
        looks = Looks(state.connection)
        assert looks.of("dumps") == (BAD,)
        looks.note(GOOD)
        assert looks.of("dumps") == (GOOD,)


def test_what_a_check_compares_with_has_a_time_of_its_own(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        looks, later = Looks(state.connection), NOW + timedelta(days=1)
        looks.expect({"dumps", "dumps#1"}, NOW)
        looks.expect({"dumps", "dumps#2"}, later)
        assert looks.facts("dumps").expected_since == NOW
        assert looks.since("dumps#2") == later
        assert looks.since("dumps#1") is None
