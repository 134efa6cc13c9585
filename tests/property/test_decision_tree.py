"""The decision tree of the docs gives the same answer as `restore --as-of`."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.compile import Compilation
from engine.promises.objectives import regions
from engine.restore.choice import choose
from engine.restore.versions import Kind, Version
from engine.runbooks.options import Holding, Option, Wanted
from engine.runbooks.tree import Held, tree_of, walk
from tests.property.restore_world import World, moment
from tests.strategies import compiled, manifest

_KINDS = {
    Kind.NEWEST: Holding.NEWEST,
    Kind.GENERATION: Holding.GENERATIONS,
    Kind.SET_ASIDE: Holding.SET_ASIDE,
}
SCHEDULES = st.sampled_from(
    ["02:00", "00/6:00", "Sun 03:00", "Mon,Thu 05:00", "hourly", "23:30", "04:00"]
)
KEEPS = st.sampled_from(
    [
        {"last": 3},
        {"within": "5d"},
        {"daily": 4, "weekly": 3},
        {"weekly": 4},
        {"hourly": 5, "daily": 2},
        {"monthly": 9},
    ]
)
TIMEOUTS = st.sampled_from(["10m", "1h", "3h"])
DELETED = st.sampled_from([{}, {"deleted": {"keep": "3d"}}, {"deleted": {"keep": "12d"}}])
PRESERVE = st.sampled_from([{}, {"preserve": ["times"]}, {"preserve": ["times", "perms", "owner"]}])
NOWS = st.integers(
    int(datetime(2027, 10, 1, tzinfo=UTC).timestamp()),
    int(datetime(2028, 11, 1, tzinfo=UTC).timestamp()),
)


@st.composite
def legs(draw: st.DrawFn, /, kind: str, to: str, **more: Any) -> dict[str, Any]:
    """A leg of a kind with a schedule, and whatever else such a leg may say."""
    extra = draw(PRESERVE) if kind != "sqlite" else {}
    kept = draw(DELETED) if kind == "mirror" else {"keep": draw(KEEPS)}
    times = {"schedule": draw(SCHEDULES), "timeout": draw(TIMEOUTS)}
    return {"kind": kind, "to": to, **times, **extra, **kept, **more}


WHOLE = {"from": "data"}
SHAPES: dict[str, dict[str, st.SearchStrategy[dict[str, Any]]]] = {
    "mirrors": {"first": legs("mirror", "disk:/a")},
    "two ways": {
        "first": legs("mirror", "disk:/a"),
        "past": legs("mirror", "box:/z", **{"from": "first"}),
    },
    "versions": {"first": legs("versions", "disk:/a")},
    "databases": {"first": legs("sqlite", "disk:/a", **WHOLE)},
    "both": {
        "first": legs("sqlite", "disk:/a", **WHOLE),
        "second": legs("versions", "disk:/b", **WHOLE),
    },
}
LATER = [
    {},
    {"later": legs("mirror", "nas:/x", **{"from": "disk"})},
    {"later": legs("mirror", "nas:/x", **{"from": "disk"}, after=["first"])},
    {
        "later": legs("mirror", "nas:/x", **{"from": "disk"}),
        "third": legs("mirror", "cellar:/y", **{"from": "nas"}),
    },
]


@st.composite
def houses(draw: st.DrawFn) -> dict[str, Any]:
    """One tree, carried in one or several ways, over up to three hops."""
    shape = draw(st.sampled_from(sorted(SHAPES)))
    parts = {**SHAPES[shape], **draw(st.sampled_from(LATER))}
    place = {"media": "hdd", "site": "home"}
    far = {"ssh": "backup@nas"} if draw(st.booleans()) else {}
    return manifest(
        timezone=draw(st.sampled_from(["UTC", "Europe/Sofia"])),
        destinations={
            "disk": {"path": "/mnt/disk", **place},
            "nas": {"path": "/volume", **place, **far},
            "cellar": {"path": "/mnt/cellar", **place},
            "box": {"path": "/mnt/box", **place},
        },
        legs={name: draw(one) for name, one in parts.items()},
        routes={"/srv/data": "first"} if shape not in {"databases", "both"} else None,
    )


@given(house=houses(), now=NOWS, seed=st.integers(0, 2**32), wanted=st.sampled_from(Wanted))
def test_the_tree_says_what_restore_does(
    house: dict[str, Any], now: int, seed: int, wanted: Wanted
) -> None:
    found = kept_in_time(house)
    chance = random.Random(seed)
    for _ in range(2):
        world = World(found.plan, found.chains, now + chance.randint(0, 86_400), chance)
        compare(found, world, wanted, chance)


def kept_in_time(house: dict[str, Any]) -> Compilation:
    """A plan whose runs end before the next ones are due: of no other is any age promised."""
    found, findings = compiled(house)
    assume(not {"run-overlaps-next", "wait-too-short"} & {one.code for one in findings})
    return found


def compare(found: Compilation, world: World, wanted: Wanted, chance: random.Random) -> None:
    """All ages that matter in one world."""
    (region,) = regions(found.chains.policy, found.plan.tables, found.chains)
    tree = tree_of(found.plan, found.chains, region.copies, wanted)
    copies = tuple(
        one
        for one in region.copies
        if wanted is Wanted.DATABASE or not _only_databases(one, wanted)
    )
    versions = world.versions(copies, region.source.name, directory=wanted is Wanted.DIRECTORY)
    zone = ZoneInfo(found.plan.timezone)
    bounds = [band.up_to for band in tree.bands if band.up_to is not None]
    moments = [int(one.moment.timestamp()) for one in versions if one.moment is not None]
    ages = {0, 1, *bounds, *(one + 1 for one in bounds)}
    ages |= {world.now - one + shift for one in moments for shift in (-1, 0, 1)}
    ages |= {chance.randint(0, 90 * 86_400) for _ in range(20)}
    for age in sorted(one for one in ages if one >= 0):
        as_of = moment(world.now) - timedelta(seconds=age)
        chosen = choose(versions, as_of=as_of, place=None, zone=zone).chosen
        said = walk(tree, age, holding(versions, as_of))
        assert answer(chosen) == (said and (said.copy, said.holding)), (age, chosen, said)


def _only_databases(copy: Any, wanted: Wanted) -> bool:
    """A plain file is in no copy of databases; of a directory such a copy holds a part."""
    return bool(copy.partial) and wanted is Wanted.FILE


def answer(chosen: Version | None) -> tuple[object, Holding] | None:
    return (chosen.copy, _KINDS[chosen.kind]) if chosen is not None else None


def holding(versions: list[Version], as_of: datetime) -> Held:
    """What somebody sees who looks at each copy: its newest state from before then."""

    def held(option: Option) -> datetime | None:
        states = (
            one.at(as_of)
            for one in versions
            if one.copy == option.copy and _KINDS[one.kind] is option.holding
        )
        return max((one for one in states if one is not None and one <= as_of), default=None)

    return held


@pytest.mark.slow
@settings(max_examples=500)
@given(house=houses(), now=NOWS, seed=st.integers(0, 2**32), wanted=st.sampled_from(Wanted))
def test_so_it_does_in_many_worlds(
    house: dict[str, Any], now: int, seed: int, wanted: Wanted
) -> None:
    found = kept_in_time(house)
    chance = random.Random(seed)
    compare(found, World(found.plan, found.chains, now, chance), wanted, chance)
