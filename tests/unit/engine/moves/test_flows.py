"""What a change would send again although it lies at the destination under another name."""

from engine.moves.flows import Offer, flows_of, offers
from engine.moves.held import cut
from engine.plan.model import Plan
from engine.records.measurement import Volume
from tests.strategies import compiled, manifest

DISKS = {
    "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
    "nas": {"path": "/mnt/nas", "media": "nas", "site": "away"},
}
SOURCES = {
    "data": {"kind": "tree", "path": "/srv/data"},
    "db": {"kind": "postgresql", "connect": {"host": "localhost"}, "secret": False},
}
DUMP = {"kind": "dump", "from": "db", "keep": {"last": 3}}
LEGS = {
    "nightly": {"kind": "mirror", "to": "disk:/"},
    "onward": {"kind": "mirror", "from": "disk", "to": "nas:/copies"},
    "direct": {"kind": "mirror", "to": "nas:/direct"},
}


def planned(routes=None, legs=None) -> Plan:
    table = {"/srv/data": "nightly", "/srv/data/z": "direct", **(routes or {})}
    every = {**LEGS, **(legs or {})}
    taken = {"data", *(one.get("from") for one in every.values())}
    sources = {name: one for name, one in SOURCES.items() if name in taken}
    content = manifest(destinations=DISKS, sources=sources, legs=every, routes=table)
    return compiled(content)[0].plan


def found(before: Plan | None, after: Plan) -> tuple[Offer, ...]:
    both = cut(before, after)
    gained, left = (
        tuple(flows_of(both.pieces, lambda _: Volume(files=1, bytes=7), arriving=arriving))
        for arriving in (True, False)
    )
    return offers(both, gained, left)


def shown(before: Plan | None, after: Plan) -> list[str]:
    return [
        " ".join((one.old.place, "→", one.new.place, *(f"after {leg}" for leg in one.after)))
        for one in found(before, after)
    ]


def test_nothing_is_offered_without_a_change() -> None:
    assert shown(planned(), planned()) == []
    assert shown(None, planned()) == []


def test_from_a_later_hop_to_a_direct_one() -> None:
    (one,) = found(planned(), planned({"/srv/data/a": "direct"}))
    assert (one.old.place, one.new.place, one.after) == ("nas:/copies/a", "nas:/direct/a", ())
    assert (one.old.via, one.old.leg) == (("nightly", "onward"), "onward")
    assert (one.new.destination, one.new.leg) == ("nas", "direct")
    assert one.new.volume == Volume(files=1, bytes=7)


def test_back_the_legs_on_the_way_come_first() -> None:
    back = shown(planned({"/srv/data/a": "direct"}), planned())
    assert back == ["nas:/direct/a → nas:/copies/a after nightly"]


def test_only_at_one_destination() -> None:
    far = {"direct": {"kind": "mirror", "to": "disk:/direct"}}
    before, after = planned(legs=far), planned({"/srv/data/a": "direct"}, far)
    assert shown(before, after) == [
        "disk:/a → disk:/direct/a",
        "nas:/copies/a → nas:/copies/direct/a after direct",
    ]


def test_a_leg_that_has_its_name_changed_and_writes_elsewhere() -> None:
    renamed = {"later": {**LEGS["onward"], "to": "nas:/new", "was": "onward"}}
    before = planned()
    legs = {name: one for name, one in LEGS.items() if name != "onward"} | renamed
    after = compiled(
        manifest(
            destinations=DISKS,
            legs=legs,
            routes={"/srv/data": "nightly", "/srv/data/z": "direct"},
        )
    )[0].plan
    assert shown(before, after) == ["nas:/copies → nas:/new"]


def test_of_two_dumps_of_one_database_each_is_offered_its_own_place() -> None:
    both = {"full": {**DUMP, "to": "disk:/dumps"}, "each": {**DUMP, "to": "disk:/each"}}
    after = planned(legs={**both, "onward": {**LEGS["onward"], "to": "nas:/new"}})
    assert shown(planned(legs=both), after) == [
        "nas:/copies → nas:/new",
        "nas:/copies/each → nas:/new/each",
        "nas:/copies/dumps → nas:/new/dumps",
    ]


def test_a_dump_that_is_gone_is_no_copy_of_another_one() -> None:
    both = {"full": {**DUMP, "to": "disk:/dumps"}, "each": {**DUMP, "to": "disk:/each"}}
    for stays, place in (("full", "dumps"), ("each", "each")):
        legs = {stays: both[stays], "onward": {**LEGS["onward"], "to": "nas:/new"}}
        assert shown(planned(legs=both), planned(legs=legs)) == [
            "nas:/copies → nas:/new",
            f"nas:/copies/{place} → nas:/new/{place}",
        ]


def test_a_dump_that_writes_elsewhere_makes_its_copies_anew() -> None:
    before = planned(legs={"full": {**DUMP, "to": "nas:/dumps"}})
    assert shown(before, planned(legs={"full": {**DUMP, "to": "nas:/other"}})) == []


def test_one_copy_is_offered_once() -> None:
    """Two copies at the destination stay behind, and one comes: no more than one is spared."""
    second = {"second": {"kind": "mirror", "from": "disk", "to": "nas:/second"}}
    before, after = planned(legs=second), planned({"/srv/data/a": "direct"}, second)
    assert shown(before, after) == ["nas:/copies/a → nas:/direct/a"]
    # And where one stays behind, and two come.
    assert shown(after, before) == ["nas:/direct/a → nas:/copies/a after nightly"]


def test_law_16_generations_that_are_made_anew_are_not_those_that_a_later_hop_has() -> None:
    """Renamed there, they would be deleted with its next pass: the disk has others."""
    dated = {"kind": "versions", "to": "disk:/kept", "keep": {"last": 3}}
    route = {"/srv/data/k": "kept"}
    before = planned(route, {"kept": dated})
    assert shown(before, planned(route, {"kept": {**dated, "to": "disk:/new"}})) == []
    onward = {"kept": dated, "onward": {**LEGS["onward"], "to": "nas:/new"}}
    assert "nas:/copies/kept/k → nas:/new/kept/k" in shown(before, planned(route, onward))
