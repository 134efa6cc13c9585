"""The steps of a `snapshot` leg."""

from __future__ import annotations

from dataclasses import replace

from engine.items.items import Inventory, Item
from engine.legs.snapshot import SnapshotKind
from engine.steps.model import HookStep, Step
from engine.steps.snapshots import RemoveSnapshots, TakeSnapshot
from policy.legs import SnapshotLeg
from policy.parts import Hook, Keep
from policy.values import Duration
from tests.generations import LIMITS, NOW, RUN, observed, of, planned, web

LEG = SnapshotLeg(name="snaps", limits=LIMITS, keep=Keep(last=2))
OTHER = replace(web(snapshots=4), names=(b"apps", b"other"))


def steps(*items: Item, leg: SnapshotLeg = LEG, feeds: tuple[str, ...] = ()) -> list[Step]:
    found = replace(observed(), inventories=(Inventory(source="pvcs", pool=None, items=items),))
    names = feeds or tuple(one.name for one in items)
    return list(SnapshotKind().steps(planned(leg), found, RUN, names))


def test_all_are_taken_before_the_first_one_goes() -> None:
    hook = Hook(run=("true",), timeout=Duration(5))
    leg = replace(LEG, before=(hook,), finally_=(hook,))
    found = steps(OTHER, web(snapshots=3), leg=leg)
    assert [(type(one), getattr(one, "feed", "")) for one in found] == [
        (HookStep, ""),
        (TakeSnapshot, "apps/other"),
        (TakeSnapshot, "apps/web"),
        (RemoveSnapshots, "apps/other"),
        (RemoveSnapshots, "apps/web"),
        (HookStep, ""),
    ]
    take = found[1]
    assert take == TakeSnapshot(feed="apps/other", volume=OTHER.volume, moment=NOW, leg="snaps")


def test_law_35_each_item_keeps_its_own() -> None:
    removed = {
        one.feed: one.snapshots
        for one in steps(OTHER, web(snapshots=2))
        if isinstance(one, RemoveSnapshots)
    }
    # Five with the new one, of which the rule wants two: at most half goes in one run.
    assert removed == {
        "apps/other": OTHER.snapshots[:2],
        "apps/web": web(snapshots=2).snapshots[:1],
    }


def test_what_a_rollback_has_set_aside_keeps_its_snapshots() -> None:
    """Also where `keep` wants none of them: somebody may want to go back to one."""
    aside = "web.policyctl-before.2026-11-29T02-15-00Z"
    item = web(snapshots=4)
    held = tuple(of(aside, one) for one in item.snapshots[:3])
    found = steps(replace(item, snapshots=(*held, item.snapshots[3])))
    assert [type(one) for one in found] == [TakeSnapshot]
    freed = tuple(of("", one) for one in held)
    (_, removed) = steps(replace(item, snapshots=(*freed, item.snapshots[3])))
    assert isinstance(removed, RemoveSnapshots)
    assert removed.snapshots == freed[:2]


def test_the_first_one_lets_nothing_go() -> None:
    (take,) = steps(web(snapshots=0))
    assert isinstance(take, TakeSnapshot)


def test_an_item_that_was_refused_has_no_steps() -> None:
    found = steps(OTHER, web(snapshots=3), feeds=("apps/web",))
    assert {one.feed for one in found if isinstance(one, TakeSnapshot | RemoveSnapshots)} == {
        "apps/web"
    }


def test_the_reasons_go_along() -> None:
    (_, remove) = steps(web(snapshots=2))
    assert isinstance(remove, RemoveSnapshots)
    assert len(remove.decisions) == len(remove.snapshots) == 1
    assert remove.decisions[0].generation.moment == remove.snapshots[0].moment
