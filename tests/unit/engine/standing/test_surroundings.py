"""Room at destinations and the tracker, judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.standing.facts import RoomFacts, TrackerFacts, TreeFacts
from engine.standing.forecast import RoomDay
from engine.standing.surroundings import (
    OLD,
    RoomHealth,
    TrackerHealth,
    destination_status,
    tracker_status,
)
from policy.values import Percentage
from tests.plans import disk

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SDA = disk(max_used=Percentage(85_000))


def room(free: int | None, total: int | None, ago: timedelta = timedelta(hours=1)) -> RoomFacts:
    return RoomFacts(destination="sda", free=free, total=total, measured=NOW - ago)


@pytest.mark.parametrize(
    ("seen", "health", "sound"),
    [
        (None, RoomHealth.NEVER, True),
        (room(None, None), RoomHealth.UNKNOWN, True),
        (room(0, 0), RoomHealth.UNKNOWN, True),
        (room(15, 100), RoomHealth.ENOUGH, True),
        (room(14, 100), RoomHealth.OVER, False),
        (room(50, 100, OLD), RoomHealth.ENOUGH, True),
        (room(50, 100, OLD + timedelta(seconds=1)), RoomHealth.OLD, True),
        (room(1, 100, OLD * 2), RoomHealth.OVER, False),
    ],
)
def test_law_25_room_is_judged_with_its_age(
    seen: RoomFacts | None, health: RoomHealth, sound: bool
) -> None:
    found = destination_status(SDA, seen, now=NOW, staged=False)
    assert (found.health, found.sound) == (health, sound)


def test_a_trials_disk_is_no_fault_of_the_destination() -> None:
    found = destination_status(SDA, room(1, 100), now=NOW, staged=True)
    assert (found.health, found.sound, found.used) == (RoomHealth.OVER, True, 0.99)


def test_law_25_it_is_foreseen_when_a_destination_passes_its_limit() -> None:
    days = tuple(
        RoomDay(day=NOW.date() - timedelta(days=20 - at), free=600 - 10 * at, total=1000)
        for at in range(21)
    )
    seen = replace(room(400, 1000), days=days)
    # 600 of 1,000 are used, 10 more a day, and 850 are allowed.
    found = destination_status(SDA, seen, now=NOW, staged=False)
    assert found.full_on == NOW.date() + timedelta(days=25)
    assert destination_status(SDA, room(400, 1000), now=NOW, staged=False).full_on is None


def tree(source: str, standing: bool = True, detail: str = "") -> TreeFacts:
    return TreeFacts(
        source=source, standing=standing, detail=detail, since=NOW, heartbeat=NOW, watches=5
    )


def tracker(running: bool, *trees: TreeFacts) -> TrackerFacts:
    return TrackerFacts(running=running, sources=("nfs", "ssd"), trees=trees)


def test_a_tracker_that_follows_all_reads_nothing_in_full() -> None:
    found = tracker_status(tracker(True, tree("nfs"), tree("ssd")))
    assert (found.health, found.in_full, found.watches) == (TrackerHealth.FOLLOWING, (), 10)
    assert (found.since, found.sound) == (NOW, True)


def test_law_37_what_is_not_followed_is_read_in_full() -> None:
    late = tracker_status(tracker(True, tree("nfs"), tree("ssd", False, "no watch is left")))
    assert (late.health, late.in_full) == (TrackerHealth.STARTING, ("ssd",))
    assert late.details == ("ssd: no watch is left",)
    dead = tracker_status(tracker(False, tree("nfs"), tree("ssd")))
    assert (dead.health, dead.in_full, dead.sound) == (TrackerHealth.DEAD, ("nfs", "ssd"), False)
    assert dead.watches == 0


def test_a_tracker_that_never_ran_is_no_fault() -> None:
    found = tracker_status(tracker(False))
    assert (found.health, found.in_full, found.sound) == (
        TrackerHealth.NOT_STARTED,
        ("nfs", "ssd"),
        True,
    )
