"""Pauses in the state database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.schedule.pauses import Pause
from engine.system.state.reading import read_state
from engine.system.state.state import open_state

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
PAUSE = Pause(leg="nightly", until=NOW + timedelta(days=3), since=NOW, reason="nouveau disque: ça")


def test_a_pause_comes_back_as_it_was_until_it_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(path) as state:
        state.pauses.begin(PAUSE)
    with read_state(path) as seen:
        assert seen is not None
        assert seen.pauses.of("nightly", NOW) == PAUSE
        assert seen.pauses.of("other", NOW) is None
        assert seen.pauses.of("nightly", PAUSE.until - timedelta(seconds=1)) == PAUSE
        assert seen.pauses.of("nightly", PAUSE.until) is None


def test_a_leg_has_one_pause_and_the_last_one_counts(tmp_path: Path) -> None:
    shorter = replace(PAUSE, until=NOW + timedelta(days=1), reason="")
    with open_state(tmp_path / "state.db") as state:
        state.pauses.begin(PAUSE)
        state.pauses.begin(shorter)
        assert state.pauses.of("nightly", NOW) == shorter
        state.pauses.end("nightly")
        state.pauses.end("nightly")
        assert state.pauses.of("nightly", NOW) is None


def test_law_36_a_pause_follows_a_rename_and_goes_with_its_leg(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.pauses.begin(PAUSE)
        state.pauses.begin(replace(PAUSE, leg="other"))
        state.pauses.rename("nightly", "local")
        assert state.pauses.of("nightly", NOW) is None
        assert state.pauses.of("local", NOW) == replace(PAUSE, leg="local")
        state.pauses.rename("nightly", "local")
        assert state.pauses.of("local", NOW) is not None, "asked again nothing is left to do"
        state.pauses.keep_only({"local"})
        assert state.pauses.of("other", NOW) is None
        assert state.pauses.of("local", NOW) is not None
