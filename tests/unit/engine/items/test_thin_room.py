"""Whether a pool has room."""

from dataclasses import replace

import pytest

from engine.items.thin_names import LvName
from engine.items.thin_pool import Health, Pool
from engine.items.thin_room import room_problem
from policy.values import Percentage

POOL = Pool(
    name=LvName(group="pve", volume="data"),
    size=2**40,
    data_used=Percentage(60_000),
    metadata_used=Percentage(30_000),
    health=Health.GOOD,
    needs_check=False,
)
FIFTEEN = Percentage(15_000)


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        (POOL, ""),
        (replace(POOL, data_used=Percentage(85_000)), ""),
        (replace(POOL, data_used=Percentage(85_010)), "has 14.99% of its data free, not 15%"),
        (replace(POOL, metadata_used=Percentage(99_000)), "has 1% of its metadata free, not 15%"),
        (replace(POOL, data_used=None), "does not say how full it is"),
        (replace(POOL, metadata_used=None), "does not say how full it is"),
        (replace(POOL, health=Health.OUT_OF_DATA), "it is out of data space"),
        (replace(POOL, health=Health.UNKNOWN), "does not know"),
        (replace(POOL, needs_check=True), "damaged metadata"),
    ],
)
def test_room(pool: Pool, words: str) -> None:
    found = room_problem(pool, FIFTEEN)
    assert words in found
    assert bool(words) == bool(found)


def test_without_a_limit_a_pool_must_still_be_well() -> None:
    assert room_problem(replace(POOL, data_used=Percentage(99_000)), None) == ""
    assert room_problem(replace(POOL, health=Health.FAILED), None) != ""


def test_each_health_has_its_words() -> None:
    for health in Health:
        assert bool(room_problem(replace(POOL, health=health), None)) == (health is not Health.GOOD)
