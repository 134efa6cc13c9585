from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.system.state.state import open_state
from engine.system.state.verifications import Verifications
from engine.verify.comparison import Difference, Found
from engine.verify.verdict import Verified
from tests.integration.lab import HOSTILE

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
ONE = Verified(
    leg="nightly",
    reads="data",
    began=NOW,
    ended=NOW + timedelta(minutes=5),
    seed=7,
    compared=10,
    compared_bytes=1_000,
    files=20,
    bytes=5_000,
    changed=2,
    found=tuple(Found(path=name, difference=Difference.DAMAGED) for name in sorted(HOSTILE)),
    counts=((Difference.DAMAGED, len(HOSTILE)),),
    unreadable=1,
)


def test_law_34_it_comes_back_byte_for_byte(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        Verifications(state.connection).note(ONE)
    with open_state(tmp_path / "state.db") as state:
        assert Verifications(state.connection).of("nightly", "data") == (ONE,)
        assert Verifications(state.connection).of("nightly", "other") == ()


def test_what_could_not_be_compared_hides_nothing_that_was(tmp_path: Path) -> None:
    later = NOW + timedelta(days=1)
    away = Verified(
        leg="nightly", reads="data", began=later, ended=later, seed=None, refused="it is away"
    )
    with open_state(tmp_path / "state.db") as state:
        known = Verifications(state.connection)
        known.note(ONE)
        known.note(away)
        assert known.of("nightly", "data") == (away, ONE)
        assert known.last("nightly", "data") == replace(ONE, found=())


def test_the_newest_hundred_are_remembered(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        known = Verifications(state.connection)
        for days in range(102):
            moment = NOW + timedelta(days=days)
            known.note(replace(ONE, began=moment, ended=moment))
        found = known.of("nightly", "data")
        assert len(found) == 100
        assert found[0].began == NOW + timedelta(days=101)
        assert [bool(one.found) for one in found[:2]] == [True, False]


def test_they_follow_the_names_of_legs_and_sources(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        known = Verifications(state.connection)
        known.note(ONE)
        state.rename_leg("nightly", "daily")
        state.rename_source("data", "photos")
        (found,) = known.of("daily", "photos")
        assert found == replace(ONE, leg="daily", reads="photos")
        assert known.of("nightly", "data") == ()
