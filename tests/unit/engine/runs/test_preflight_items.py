"""Preflight of what has items: the pool, the inventory, the snapshot that each is read of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.items.items import Inventory, Item
from engine.items.subvolumes import FileSystem, Subvolume
from engine.items.thin_names import LvName
from engine.items.thin_pool import Health, Pool, read_pool
from engine.records.reports import Verdict
from engine.runs.observation import Waiver
from engine.runs.preflight import preflight, refusals
from engine.runs.preflight_items import into_itself_rows, inventory_rows, item_row
from policy.legs import SnapshotLeg, VersionsLeg
from policy.parts import Keep
from policy.values import Percentage, Place
from tests.generations import LIMITS, NOW, ROOT, ago, observed, planned, seen_item, web
from tests.reports import POOL, report

GOOD: Pool = read_pool(report(POOL).encode(), LvName(group="pve", volume="data")).pool
TAKER = planned(SnapshotLeg(name="snaps", limits=LIMITS, keep=Keep(last=2)), "pool")
READER = planned(
    VersionsLeg(name="files", limits=LIMITS, keep=Keep(last=2), to=Place("disk", "/hist")), "snaps"
)
FOUND = Inventory(source="pool", pool=GOOD, items=(web(),), moment=NOW, allowed=86_400 + 60)


def items(number: int) -> tuple[Item, ...]:
    return tuple(replace(web(), names=(b"%d" % at,)) for at in range(number))


def rows(found: Inventory, *, allowed: bool = False) -> dict[str, tuple[Verdict, str]]:
    given = inventory_rows(TAKER, found, smaller_allowed=allowed)
    return {row.looked_at: (row.verdict, row.found) for row in given}


def test_a_sound_pool_gives_rows_without_refusals() -> None:
    assert rows(FOUND) == {
        "items of pool": (Verdict.FINE, "1 of them"),
        "pool pve/data": (Verdict.FINE, "data 42.1% used, metadata 10.74% used"),
    }


BTRFS = FileSystem(
    path=b"/srv/data",
    uuid="fs",
    free=Percentage(20_000),
    metadata_free=Percentage(50_000),
    read_only=False,
)


def test_a_sound_btrfs_too() -> None:
    assert rows(replace(FOUND, pool=BTRFS)) == {
        "items of pool": (Verdict.FINE, "1 of them"),
        "btrfs /srv/data": (Verdict.FINE, "20% free, of the metadata 50%"),
    }
    untold = rows(replace(FOUND, pool=replace(BTRFS, metadata_free=None)))
    assert "not known how much" in untold["btrfs /srv/data"][1]
    failed = rows(replace(FOUND, pool=replace(BTRFS, read_only=True)))
    assert failed["btrfs /srv/data"][0] is Verdict.REFUSED
    nothing = rows(replace(FOUND, pool=BTRFS, items=()))
    assert "none of the subvolumes that are there" in nothing["items of pool"][1]


def test_law_02_what_no_snapshot_of_an_item_holds_is_told_of_it() -> None:
    noted = replace(FOUND, items=(replace(web(), notes=("inner is not in it",)),))
    for leg in (TAKER, READER):
        (row,) = (
            one for one in inventory_rows(leg, noted, smaller_allowed=False) if one.feed is not None
        )
        assert (row.feed, row.verdict, row.found) == (
            "apps/web",
            Verdict.NOTED,
            "inner is not in it",
        )


def test_copies_that_would_lie_in_their_own_subvolume_are_refused() -> None:
    live = Subvolume(root=b"/srv", name=b"web", file_system="fs", uuid="u", device=ROOT.device)
    (row,) = into_itself_rows(seen_item(replace(web(), volume=live, snapshots=())))
    assert row.verdict is Verdict.REFUSED
    elsewhere = replace(live, device=ROOT.device + 1)
    assert not list(into_itself_rows(seen_item(replace(web(), volume=elsewhere, snapshots=()))))
    assert not list(into_itself_rows(seen_item(web())))


def test_law_33_where_nobody_could_look_nothing_is_done() -> None:
    refused = replace(FOUND, pool=None, items=(), refused="lvs: it ended with 5")
    assert rows(refused) == {"items of pool": (Verdict.REFUSED, "lvs: it ended with 5")}


def test_what_somebody_should_know_is_noted() -> None:
    (noted, *_) = inventory_rows(TAKER, replace(FOUND, notes=("x stays",)), smaller_allowed=False)
    assert (noted.verdict, noted.found) == (Verdict.NOTED, "x stays")


def test_a_leg_that_carries_nothing_is_refused() -> None:
    verdict, said = rows(replace(FOUND, items=()))["items of pool"]
    assert verdict is Verdict.REFUSED
    assert "none of the volumes that are there" in said


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (None, 1, Verdict.FINE),
        (40, 40, Verdict.FINE),
        (40, 19, Verdict.REFUSED),
        (3, 1, Verdict.FINE),  # so few may well become one
    ],
)
def test_law_11_a_source_that_is_much_smaller_is_refused(
    before: int | None, now: int, verdict: Verdict
) -> None:
    found = replace(FOUND, items=items(now), previous=before)
    assert rows(found)["items of pool"][0] is verdict


def test_law_11_a_person_may_allow_it_for_one_run() -> None:
    found = replace(FOUND, items=items(2), previous=40)
    verdict, said = rows(found, allowed=True)["items of pool"]
    assert (verdict, said) == (
        Verdict.NOTED,
        "2 of them, and 40 at the last success: allowed for this run",
    )
    assert rows(found)["items of pool"][1].endswith(
        "if that is right, run it once with --allow smaller-source"
    )


@pytest.mark.parametrize(
    "pool",
    [
        replace(GOOD, health=Health.OUT_OF_DATA),
        replace(GOOD, needs_check=True),
        replace(GOOD, metadata_used=None),
    ],
)
def test_law_25_no_snapshot_is_taken_where_the_pool_has_no_room(pool: Pool) -> None:
    verdict, said = rows(replace(FOUND, pool=pool))["pool pve/data"]
    assert verdict is Verdict.REFUSED
    assert said.endswith(": no snapshot is taken")


def test_law_25_what_is_to_stay_free_stays_free() -> None:
    leg = SnapshotLeg(name="snaps", limits=LIMITS, keep=Keep(last=2), min_free=Percentage(60_000))
    *_, room = inventory_rows(planned(leg, "pool"), FOUND, smaller_allowed=False)
    assert room.verdict is Verdict.REFUSED
    assert "has 57.9% of its data free, not 60%" in room.found


def test_who_only_reads_needs_no_room_in_the_pool() -> None:
    full = replace(FOUND, pool=replace(GOOD, health=Health.OUT_OF_DATA))
    assert [row.looked_at for row in inventory_rows(READER, full, smaller_allowed=False)] == [
        "items of pool"
    ]


class TestLaw32:
    """A consumer checks the age of what it consumes."""

    def test_one_that_is_as_old_as_it_may_be_is_read(self) -> None:
        row = item_row(web(), FOUND)
        assert (row.verdict, row.found) == (Verdict.FINE, "of 2026-11-27 03:00 UTC")
        assert row.feed == "apps/web"

    @pytest.mark.parametrize(("late", "verdict"), [(0, Verdict.FINE), (1, Verdict.REFUSED)])
    def test_to_the_second(self, late: int, verdict: Verdict) -> None:
        moment = ago(1) + timedelta(seconds=86_460 + late)
        assert item_row(web(), replace(FOUND, moment=moment, allowed=86_460)).verdict is verdict

    def test_one_that_is_older_is_not(self) -> None:
        row = item_row(web(), replace(FOUND, moment=NOW + timedelta(days=2)))
        assert row.verdict is Verdict.REFUSED
        assert row.found == (
            "of 2026-11-27 03:00 UTC: 72 h old, older than it may be: is the leg that takes them "
            "failing?"
        )

    def test_the_newest_one_is_meant(self) -> None:
        found = replace(FOUND, moment=NOW + timedelta(minutes=1), allowed=86_400 + 120)
        assert item_row(web(snapshots=9), found).verdict is Verdict.FINE

    def test_a_leg_that_runs_by_hand_promises_no_age(self) -> None:
        found = replace(FOUND, moment=NOW + timedelta(days=999), allowed=None)
        assert item_row(web(), found).verdict is Verdict.FINE

    def test_where_there_is_none_the_item_is_refused(self) -> None:
        row = item_row(web(snapshots=0), FOUND)
        assert (row.verdict, row.found) == (Verdict.REFUSED, "there is none of it yet")

    def test_law_35_the_others_are_read(self) -> None:
        old = replace(web(snapshots=0), names=(b"apps", b"new"))
        found = replace(FOUND, items=(web(), old))
        given = replace(observed(seen_item(web()), seen_item(old)), inventories=(found,))
        table = preflight(READER, given)
        assert refusals(table, "apps/new")
        assert not [row for row in refusals(table, "apps/web") if row.looked_at == "snapshot"]
        assert not [row for row in refusals(table, None) if row.feed is None]


def test_who_takes_snapshots_needs_none_to_begin_with() -> None:
    """The rows about snapshots are for who reads them."""
    found = replace(FOUND, items=(web(snapshots=0),))
    table = preflight(TAKER, replace(observed(), inventories=(found,)))
    assert refusals(table, "apps/web") == ()


def test_a_source_that_shrank_may_be_waived_like_any_other() -> None:
    found = replace(FOUND, items=items(2), previous=40)
    given = replace(observed(), inventories=(found,))
    assert refusals(preflight(TAKER, given), None)
    waived = replace(given, waived=frozenset({Waiver.SMALLER_SOURCE}))
    assert not refusals(preflight(TAKER, waived), None)
