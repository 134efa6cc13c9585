"""Which claim has which volume."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items.volume_names import (
    BoundVolume,
    NamedVolume,
    Naming,
    is_believable,
    name_by_claim,
    name_by_lv,
    read_bound_volumes,
)
from engine.plan.typed_json import Unreadable

PVC = "vm-9999-pvc-01234567-89ab-cdef-0123-456789abcdef"


def persistent(name: str, claim: str = "media/films", **spec: Any) -> dict[str, Any]:
    namespace, _, short = claim.partition("/")
    phase = spec.pop("phase", "Bound")
    return {
        "metadata": {"name": name},
        "spec": {"claimRef": {"namespace": namespace, "name": short, "uid": "x"}, **spec},
        "status": {"phase": phase},
    }


def listed(*items: dict[str, Any]) -> bytes:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()


def naming(volumes: list[str], *items: dict[str, Any]) -> Naming:
    return name_by_claim(volumes, read_bound_volumes(listed(*items)), "pve")


def addresses(found: Naming) -> dict[str, str]:
    return {one.volume: b"/".join(one.address).decode() for one in found.named}


def reasons(found: Naming) -> dict[str, str]:
    return {one.volume: one.why for one in found.unnamed}


@pytest.mark.parametrize(
    ("volume", "spec"),
    [
        (PVC, {"csi": {"volumeHandle": f"home/pve/local-lvm/{PVC}"}}),
        (PVC, {"csi": {"volumeHandle": f"pve/{PVC}"}}),
        (PVC, {"csi": {"volumeHandle": PVC, "volumeAttributes": {"openebs.io/volgroup": "pve"}}}),
        ("films", {"local": {"path": "/dev/pve/films"}}),
        ("films", {"hostPath": {"path": "/dev/pve/films"}}),
    ],
)
def test_each_way_to_name_a_volume(volume: str, spec: dict[str, Any]) -> None:
    found = naming([volume], persistent("pv", **spec))
    assert (addresses(found), found.unnamed) == ({volume: "media/films"}, ())


@pytest.mark.parametrize(
    "item",
    [
        persistent("pv", csi={"volumeHandle": f"{PVC}-2"}),
        persistent("pv", csi={"volumeHandle": f"x{PVC}"}),
        persistent("pv", csi={"volumeHandle": f"pve/{PVC}/sub"}),
        persistent("pv", csi={"volumeHandle": f"pve/{PVC}"}, phase="Released"),
        persistent(
            "pv", csi={"volumeHandle": PVC, "volumeAttributes": {"openebs.io/volgroup": "x"}}
        ),
        persistent("pv", csi={"volumeHandle": "x", "volumeAttributes": {"volume": PVC}}),
        persistent("pv", nfs={"path": f"/{PVC}"}),
        persistent("pv", claim="media/..", csi={"volumeHandle": PVC}),
        persistent("pv", claim="../etc", csi={"volumeHandle": PVC}),
        persistent("pv", claim="media/", csi={"volumeHandle": PVC}),
        {"metadata": {"name": "pv"}, "spec": {"csi": {"volumeHandle": PVC}}},
        {"metadata": {"name": PVC}, "spec": None, "status": {"phase": "Bound"}},
    ],
)
def test_law_24_what_does_not_name_it_for_sure_does_not_name_it(item: dict[str, Any]) -> None:
    found = naming([PVC], item)
    assert (found.named, reasons(found)) == ((), {PVC: "no claim of the cluster has it"})
    assert found.unnamed[0].address == (PVC.encode(),)


def test_two_that_seem_to_be_it_name_nothing() -> None:
    handle = {"volumeHandle": "data"}
    found = naming(["data"], persistent("a", csi=handle), persistent("b", "x/y", csi=handle))
    assert reasons(found) == {"data": "several persistent volumes seem to be it: a, b"}


def test_two_volumes_never_share_an_address() -> None:
    one, other = ({"volumeHandle": volume} for volume in ("v1", "v2"))
    found = naming(["v1", "v2", "v3"], persistent("a", csi=one), persistent("b", csi=other))
    assert found.named == ()
    assert reasons(found)["v1"] == "the claim media/films seems to have another volume as well"
    both = naming(["v"], persistent("a", csi={"volumeHandle": "v"}, local={"path": "/dev/pve/v"}))
    assert addresses(both) == {"v": "media/films"}


@pytest.mark.parametrize(
    "output",
    [b"", b"{", b"[]", b"{}", b'{"items": {}}', b'{"items": [{}]}', b'{"items": [7]}', b"\xff"],
)
def test_law_33_what_is_no_list_is_never_an_empty_one(output: bytes) -> None:
    with pytest.raises(Unreadable):
        read_bound_volumes(output)
    assert read_bound_volumes(listed()) == ()


def test_law_33_all_names_do_not_go_at_once() -> None:
    before = Naming(named=(NamedVolume(volume="a", address=(b"x", b"a")),))
    other = Naming(named=(NamedVolume(volume="b", address=(b"x", b"b")),))
    nothing = Naming(named=())
    assert is_believable(before, before)
    assert is_believable(nothing, nothing)
    assert is_believable(before, nothing)
    assert not is_believable(nothing, before)
    assert not is_believable(other, before)


def test_by_the_lvs_own_name_and_by_the_manifests() -> None:
    found = name_by_lv(["a", "b", "c"], {"b": "media/films", "gone": "x"})
    assert addresses(found) == {"a": "a", "b": "media/films", "c": "c"}
    clash = name_by_lv(["a", "media", "c"], {"a": "c", "b": "media/films"})
    assert addresses(clash) == {"a": "c"}
    assert set(reasons(clash)) == {"c", "media"}


volumes = st.sampled_from(["a", "b", "c", "d"])
bound = st.builds(
    BoundVolume,
    name=st.sampled_from(["p", "q", "r"]),
    namespace=st.sampled_from(["n", "m"]),
    claim=st.sampled_from(["x", "y"]),
    places=st.lists(volumes.map(lambda one: f"pve/{one}"), max_size=2).map(tuple),
)


@given(st.sets(volumes), st.lists(bound, max_size=5))
def test_each_volume_has_one_address_or_a_reason(there: set[str], found: list[BoundVolume]) -> None:
    """And no address comes twice, whatever a cluster says."""
    result = name_by_claim(there, found, "pve")
    assert sorted(
        [one.volume for one in result.named] + [one.volume for one in result.unnamed]
    ) == (sorted(there))
    assert len({one.address for one in result.named}) == len(result.named)
