"""What appeared and vanished at the top of a source, and what takes it."""

from engine.routing.coverage import Entry, counts_as_seen, coverage
from tests.plans import plan
from tests.strategies import compiled, manifest


def seen(*names: bytes, directories: bool = True) -> frozenset[Entry]:
    return frozenset(Entry(name=name, directory=directories) for name in names)


def compared(before, now, of=None):
    found = coverage(of or plan(), {"nfs": before}, {"nfs": now})
    return (
        {one.path: one.leg or one.reason for one in found.new},
        {one.path: one.leg or one.reason for one in found.gone},
    )


def test_law_02_what_appears_is_told_with_the_leg_and_route_that_take_it() -> None:
    found = coverage(plan(), {"nfs": frozenset({b"old"})}, {"nfs": seen(b"old", b"new\xff")})
    (one,) = found.new
    assert (one.path, one.leg, one.route) == (b"/srv/nfs/new\xff", "sda-mirror", "/srv/nfs")
    assert found.gone == ()


def test_each_entry_has_its_own_route() -> None:
    new, gone = compared(frozenset({b"immich"}), seen(b"temp", b"x"))
    assert new == {b"/srv/nfs/temp": "scratch space", b"/srv/nfs/x": "sda-mirror"}
    assert gone == {b"/srv/nfs/immich": "synology-direct"}


def test_law_33_of_a_source_that_is_away_nothing_has_vanished() -> None:
    assert compared(frozenset({b"old"}), None) == ({}, {})
    assert not counts_as_seen(seen())
    assert not counts_as_seen(seen(b"lost+found", b".policyctl-destination"))
    assert counts_as_seen(seen(b"x"))


def test_before_the_first_apply_nothing_is_new() -> None:
    assert compared(None, seen(b"a")) == ({}, {})


def test_what_is_nobodys_is_not_told() -> None:
    of = compiled(manifest(ignore={"*.swp": "editor"}))[0].plan
    files = seen(b"a.swp", b"b", directories=False)
    found = coverage(of, {"data": frozenset()}, {"data": files})
    assert [one.path for one in found.new] == [b"/srv/data/b"]
    before = frozenset({b"a.swp", b"c", b".policyctl-x"})
    found = coverage(of, {"data": before}, {"data": seen(b"z")})
    assert [one.path for one in found.gone] == [b"/srv/data/c"], "whatever type it had"
