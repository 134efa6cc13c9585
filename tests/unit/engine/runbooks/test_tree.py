"""The decision tree: its bands, its order, and the way down."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.promises.objectives import regions
from engine.runbooks.options import Holding, Option, Wanted
from engine.runbooks.tree import Tree, band_for, tree_of, walk
from tests.strategies import compiled, manifest
from tests.unit.engine.overview.test_graph import DESTINATIONS

HOUR, DAY = 3600, 86_400
TIMES = {"schedule": "02:00", "timeout": "1h"}
LATER = {"kind": "mirror", "from": "disk", "to": "nas:/x", "schedule": "06:00", "timeout": "1h"}


def tree(wanted: Wanted = Wanted.FILE, **legs) -> Tree:
    routed = {one: leg for one, leg in legs.items() if "from" not in leg}
    routes = dict.fromkeys(["/srv/data"] * bool(routed), next(iter(routed), ""))
    found, _ = compiled(manifest(destinations=DESTINATIONS, legs=legs, routes=routes or None))
    (region,) = regions(found.chains.policy, found.plan.tables, found.chains)
    return tree_of(found.plan, found.chains, region.copies, wanted)


def names(options: tuple[Option, ...]) -> list[tuple[str, Holding]]:
    return [(one.copy.place, one.holding) for one in options]


def test_a_mirror_holds_nothing_older_than_its_rpo() -> None:
    found = tree(first={"kind": "mirror", "to": "disk:/", **TIMES}, later=LATER)
    assert [(band.up_to, names(band.options)) for band in found.bands] == [
        (25 * HOUR, [("disk", Holding.NEWEST), ("nas", Holding.NEWEST)]),
        (29 * HOUR, [("nas", Holding.NEWEST)]),
    ]
    assert band_for(found, 25 * HOUR) is found.bands[0]
    assert band_for(found, 25 * HOUR + 1) is found.bands[1]
    assert band_for(found, 29 * HOUR + 1) is None


def test_what_is_set_aside_is_whole_for_a_file_and_a_part_of_a_directory() -> None:
    leg = {"kind": "mirror", "to": "disk:/", "deleted": {"keep": "10d"}, **TIMES}
    of_file = tree(Wanted.FILE, first=leg)
    assert [(band.up_to, names(band.options)) for band in of_file.bands] == [
        (12 * DAY + 2 * HOUR, [("disk", Holding.NEWEST), ("disk", Holding.SET_ASIDE)]),
    ]
    of_directory = tree(Wanted.DIRECTORY, first=leg)
    assert [
        (band.up_to, names(band.options), names(band.parts)) for band in of_directory.bands
    ] == [
        (25 * HOUR, [("disk", Holding.NEWEST)], [("disk", Holding.SET_ASIDE)]),
        (12 * DAY + 2 * HOUR, [], [("disk", Holding.SET_ASIDE)]),
    ]


def test_generations_reach_as_far_as_their_retention_lets_them() -> None:
    found = tree(first={"kind": "versions", "to": "disk:/", "keep": {"daily": 5}, **TIMES})
    assert [band.up_to for band in found.bands] == [5 * DAY + 25 * HOUR]


def test_of_a_retention_without_an_end_no_bound_is_known() -> None:
    found = tree(first={"kind": "versions", "to": "disk:/", "keep": {"yearly": 10}, **TIMES})
    assert [band.up_to for band in found.bands] == [None]
    by_hand = tree(first={"kind": "mirror", "to": "disk:/"})
    assert [band.up_to for band in by_hand.bands] == [None]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (Wanted.DATABASE, ["first", "second"]),
        (Wanted.FILE, ["second"]),
        (Wanted.DIRECTORY, ["second"]),
    ],
)
def test_copies_of_databases_come_first_and_hold_nothing_else(
    wanted: Wanted, places: list[str]
) -> None:
    found = tree(
        wanted,
        first={"kind": "sqlite", "from": "data", "to": "disk:/a", "keep": {"last": 3}, **TIMES},
        second={"kind": "versions", "from": "data", "to": "disk:/b", "keep": {"last": 3}, **TIMES},
    )
    assert [one.copy.leg for one in found.options] == places


def test_the_way_down() -> None:
    found = tree(first={"kind": "mirror", "to": "disk:/", **TIMES}, later=LATER)
    near, far = found.options
    day = datetime(2028, 3, 1, tzinfo=UTC)

    def going(age: int, states: dict[Option, datetime]) -> Option | None:
        return walk(found, age, states.get)

    assert going(0, {near: day, far: day}) is near, "of equal states the preferred one"
    assert going(0, {near: day.replace(hour=1), far: day.replace(hour=2)}) is far
    assert going(0, {far: day}) is far
    assert going(0, {}) is None
    assert going(26 * HOUR, {near: day, far: day}) is far, "nobody is asked who cannot have it"
    assert going(30 * HOUR, {near: day, far: day}) is None


def test_parts_are_taken_where_nothing_whole_is() -> None:
    leg = {"kind": "mirror", "to": "disk:/", "deleted": {"keep": "10d"}, **TIMES}
    found = tree(Wanted.DIRECTORY, first=leg)
    whole, part = found.options
    day = datetime(2028, 3, 1, tzinfo=UTC)
    assert walk(found, 0, {whole: day, part: day.replace(hour=2)}.get) is whole
    assert walk(found, 0, {part: day}.get) is part
