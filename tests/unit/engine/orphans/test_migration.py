"""What becomes of an orphan whose data belong somewhere else at the same destination."""

from dataclasses import replace
from typing import Any

import pytest

from engine.orphans.clean_up import Scope
from engine.orphans.migration import Move, Stay, moves, new_arrivals
from engine.orphans.noted_copies import Arrival, Orphan
from engine.orphans.orphans import orphans_between
from engine.plan.model import Location, Plan
from engine.plan.spots import spot
from policy.patterns import parse_path_pattern
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
LEGS: dict[str, dict[str, Any]] = {
    "nightly": {"kind": "mirror", "to": "disk:/"},
    "onward": {"kind": "mirror", "from": "disk", "to": "nas:/copies"},
    "direct": {"kind": "mirror", "to": "nas:/direct"},
    "full": {**DUMP, "to": "disk:/dumps"},
    "each": {**DUMP, "to": "disk:/dumps/each"},
}


def planned(routes=None, legs=None, **more) -> Plan:
    table = {"/srv/data": "nightly", "/srv/data/z": "direct", **(routes or {})}
    sections = {"destinations": DISKS, "sources": SOURCES, "legs": {**LEGS, **(legs or {})}}
    return compiled(manifest(**{**sections, "routes": table, **more}))[0].plan


def orphan_at(before: Plan, after: Plan, place: str) -> Orphan:
    return next(one for one in orphans_between(before, after) if str(one.place) == place)


def steps(before, after, place, *paths, kept=(), arrivals=None):
    """What becomes of paths of the orphan, in words."""
    scope = Scope(
        paths=tuple(tuple(path.encode().split(b"/")) for path in paths),
        kept=tuple(parse_path_pattern(one) for one in kept),
    )
    awaited = new_arrivals(before, after) if arrivals is None else arrivals
    return [shown(one) for one in moves(after, orphan_at(before, after, place), scope, awaited)]


def shown(step: Move | Stay) -> str:
    if isinstance(step, Move):
        return f"{step.old} → {step.new} by {step.leg}"
    return f"{'waits' if step.belongs else 'stays'}: {step.why}"


# ── What moves ───────────────────────────────────────────────────────────────────────────────


def test_from_a_later_hop_to_a_direct_one() -> None:
    before, after = planned(), planned({"/srv/data/a": "direct"})
    assert steps(before, after, "nas:/copies/a", "a") == ["nas:/copies/a → nas:/direct/a by direct"]
    (step,) = moves(after, orphan_at(before, after, "nas:/copies/a"), Scope(paths=((b"a",),)), ())
    assert isinstance(step, Move)
    assert (step.top, step.feed.reads, step.reads) == (b"a", "data", ())


def test_back_it_waits_until_the_disk_has_it() -> None:
    """The hop that reads the disk would delete there what it does not find at the disk."""
    before, after = planned({"/srv/data/a": "direct"}), planned()
    assert steps(before, after, "nas:/direct/a", "a") == [
        "waits: onward reads disk:/a, and what belongs there has yet to come: "
        "`policyctl run nightly` first"
    ]
    assert steps(before, after, "nas:/direct/a", "a", arrivals=()) == [
        "nas:/direct/a → nas:/copies/a by onward"
    ]


@pytest.mark.parametrize(
    ("place", "waits"),
    [
        ("", True),
        ("a/b", True),  # a part of it
        ("b", False),
        ("a/c", False),
    ],
)
def test_it_waits_for_whatever_meets_it(place: str, waits: bool) -> None:
    before, after = planned({"/srv/data/a/*": "direct"}), planned()
    coming = [Arrival(place=spot("disk", place.encode()), leg="nightly")]
    (said,) = steps(before, after, "nas:/direct/a/*", "a/b", arrivals=coming)
    assert said.startswith("waits") == waits
    elsewhere = [Arrival(place=spot("nas", place.encode()), leg="onward")]
    (said,) = steps(before, after, "nas:/direct/a/*", "a/b", arrivals=elsewhere)
    assert not said.startswith("waits")


def test_a_whole_leg_that_writes_elsewhere() -> None:
    before = planned()
    after = planned(legs={"onward": {**LEGS["onward"], "to": "nas:/new/place"}})
    assert steps(before, after, "nas:/copies", "a", "b") == [
        "nas:/copies/a → nas:/new/place/a by onward",
        "nas:/copies/b → nas:/new/place/b by onward",
    ]
    first = planned(legs={"nightly": {**LEGS["nightly"], "to": "disk:/deep"}})
    assert steps(before, first, "disk:/", "a") == ["disk:/a → disk:/deep/a by nightly"]


def test_a_later_hop_takes_along_what_others_had_made_there() -> None:
    """What a dump has made at the disk is no live path, and moves with the hop that carries it."""
    before = planned()
    after = planned(legs={"onward": {**LEGS["onward"], "to": "nas:/new"}})
    assert steps(before, after, "nas:/copies", "dumps") == [
        "nas:/copies/dumps → nas:/new/dumps by onward"
    ]
    # Though it still waits for what has yet to come at the disk.
    coming = [Arrival(place=spot("disk", b"dumps"), leg="full")]
    (said,) = steps(before, after, "nas:/copies", "dumps", arrivals=coming)
    assert said.startswith("waits: onward reads disk:/dumps")


def test_the_same_legs_place_comes_before_another_ones() -> None:
    legs = {"third": {"kind": "mirror", "from": "direct", "to": "nas:/third"}}
    before = planned({"/srv/data/a": "direct"}, legs)
    moved = {"third": {**legs["third"], "to": "nas:/fourth"}}
    after = planned({"/srv/data/a": "direct"}, moved)
    assert steps(before, after, "nas:/third/a", "a") == ["nas:/third/a → nas:/fourth/a by third"]


# ── What stays ───────────────────────────────────────────────────────────────────────────────


def test_what_goes_to_another_destination() -> None:
    before, after = planned(), planned({"/srv/data/a": "direct"})
    assert steps(before, after, "disk:/a", "a") == [
        "stays: its data go to nas now, and not to disk"
    ]


def test_what_no_leg_carries() -> None:
    before = planned()
    for route in (
        {"none": "heaps"},
        {"leg": "nightly", "stop": {"after": "nightly", "reason": "x"}},
    ):
        after = planned({"/srv/data/a": route})
        (said,) = steps(before, after, "nas:/copies/a", "a")
        assert said.startswith("stays: ")
    ignored = planned(ignore={"/a": "made anew"})
    assert orphans_between(before, ignored), "an anchored ignore leaves one"
    (said,) = steps(before, ignored, "disk:/a", "a")
    assert said.startswith("stays: no leg carries it now")


def test_what_an_earlier_version_has_noted() -> None:
    before, after = planned(), planned({"/srv/data/a": "direct"})
    old = replace(orphan_at(before, after, "nas:/copies/a"), form=None)
    (step,) = moves(after, old, Scope(paths=((b"a",),)), ())
    assert isinstance(step, Stay)
    assert (step.belongs, "earlier version" in step.why) == (False, True)


def test_what_holds_copies_of_others() -> None:
    before, after = planned(), planned({"/srv/data/a": "direct"})
    kept = steps(before, after, "nas:/copies/a", "a", kept=[b"a/x/*"])
    assert kept == [
        "stays: in nas:/copies/a lie copies of other legs, and it can only be renamed whole"
    ]
    # What is kept elsewhere is in nobody's way.
    free = steps(before, after, "nas:/copies/a", "a", kept=[b"b", b"c/*"])
    assert free == ["nas:/copies/a → nas:/direct/a by direct"]


def test_one_inside_the_other() -> None:
    before = planned()
    after = planned(legs={"onward": {**LEGS["onward"], "to": "nas:/copies/a"}})
    assert steps(before, after, "nas:/copies", "a", "b") == [
        "stays: nas:/copies/a/a and nas:/copies/a lie in each other",
        "nas:/copies/b → nas:/copies/a/b by onward",
    ]


def test_only_a_mirror_takes_over() -> None:
    before = planned()
    after = planned(legs={"full": {**LEGS["full"], "to": "disk:/other"}})
    assert steps(before, after, "disk:/dumps", "2026-01-01T00:00:00Z") == [
        "stays: it is a generation: move those that shall stay into /mnt/disk/other, then "
        "`policyctl adopt disk:/other --by full`"
    ]


def test_of_two_dumps_of_one_database_each_goes_to_its_own_place() -> None:
    """Both are dumps of one source by one hop; their files have nothing to do with each other."""
    before = planned()
    after = planned(legs={"onward": {**LEGS["onward"], "to": "nas:/new"}})
    assert [
        steps(before, after, f"nas:/copies/{place}", "x") for place in ("dumps", "dumps/each")
    ] == [
        ["nas:/copies/dumps/x → nas:/new/dumps/x by onward"],
        ["nas:/copies/dumps/each/x → nas:/new/dumps/each/x by onward"],
    ]


def test_generations_become_no_plain_tree() -> None:
    """A tree and the dated generations of it lie differently."""
    versions = {"kind": "versions", "from": "data", "to": "nas:/kept", "keep": {"last": 3}}
    plain = {"kind": "mirror", "from": "data", "to": "nas:/plain"}
    before = compiled(manifest(destinations=DISKS, legs={"one": versions}, routes=None))[0].plan
    after = compiled(manifest(destinations=DISKS, legs={"one": plain}, routes=None))[0].plan
    assert steps(before, after, "nas:/kept", "2026-01-01T00:00:00Z") == [
        "stays: its files would lie differently at their new place"
    ]
    assert steps(after, before, "nas:/plain", "a") == [
        "stays: its files would lie differently at their new place"
    ]


def test_law_16_generations_are_given_to_their_leg_by_hand() -> None:
    """A record is kept of each, and a name does not make one."""
    versions = {"kind": "versions", "from": "data", "keep": {"last": 3}}
    before, after = (
        compiled(manifest(destinations=DISKS, legs={"one": {**versions, "to": to}}, routes=None))[
            0
        ].plan
        for to in ("disk:/kept", "disk:/kept/{source}")
    )
    assert steps(before, after, "disk:/kept", "2026-01-01T00:00:00Z") == [
        "stays: it is a generation: move those that shall stay into /mnt/disk/kept/data, then "
        "`policyctl adopt disk:/kept/data --by one`"
    ]


# ── What has yet to come ─────────────────────────────────────────────────────────────────────


def test_new_arrivals() -> None:
    before, after = planned({"/srv/data/a": "direct"}), planned()
    assert {(one.place.name, one.leg) for one in new_arrivals(before, after)} == {
        (b"disk:/a", "nightly"),
        (b"nas:/copies/a", "onward"),
    }
    assert new_arrivals(after, after) == ()


def test_what_a_move_replaces_is_told_by_its_top_entry() -> None:
    before = planned()
    after = planned({"/srv/data/a/*/deep": "direct"})
    orphan = orphan_at(before, after, "nas:/copies/a/*/deep")
    (step,) = moves(after, orphan, Scope(paths=((b"a", b"q", b"deep"),)), ())
    assert isinstance(step, Move)
    assert step.top == b"a"
    assert step.new == Location(holder="nas", names=(b"direct", b"a", b"q", b"deep"))
