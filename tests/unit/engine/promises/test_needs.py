"""Which source holds what a restore needs, and where its copies lie."""

from __future__ import annotations

from typing import Any

from engine.promises.needs import Openings, openings
from policy.values import parse_absolute_path
from tests.strategies import compiled, manifest, policy_of

PLACE = {"media": "hdd", "site": "home"}
DISK = {"disk": {**PLACE, "path": "/mnt/disk"}}


def opened(**sections: Any) -> Openings:
    content = manifest(**sections)
    compilation, _ = compiled(content)
    return openings(policy_of(content), compilation.plan.tables, compilation.chains)


def holders(path: str, **sections: Any) -> list[tuple[str, list[str]]]:
    """Which sources hold a path, each with the places of its copies."""
    disk = {**DISK["disk"], "needs": [{"path": path, "kept": "elsewhere"}]}
    found = opened(**{"destinations": {"disk": disk}, **sections})
    return [(one.source, sorted(one.places)) for one in found.carriers[parse_absolute_path(path)]]


def test_a_file_of_a_tree_rides_its_route() -> None:
    routes = {"/srv/data": "mirror", "/srv/data/tmp": {"none": "scratch"}}
    assert holders("/srv/data/keys/a", routes=routes) == [("data", ["disk"])]
    assert holders("/srv/data/tmp/a", routes=routes) == []
    assert holders("/etc/a", routes=routes) == []
    assert holders("/srv/data", routes=routes) == []


def test_what_is_ignored_is_held_by_nobody() -> None:
    assert holders("/srv/data/a.key", ignore={"*.key": "never"}) == []


def test_a_list_of_files_holds_what_it_lists() -> None:
    sources = {"host": {"kind": "files", "paths": ["/etc/pve", "/root/key"]}}
    legs = {"config": {"kind": "mirror", "from": "host", "to": "disk:/"}}
    given: dict[str, Any] = {"sources": sources, "legs": legs, "routes": None}
    assert holders("/etc/pve/priv/a", **given) == [("host", ["disk"])]
    assert holders("/root/key", **given) == [("host", ["disk"])]
    assert holders("/etc/other", **given) == []


def test_a_file_of_a_subvolume_rides_with_it() -> None:
    sources = {"data": {"kind": "btrfs", "path": "/srv", "subvolumes": "d*"}}
    legs = {
        "snap": {"kind": "snapshot", "keep": {"last": 3}},
        "files": {"kind": "versions", "from": "snap", "to": "disk:/", "keep": {"last": 3}},
    }
    given: dict[str, Any] = {"sources": sources, "legs": legs, "routes": {"data:": "snap"}}
    assert holders("/srv/data/key", **given) == [("data", ["disk"])]
    assert holders("/srv/other/key", **given) == []


def test_a_snapshot_beside_the_data_is_no_place_to_restore_from() -> None:
    sources = {"data": {"kind": "btrfs", "path": "/srv", "subvolumes": "*"}}
    legs = {"snap": {"kind": "snapshot", "keep": {"last": 3}}}
    found = opened(destinations=DISK, sources=sources, legs=legs, routes={"data:": "snap"})
    assert found.by_name["data"].regions == ()


def test_a_key_in_use_is_a_need_that_nobody_has_said() -> None:
    far = {**PLACE, "path": "/backup", "ssh": "u@far", "key": "/root/key"}
    found = opened(destinations={"disk": far}).by_name["disk"]
    assert [str(need) for need in found.unsaid] == ["/root/key"]
    said = {**far, "needs": [{"path": "/root", "kept": "in the safe"}]}
    assert opened(destinations={"disk": said}).by_name["disk"].unsaid == ()


def test_of_keys_by_volume_the_directory_is_needed() -> None:
    volumes = {
        "kind": "lvm-thin",
        "vg": "vg",
        "pool": "thin",
        "volumes": "*",
        "luks": {"key_file": "/etc/keys/of-{volume}/a.key"},
    }
    found = opened(
        sources={"vols": volumes},
        legs={"snap": {"kind": "snapshot", "keep": {"last": 3}}},
        routes={"vols:": "snap"},
    )
    assert [str(need) for need in found.by_name["vols"].unsaid] == ["/etc/keys"]
