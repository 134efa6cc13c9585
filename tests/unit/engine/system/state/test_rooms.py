"""Room at destinations in the state database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from engine.standing.forecast import RoomDay
from engine.system.state.rooms import KEPT
from engine.system.state.state import RoomRecord, open_state

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def room(free: int | None, at: datetime = NOW, total: int | None = 100) -> RoomRecord:
    return RoomRecord(free=free, total=total, measured=at)


def test_of_each_day_the_last_figure_stays(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.record_room("disk", room(50))
        state.record_room("disk", room(40, NOW + timedelta(hours=20)))
        state.record_room("disk", room(30, NOW + timedelta(hours=22)))
        state.record_room("other", room(1))
        assert state.rooms.days("disk") == (
            RoomDay(day=date(2026, 11, 22), free=40, total=100),
            RoomDay(day=date(2026, 11, 23), free=30, total=100),
        )
        assert state.room("disk") == room(30, NOW + timedelta(hours=22))


def test_a_destination_that_does_not_say_has_no_days(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.record_room("disk", room(None, total=None))
        assert state.rooms.days("disk") == ()
        assert state.room("disk") == room(None, total=None)


def test_two_years_are_kept_and_a_wrong_clock_does_not_end_them(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        for day in range(KEPT + 20):
            state.record_room("disk", room(50, NOW + timedelta(days=day)))
        kept = state.rooms.days("disk")
        assert (len(kept), kept[-1].day) == (KEPT, (NOW + timedelta(days=KEPT + 19)).date())
        state.record_room("disk", room(50, NOW + timedelta(days=20_000)))
        assert len(state.rooms.days("disk")) == KEPT


def test_the_days_of_a_renamed_destination_are_its_own(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.record_destination("disk", "uuid", NOW)
        state.record_room("disk", room(50))
        state.record_room("new", room(1, NOW - timedelta(days=9)))
        assert state.rename_destination("disk", "new")
        assert state.rooms.days("disk") == ()
        assert state.rooms.days("new") == (RoomDay(day=NOW.date(), free=50, total=100),)
        assert state.room("new") == room(50)
