"""Which copies of a whole source can be restored."""

from __future__ import annotations

from engine.restore.holders import copies_of, places_of
from tests.strategies import compiled, manifest

NAS = {"ssh": "backup@nas.example.net", "path": "/copies", "media": "nas", "site": "away"}
DISK = {"path": "/mnt/disk", "media": "hdd", "site": "home"}
KEEP = {"last": 3}
CONTENT = manifest(
    destinations={"disk": DISK, "nas": NAS},
    sources={
        "data": {"kind": "tree", "path": "/srv/data"},
        "vms": {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"},
        "db": {"kind": "postgresql", "connect": {"host": "localhost"}},
    },
    legs={
        "mirror": {"kind": "mirror", "to": "disk:/live"},
        "direct": {"kind": "mirror", "to": "nas:/direct"},
        "snaps": {"kind": "snapshot", "schedule": "00:00", "keep": KEEP},
        "files": {"kind": "versions", "from": "snaps", "to": "disk:/files", "keep": KEEP},
        "dbs": {"kind": "sqlite", "from": "snaps", "to": "disk:/dbs", "keep": KEEP},
        "dump": {"kind": "dump", "from": "db", "to": "disk:/dumps", "keep": KEEP},
        "offsite": {"kind": "mirror", "from": "disk", "to": "nas:/disk"},
    },
    routes={"/srv/data": "mirror", "/srv/data/big": "direct", "vms:": "snaps"},
)


def found(source: str, item: tuple[bytes, ...] = ()) -> list[tuple[str, tuple[str, ...]]]:
    compilation, _ = compiled(CONTENT)
    copies = copies_of(compilation.plan, compilation.chains, source, item)
    return sorted((str(one.location), one.via) for one in copies)


def test_each_leg_of_a_source_and_each_hop_behind_it() -> None:
    assert found("data") == [
        ("disk:/live", ("mirror",)),
        ("nas:/direct", ("direct",)),
        ("nas:/disk/live", ("mirror", "offsite")),
    ]


def test_an_items_files_and_its_databases_where_its_generations_lie() -> None:
    assert found("vms", (b"web",)) == [
        ("disk:/dbs/web", ("snaps", "dbs")),
        ("disk:/files/web", ("snaps", "files")),
        ("nas:/disk/dbs/web", ("snaps", "dbs", "offsite")),
        ("nas:/disk/files/web", ("snaps", "files", "offsite")),
    ]
    compilation, _ = compiled(CONTENT)
    copies = copies_of(compilation.plan, compilation.chains, "vms", (b"web",))
    dated = {one.via: one.dated for one in copies}
    assert dated["snaps", "files"] == 2, "the generation's name comes after the item's"
    assert dated["snaps", "files", "offsite"] == 3


def test_what_is_dumped_is_a_copy_by_the_names_that_its_leg_gives() -> None:
    assert found("db") == [
        ("disk:/dumps", ("dump",)),
        ("nas:/disk/dumps", ("dump", "offsite")),
    ]


def test_the_places() -> None:
    compilation, _ = compiled(CONTENT)
    plan, chains = compilation.plan, compilation.chains
    assert places_of(plan, chains, "data") == ("disk", "nas")
    assert places_of(plan, chains, "vms") == ("disk", "nas")
    assert places_of(plan, chains, "db") == ("disk", "nas")
