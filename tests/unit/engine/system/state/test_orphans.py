"""Orphans and tombstones in the state database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.orphans.noted_copies import Orphan
from engine.plan.model import Location
from engine.plan.spots import spot, spot_below
from engine.system.state.orphans import OrphanTotal, Tombstone
from engine.system.state.records import Left, Stream
from engine.system.state.state import open_state
from policy.patterns import literal_component
from tests.integration.lab import HOSTILE

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
ONE = Orphan(
    place=spot("disk", b"*/cache"),
    leg="nightly",
    reads="data",
    live=spot("data", b"*/cache"),
    why="routed to none: ça",
)


def test_the_first_time_stays(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.orphans.note([ONE], NOW)
        state.orphans.note([replace(ONE, why="else")], NOW + timedelta(days=1))
        (known,) = state.orphans.all()
        assert (known.orphan, known.since, known.files) == (ONE, NOW, None)
        assert state.orphans.total() == OrphanTotal(count=1, bytes=0, unknown=1)
        state.orphans.measured(ONE.place, 3, 4096)
        assert state.orphans.total() == OrphanTotal(count=1, bytes=4096, unknown=0)
        state.orphans.drop(ONE.place)
        assert state.orphans.all() == ()


def test_law_34_hostile_names_come_back(tmp_path: Path) -> None:
    places = [spot_below(Location(holder="disk", names=(name, name))) for name in HOSTILE]
    with open_state(tmp_path / "state.db") as state:
        state.orphans.note((replace(ONE, place=one, live=one) for one in places), NOW)
        assert {one.orphan.place for one in state.orphans.all()} == set(places)
        assert {one.orphan.live for one in state.orphans.all()} == set(places)


def test_a_removal_leaves_a_stone(tmp_path: Path) -> None:
    stone = Tombstone(
        place=ONE.place,
        removed=NOW + timedelta(days=9),
        since=NOW,
        why=ONE.why,
        files=3,
        bytes=4096,
    )
    with open_state(tmp_path / "state.db") as state:
        state.orphans.note([ONE], NOW)
        state.orphans.bury(stone)
        assert state.orphans.all() == ()
        assert state.orphans.tombstones() == (stone,)
        later = replace(stone, removed=NOW + timedelta(days=10))
        state.orphans.bury(later)
        assert state.orphans.tombstones() == (later, stone)


def test_how_its_files_lie_is_kept_and_may_be_unknown(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        for form in (None, "", "dumps/kept"):
            state.orphans.note([replace(ONE, form=form)], NOW)
            assert [one.orphan.form for one in state.orphans.all()] == [form]
            state.orphans.drop(ONE.place)


def test_a_rename_leaves_a_stone_that_says_where_to(tmp_path: Path) -> None:
    stone = Tombstone(
        place=ONE.place,
        removed=NOW,
        since=NOW,
        why=ONE.why,
        files=3,
        bytes=4096,
        renamed="disk:/new ça",
    )
    with open_state(tmp_path / "state.db") as state:
        state.orphans.bury(stone)
        assert state.orphans.tombstones() == (stone,)


def test_renamed_legs_in_how_its_files_lie(tmp_path: Path) -> None:
    forms = {"one": "one", "one/two": "one/two", "two/one": "two/one", "one-two": "one-two"}
    with open_state(tmp_path / "state.db") as state:
        for form in (*forms, "", None):
            place = spot("disk", b"at-" + str(form).encode())
            state.orphans.note([replace(ONE, place=place, form=form)], NOW)
        state.orphans.rename("one", "first")
        found = {str(one.orphan.place): one.orphan.form for one in state.orphans.all()}
        assert found == {
            "disk:/at-one": "first",
            "disk:/at-one/two": "first/two",
            "disk:/at-two/one": "two/first",
            "disk:/at-one-two": "one-two",
            "disk:/at-": "",
            "disk:/at-None": None,
        }


def test_renamed_parts(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.orphans.note([ONE], NOW)
        for old, new in (("disk", "drive"), ("nightly", "daily"), ("data", "live")):
            state.orphans.rename(old, new)
            state.orphans.rename(old, new)
        (known,) = state.orphans.all()
        assert str(known.orphan.place) == "drive:/*/cache"
        assert (known.orphan.leg, known.orphan.reads) == ("daily", "live")
        assert str(known.orphan.live) == "live:/*/cache"


def test_law_01_what_a_leg_had_written_is_known_for_as_long_as_it_is_an_orphan(
    tmp_path: Path,
) -> None:
    gone = Stream(leg="nightly", source="data", place="disk:/ at :/mnt/disk on x")
    elsewhere = gone._replace(place="disk:/x at :/mnt/disk on x")
    left = tuple(Left(gone, entries) for _, entries in ONE.tops)
    with open_state(tmp_path / "state.db") as state:
        for stream in (gone, elsewhere):
            state.claim(stream, "run", [b"a", b"b"])
        state.keep_only((), left=left)
        assert state.owned(gone) == {b"a", b"b"}
        assert state.owned(elsewhere) == frozenset(), "an orphan elsewhere spares nothing"
        state.keep_only((), left=[Left(gone, literal_component(b"b"))])
        assert state.owned(gone) == {b"b"}, "nor does one of another name"
        state.keep_only(())
        assert state.owned(gone) == frozenset()
