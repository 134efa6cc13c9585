import pytest

from engine.orphans.carriers import (
    NotCarried,
    carried_inside,
    carried_now,
    hops_of,
    is_owned,
    owner_of,
)
from engine.orphans.orphans import arrivals_between, orphans_between
from engine.plan.model import Location
from engine.plan.spots import spot
from policy.patterns import PathPattern
from tests.strategies import compiled, manifest

DISKS = {
    "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
    "nas": {"path": "/mnt/nas", "media": "nas", "site": "away"},
}
LEGS = {
    "nightly": {"kind": "mirror", "to": "disk:/", "schedule": "01:00"},
    "onward": {"kind": "mirror", "from": "disk", "to": "nas:/copies", "schedule": "04:00"},
    "direct": {"kind": "mirror", "to": "nas:/direct", "schedule": "06:00"},
}
BASE = {"/srv/data": "nightly", "/srv/data/z": "direct"}


def planned(routes=None, legs=None, **more):
    sections = {"destinations": DISKS, "legs": legs or LEGS, "routes": {**BASE, **(routes or {})}}
    return compiled(manifest(**{**sections, **more}))[0].plan


def left(before, after):
    return {str(one.place): one.why for one in orphans_between(before, after)}


def test_nothing_changed_leaves_nothing() -> None:
    assert left(planned(), planned()) == {}


def test_law_03_a_route_that_moved_leaves_a_copy_at_each_hop() -> None:
    """None is carried on: what `gc` removes at the disk must not go at the NAS by itself."""
    found = left(planned(), planned({"/srv/data/a": "direct"}))
    assert found == {
        "disk:/a": "routed to direct now",
        "nas:/copies/a": "onward does not carry it any more",
    }


def test_law_03_all_that_moved_but_one_leaves_both_hops() -> None:
    before = planned({"/srv/data/a": "nightly"})
    after = planned({"/srv/data": "direct", "/srv/data/a": "nightly"})
    assert left(before, after) == {
        "disk:/": "routed to direct now",
        "nas:/copies": "onward does not carry it any more",
    }
    feed = owner_of(after, "nas", (b"copies",))
    assert feed is not None
    assert [str(one) for one in carried_inside(feed, ())] == ["/a"]


def test_a_pattern_is_kept_as_one() -> None:
    one, onward = orphans_between(planned(), planned({"/srv/data/*/x[ab]": {"none": "heaps"}}))
    assert (str(one.place), str(one.live)) == ("disk:/*/x[ab]", "data:/*/x[ab]")
    assert one.why == "routed to none: heaps"
    assert (one.leg, one.reads) == ("nightly", "data")
    assert one.base == Location(holder="disk")
    assert (str(onward.place), onward.live) == ("nas:/copies/*/x[ab]", one.live)
    assert (onward.leg, onward.reads) == ("onward", "disk")
    assert onward.base == Location(holder="nas", names=(b"copies",))


def test_what_a_more_specific_line_brings_back_is_none() -> None:
    before = planned({"/srv/data/*": "nightly"})
    after = planned({"/srv/data/*": "direct", "/srv/data/a": "nightly"})
    assert left(before, after) == {
        "disk:/*": "routed to direct now",
        "nas:/copies/*": "onward does not carry it any more",
    }


def test_a_stop_leaves_what_the_next_hop_had() -> None:
    stop = {"leg": "nightly", "stop": {"after": "nightly", "reason": "large"}}
    found = orphans_between(planned(), planned({"/srv/data/a": stop}))
    assert [(str(one.place), one.leg, one.reads) for one in found] == [
        ("nas:/copies/a", "onward", "disk")
    ]
    assert found[0].why == "it stops after nightly: large"
    assert found[0].base == Location(holder="nas", names=(b"copies",))


def test_law_36_a_leg_that_is_gone_leaves_all_its_hops() -> None:
    legs = {name: one for name, one in LEGS.items() if name != "nightly"}
    other = {"kind": "mirror", "to": "disk:/new", "schedule": "01:00"}
    after = planned({"/srv/data": "other"}, {**legs, "other": other})
    assert left(planned(), after) == {
        "disk:/": "the leg nightly is gone",
        "nas:/copies": "onward does not carry it any more",
    }


def test_a_source_that_is_gone() -> None:
    legs = {**LEGS, "whole": {"kind": "mirror", "from": "more", "to": "nas:/more"}}
    data = {"kind": "tree", "path": "/srv/data"}
    sources = {"data": data, "more": {"kind": "tree", "path": "/srv/more"}}
    before = planned(legs=legs, sources=sources)
    assert left(before, planned()) == {"nas:/more": "the source more is gone"}


def test_of_a_source_of_files_a_path_that_is_taken_out_is_one() -> None:
    def with_files(*paths):
        sources = {
            "data": {"kind": "tree", "path": "/srv/data"},
            "host": {"kind": "files", "paths": list(paths), "secret": False},
        }
        legs = {**LEGS, "config": {"kind": "mirror", "from": "host", "to": "disk:/host"}}
        return planned(legs=legs, sources=sources)

    both = with_files("/etc/pve", "/etc/ssh")
    assert left(both, both) == {}
    found = orphans_between(both, with_files("/etc/pve"))
    assert [(str(one.place), one.base.names) for one in found] == [
        ("disk:/host/etc/ssh", (b"host",)),
        ("nas:/copies/host/etc/ssh", (b"copies", b"host")),
    ]


def test_another_place_leaves_the_old_one() -> None:
    legs = {**LEGS, "direct": {**LEGS["direct"], "to": "nas:/elsewhere"}}
    assert left(planned(), planned(legs=legs)) == {
        "nas:/direct/z": "direct writes somewhere else, or reads something else"
    }


def test_an_anchored_ignore_leaves_an_orphan_and_one_at_any_depth_does_not() -> None:
    after = planned(ignore={"/a/cache/": "rebuilt", "*.tmp": "nothing"})
    assert left(planned(), after).keys() == {"disk:/a/cache", "nas:/copies/a/cache"}


DATABASES = {
    "data": {"kind": "tree", "path": "/srv/data"},
    "db": {"kind": "postgresql", "connect": {"host": "localhost"}, "secret": False},
}


def test_an_orphan_says_how_its_files_lie() -> None:
    dump = {"kind": "dump", "from": "db", "to": "disk:/dumps", "keep": {"last": 3}}
    other = {**dump, "to": "disk:/more"}
    legs = {**LEGS, "dump": dump, "other": other}
    before = planned(legs=legs, sources=DATABASES)
    elsewhere = {**legs, "onward": {**LEGS["onward"], "to": "nas:/new"}}
    found = orphans_between(before, planned(legs=elsewhere, sources=DATABASES))
    assert {str(one.place): one.form for one in found} == {
        "nas:/copies": "",
        "nas:/copies/dumps": "dump",
        "nas:/copies/more": "other",
    }
    # Each hop knows all legs on the way.
    hops = list(hops_of(before, "db", PathPattern(), "dump"))
    assert [(hop.via, hop.form) for hop in hops] == [
        (("dump",), "dump"),
        (("dump", "onward"), "dump"),
    ]


KEPT = {"kind": "versions", "to": "disk:/kept", "keep": {"last": 3}}


def test_law_16_generations_are_left_as_a_whole_and_by_their_leg_alone() -> None:
    """A path that leaves them goes with `keep`; where the leg has left, no run removes them."""
    legs = {**LEGS, "kept": KEPT}
    routes = {"/srv/data/k": "kept", "/srv/data/m": "kept"}
    before = planned(routes, legs)
    assert left(before, planned({"/srv/data/m": "kept"}, legs)) == {}
    assert left(before, planned({**routes, "/srv/data/k": "direct"}, legs)) == {}
    elsewhere = planned(routes, {**legs, "kept": {**KEPT, "to": "disk:/kept/{source}"}})
    assert left(before, elsewhere) == {
        "disk:/kept": "kept writes somewhere else, or reads something else",
        "nas:/copies/kept": "onward does not carry it any more",
    }
    for one in orphans_between(before, elsewhere):
        assert (one.base.names, str(one.live), one.form) == (
            one.place.pattern.literal,
            "data:/",
            "kept",
        )


def test_law_16_so_are_those_of_an_item() -> None:
    pool = {"pool": {"kind": "btrfs", "path": "/srv/pool", "subvolumes": "*"}}
    snapshots = {"kind": "snapshot", "keep": {"last": 2}}
    versions = {"kind": "versions", "from": "snapshots", "to": "disk:/k", "keep": {"last": 3}}
    legs = {"snapshots": snapshots, "kept": versions}
    plain, without = (
        compiled(manifest(destinations=DISKS, sources=pool, legs=legs, routes=routes))[0].plan
        for routes in (
            {"pool:": "snapshots"},
            {"pool:": "snapshots", "pool:a": {"none": "heaps"}},
        )
    )
    assert left(plain, without) == {"disk:/k/a": "routed to none: heaps"}
    elsewhere = {**legs, "kept": {**versions, "to": "disk:/other"}}
    sections = {"destinations": DISKS, "sources": pool, "routes": {"pool:": "snapshots"}}
    after = compiled(manifest(**sections, legs=elsewhere))[0].plan
    assert left(plain, after) == {"disk:/k": "kept writes somewhere else, or reads something else"}
    (one,) = orphans_between(plain, after)
    assert (one.leg, one.reads, one.form) == ("kept", "snapshots", "snapshots/kept")


def test_what_arrives_is_what_going_back_would_leave() -> None:
    before, after = planned(), planned({"/srv/data/a": "direct"})
    arrivals = arrivals_between(before, after)
    assert [(str(one.place), one.leg) for one in arrivals] == [("nas:/direct/a", "direct")]
    back = arrivals_between(after, before)
    assert {str(one.place) for one in back} == set(left(before, after))
    assert arrivals_between(before, before) == ()


def test_what_is_only_renamed_does_not_arrive() -> None:
    legs = {**LEGS, "daily": {**LEGS["nightly"], "was": "nightly"}}
    del legs["nightly"]
    after = planned({"/srv/data": "daily"}, legs)
    assert arrivals_between(planned(), after) == ()


def test_a_rename_leaves_nothing() -> None:
    legs = {
        "daily": {**LEGS["nightly"], "was": "nightly", "to": "drive:/"},
        "onward": {**LEGS["onward"], "from": "drive"},
        "direct": LEGS["direct"],
    }
    disks = {"drive": {**DISKS["disk"], "was": "disk"}, "nas": DISKS["nas"]}
    after = planned({"/srv/data": "daily"}, legs, destinations=disks)
    assert left(planned(), after) == {}


def test_what_lies_where_a_leg_has_left_is_nobodys() -> None:
    plan = planned()
    place = spot("disk", b"dumps")
    assert is_owned(plan, place)
    assert not is_owned(plan, place, [Location(holder="disk", names=(b"dumps",))])
    assert not is_owned(plan, spot("disk", b"z"))
    assert is_owned(plan, spot("nas", b"direct/z"))
    assert not is_owned(plan, spot("nas", b"direct"))
    assert not is_owned(plan, spot("nas", b"nobody"))


def test_owners_nest() -> None:
    feed = owner_of(planned(), "nas", (b"direct", b"z", b"x"))
    assert feed is not None
    assert feed.writes == Location(holder="nas", names=(b"direct",))
    assert [str(one) for one in carried_inside(feed, ())] == ["/z"]
    assert carried_inside(feed, (b"y",)) == ()
    assert owner_of(planned(), "nas", (b"other",)) is None


def test_who_carries_a_path_now() -> None:
    plan = planned({"/srv/data/none": {"none": "x"}})
    assert [(hop.leg, str(hop.root)) for hop in carried_now(plan, "data", (b"a",))] == [
        ("nightly", "disk:/"),
        ("onward", "nas:/copies"),
    ]
    for source, names in (("data", (b"none", b"x")), ("gone", (b"a",))):
        with pytest.raises(NotCarried):
            carried_now(plan, source, names)


def test_a_stop_is_followed_where_the_copies_of_today_are_named() -> None:
    stopped = planned(
        {"/srv/data/a": {"leg": "nightly", "stop": {"after": "nightly", "reason": "x"}}}
    )
    assert [hop.leg for hop in carried_now(stopped, "data", (b"a",))] == ["nightly"]


# ── Anchored ignores ─────────────────────────────────────────────────────────────────────────

MORE = {**DISKS, "far": {"path": "/mnt/far", "media": "hdd", "site": "far"}}
THIRD = {
    **LEGS,
    "third": {"kind": "mirror", "from": "onward", "to": "far:/again", "schedule": "07:00"},
}


def test_law_03_an_anchored_ignore_leaves_a_copy_at_each_hop() -> None:
    before = planned(legs=THIRD, destinations=MORE)
    after = planned(legs=THIRD, destinations=MORE, ignore={"/a/b/": "rebuilt"})
    assert left(before, after).keys() == {"disk:/a/b", "nas:/copies/a/b", "far:/again/a/b"}
    (ignore,) = after.leg("third").feeds[0].selection.ignores
    assert (str(ignore.pattern), ignore.directory) == ("/a/b", True)


def test_an_ignore_of_any_depth_leaves_nothing_that_is_named() -> None:
    after = planned(ignore={"b/": "rebuilt"})
    assert left(planned(), after) == {}
    assert after.leg("onward").feeds[0].selection.ignores == ()


def test_law_01_an_ignore_does_not_take_another_legs_copies_from_a_later_hop() -> None:
    """It speaks of one source; what another leg writes into that place is carried on."""
    trees = {name: {"kind": "tree", "path": f"/srv/{name}"} for name in ("data", "more")}
    inner = {"kind": "mirror", "to": "disk:/a/b", "schedule": "02:00"}
    plan = planned(
        {"/srv/more": "inner"},
        legs={**LEGS, "inner": inner},
        sources=trees,
        ignore={text: {"reason": "rebuilt", "only": ["data"]} for text in ("/a/", "/a/b/c", "/x/")},
    )
    ignores = plan.leg("onward").feeds[0].selection.ignores
    assert [str(one.pattern) for one in ignores] == ["/x"]
