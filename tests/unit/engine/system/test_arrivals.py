"""Copies that have yet to come, in the state database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.migration import Arrival
from engine.plan import Location
from engine.spots import spot, spot_below
from engine.system.state import open_state
from tests.integration.lab import HOSTILE

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = Arrival(place=spot("disk", b"*/cache"), leg="nightly")
OTHER = Arrival(place=spot("nas", b"copies"), leg="onward")


def succeeded(**moments: datetime):
    return moments.get


def test_they_wait_until_their_own_leg_has_succeeded(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([ONE, OTHER], NOW)
        assert state.arrivals.awaited(succeeded()) == (ONE, OTHER)
        before = NOW - HOUR
        assert state.arrivals.awaited(succeeded(nightly=before, onward=before)) == (ONE, OTHER)
        # A run that began at that very moment has read the plan that makes it.
        assert state.arrivals.awaited(succeeded(nightly=NOW)) == (OTHER,)
        state.arrivals.forget_come(succeeded(nightly=NOW))
        assert state.arrivals.awaited(succeeded()) == (OTHER,)


def test_what_is_awaited_anew_waits_anew(tmp_path: Path) -> None:
    """The plan went back and forth: what came in between may have been removed since."""
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([ONE], NOW)
        state.arrivals.note([ONE], NOW + 2 * HOUR)
        assert state.arrivals.awaited(succeeded(nightly=NOW + HOUR)) == (ONE,)
        assert state.arrivals.awaited(succeeded(nightly=NOW + 3 * HOUR)) == ()


def test_another_leg_that_brings_it_now(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([ONE], NOW)
        now = Arrival(place=ONE.place, leg="direct")
        state.arrivals.note([now], NOW)
        assert state.arrivals.awaited(succeeded(nightly=NOW + HOUR)) == (now,)


def test_law_34_hostile_names_come_back(tmp_path: Path) -> None:
    places = [spot_below(Location(holder="disk", names=(name, name))) for name in HOSTILE]
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note((Arrival(place=one, leg="nightly") for one in places), NOW)
        assert {one.place for one in state.arrivals.awaited(succeeded())} == set(places)
        assert state.arrivals.awaited(succeeded(nightly=NOW)) == ()
        state.arrivals.forget_come(succeeded(nightly=NOW))
        assert state.arrivals.awaited(succeeded()) == ()


def test_renamed_parts(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([ONE, OTHER], NOW)
        for old, new in (("disk", "drive"), ("nightly", "daily")):
            state.arrivals.rename(old, new)
            state.arrivals.rename(old, new)
        found = state.arrivals.awaited(succeeded(nightly=NOW))
        assert found == (Arrival(place=spot("drive", b"*/cache"), leg="daily"), OTHER)
