"""Items: their names, the newest of their snapshots, which feeds have some, who carries them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.items.items import Item, Names, carries
from engine.items.thin_pool import ThinVolume
from engine.plan.readers import is_itemised
from engine.plan.selection import Line, Selection
from policy.patterns import parse_path_pattern
from tests.fake_lvm import volume
from tests.generations import of, web
from tests.strategies import compiled, manifest

MANIFEST = manifest(
    destinations={
        name: {"path": f"/mnt/{name}", "media": "hdd", "site": "home"} for name in ("disk", "far")
    },
    sources={
        "pool": {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"},
        "data": {"kind": "tree", "path": "/srv/data"},
    },
    legs={
        "snaps": {"kind": "snapshot", "keep": {"last": 2}},
        "files": {"kind": "versions", "from": "snaps", "to": "disk:/f", "keep": {"last": 2}},
        "bases": {"kind": "sqlite", "from": "snaps", "to": "disk:/b", "keep": {"last": 2}},
        "hist": {"kind": "versions", "to": "disk:/hist", "keep": {"last": 2}},
        "second": {"kind": "mirror", "from": "files", "to": "far:/"},
    },
    routes={"/srv/data": "hist", "pool:": "snaps"},
)


def test_what_snapshots_volumes_or_reads_what_does_has_items() -> None:
    plan = compiled(MANIFEST)[0].plan
    found = {leg.name: [is_itemised(plan, leg, feed) for feed in leg.feeds] for leg in plan.legs}
    assert found == {
        "snaps": [True],
        "files": [True],
        "bases": [True],
        "hist": [False],
        "second": [False],
    }


def test_an_item_has_its_address_for_a_name() -> None:
    assert web().name == "apps/web"
    assert Item(names=(b"bad\xff",), volume=volume()).name == "bad\\xff"


def test_the_newest_snapshot_is_the_last_one() -> None:
    item = web(snapshots=3)
    assert item.newest is item.snapshots[2]
    assert web(snapshots=0).newest is None


def test_after_a_rollback_the_newest_is_what_the_volume_came_from() -> None:
    """Those of what was set aside hold what was given up."""
    item = web(snapshots=3)
    aside = "web.policyctl-before.2026-11-29T02-15-00Z"
    held = tuple(of(aside, one) for one in item.snapshots)
    assert isinstance(item.volume, ThinVolume)
    now = replace(item.volume, origin=held[0].volume.name.volume)
    rolled = replace(item, volume=now, snapshots=held)
    assert rolled.newest is held[0]
    assert rolled.held == {one.moment for one in held}
    # Its own next one is the newest, whatever the others are dated.
    again = replace(rolled, snapshots=(item.snapshots[0], *held[1:]))
    assert again.newest is item.snapshots[0]
    assert again.held == {one.moment for one in held[1:]}
    # Once what was set aside is removed, nothing holds them any more.
    free = tuple(of("", one) for one in held)
    assert replace(rolled, snapshots=free).held == frozenset()
    assert replace(rolled, snapshots=free).newest is free[0]
    assert replace(rolled, snapshots=free, volume=item.volume).newest is None
    assert item.held == frozenset()


@pytest.mark.parametrize(
    ("names", "expected"),
    [((b"apps", b"web"), True), ((b"dbaas", b"x"), False), ((b"monitoring",), False)],
)
def test_a_leg_takes_what_the_routes_send_it(names: Names, expected: bool) -> None:
    lines = (("dbaas", False), ("monitoring", False), ("", True))
    selection = Selection(
        lines=tuple(
            Line(pattern=parse_path_pattern(text.encode()), taken=taken) for text, taken in lines
        )
    )
    assert carries(selection, names) is expected
    assert carries(None, names)
