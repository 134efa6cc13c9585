"""What a leg will own by a plan without having put it there as its copy is now."""

from engine.orphans.hand_overs import hand_overs, owned_again
from engine.orphans.orphans import orphans_between
from tests.strategies import compiled, manifest
from tests.unit.engine.orphans.test_orphans import DISKS, LEGS, planned


def elsewhere(sources):
    routes = {"/srv/other": "nightly", "/srv/other/z": "direct"}
    whole = manifest(destinations=DISKS, legs=LEGS, routes=routes, sources=sources)
    return compiled(whole)[0].plan


def test_law_01_what_was_left_behind_and_is_owned_again() -> None:
    with_it, without = planned(), planned({"/srv/data/a": {"none": "archived"}})
    orphans = orphans_between(with_it, without)
    assert list(owned_again(without, orphans, ())) == []
    found = [(str(one.orphan.place), one.leg.name) for one in owned_again(with_it, orphans, ())]
    assert found == [("disk:/a", "nightly"), ("nas:/copies/a", "onward")]
    assert hand_overs(without, with_it, orphans, ()) == {
        "nightly": "disk:/a, left behind until now, is its own again",
        "onward": "nas:/copies/a, left behind until now, is its own again",
    }


def test_law_01_another_tree_under_the_same_name() -> None:
    sources = {"data": {"kind": "tree", "path": "/srv/other"}}
    after = elsewhere(sources)
    assert hand_overs(planned(), after, (), ()).keys() == {"nightly", "direct"}
    sources = {"new": {"kind": "tree", "path": "/srv/other", "was": "data"}}
    renamed = elsewhere(sources)
    why = "it reads /srv/other, and its copies are of /srv/data"
    assert hand_overs(planned(), renamed, (), ()) == {"nightly": why, "direct": why}


def test_a_new_name_alone_hands_nothing_over() -> None:
    sources = {"new": {"kind": "tree", "path": "/srv/data", "was": "data"}}
    assert hand_overs(planned(), planned(sources=sources), (), ()) == {}
    assert hand_overs(planned(), planned(), (), ()) == {}
