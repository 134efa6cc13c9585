"""Items: their names, the newest of their snapshots, which feeds have some, who carries them."""

from __future__ import annotations

import pytest

from engine.items import Item, Names, carries, is_itemised
from engine.selection import Line, Selection
from policy.patterns import parse_path_pattern
from tests.fake_lvm import volume
from tests.generations import web
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
