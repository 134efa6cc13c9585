"""Copies that have yet to come, in the state database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.orphans.noted_copies import Arrival
from engine.plan.model import Location
from engine.plan.spots import Spot, spot, spot_below
from engine.system.host.places import Places
from engine.system.state.arrivals import there_by
from engine.system.state.state import open_state
from tests.integration.lab import HOSTILE
from tests.strategies import compiled, manifest

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = Arrival(place=spot("disk", b"*/cache"), leg="nightly")
OTHER = Arrival(place=spot("nas", b"copies"), leg="onward")


def succeeded(**moments: datetime):
    return moments.get


def anywhere(place: Spot) -> bool:
    return True


def test_they_wait_until_their_own_leg_has_succeeded(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([ONE, OTHER], NOW)
        assert state.arrivals.awaited(succeeded(), anywhere) == (ONE, OTHER)
        before = NOW - HOUR
        assert state.arrivals.awaited(succeeded(nightly=before, onward=before), anywhere) == (
            ONE,
            OTHER,
        )
        # A run that began at that very moment has read the plan that makes it.
        assert state.arrivals.awaited(succeeded(nightly=NOW), anywhere) == (OTHER,)
        state.arrivals.forget_come(succeeded(nightly=NOW), anywhere)
        assert state.arrivals.awaited(succeeded(), anywhere) == (OTHER,)


def test_what_is_awaited_anew_waits_anew(tmp_path: Path) -> None:
    """The plan went back and forth: what came in between may have been removed since."""
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([ONE], NOW)
        state.arrivals.note([ONE], NOW + 2 * HOUR)
        assert state.arrivals.awaited(succeeded(nightly=NOW + HOUR), anywhere) == (ONE,)
        assert state.arrivals.awaited(succeeded(nightly=NOW + 3 * HOUR), anywhere) == ()


def test_another_leg_that_brings_it_now(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([ONE], NOW)
        now = Arrival(place=ONE.place, leg="direct")
        state.arrivals.note([now], NOW)
        assert state.arrivals.awaited(succeeded(nightly=NOW + HOUR), anywhere) == (now,)


def test_law_34_hostile_names_come_back(tmp_path: Path) -> None:
    places = [spot_below(Location(holder="disk", names=(name, name))) for name in HOSTILE]
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note((Arrival(place=one, leg="nightly") for one in places), NOW)
        assert {one.place for one in state.arrivals.awaited(succeeded(), anywhere)} == set(places)
        assert state.arrivals.awaited(succeeded(nightly=NOW), anywhere) == ()
        state.arrivals.forget_come(succeeded(nightly=NOW), anywhere)
        assert state.arrivals.awaited(succeeded(), anywhere) == ()


def test_renamed_parts(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([ONE, OTHER], NOW)
        for old, new in (("disk", "drive"), ("nightly", "daily")):
            state.arrivals.rename(old, new)
            state.arrivals.rename(old, new)
        found = state.arrivals.awaited(succeeded(nightly=NOW), anywhere)
        assert found == (Arrival(place=spot("drive", b"*/cache"), leg="daily"), OTHER)


def test_law_11_a_success_alone_brings_nothing(tmp_path: Path) -> None:
    """The clock was wrong, or a part of the source was not mounted."""
    sections = {"disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"}}
    plan = compiled(manifest(destinations=sections))[0].plan
    there = there_by(plan, Places(root=tmp_path))
    copies = tmp_path / "mnt/disk"
    tree = Arrival(place=spot("disk", b"*/cache"), leg="nightly", form="")
    kept = Arrival(place=spot("disk", b"kept"), leg="nightly", form="versions")
    success = succeeded(nightly=NOW)
    with open_state(tmp_path / "state.db") as state:
        state.arrivals.note([tree, kept], NOW)
        assert state.arrivals.awaited(success, there) == (tree,), "generations bear other names"
        (copies / "a/other").mkdir(parents=True)
        (copies / "b/cache").mkdir(parents=True)
        (copies / "c").symlink_to("b")
        state.arrivals.forget_come(success, there)
        assert state.arrivals.awaited(success, there) == (tree,), "a mount point is empty"
        (copies / "b/cache/1").touch()
        assert state.arrivals.awaited(succeeded(), there) == (tree,)
        assert state.arrivals.awaited(success, there) == ()
        state.arrivals.forget_come(success, there)
        (copies / "b/cache/1").unlink()
        assert state.arrivals.awaited(success, there) == (), "what went afterwards has come"


def test_law_11_what_lies_on_another_machine_is_not_looked_at(tmp_path: Path) -> None:
    nas = {"path": "/b", "ssh": "backup@nas.example.net", "media": "nas", "site": "away"}
    sections = {"disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"}, "nas": nas}
    plan = compiled(manifest(destinations=sections))[0].plan
    assert there_by(plan, Places())(spot("nas", b"photos"))
