from dataclasses import replace

import pytest

from engine.plan.layout import filter_file
from engine.plan.model import Feed, LegPlan
from engine.rsync.filters import render_rules
from policy.legs import DumpLeg
from policy.parts import Keep, Limits
from policy.patterns import Component, PathPattern, byte_set
from policy.values import Duration, Place
from renderers import RenderRefused, render, rsync_filters
from tests.plans import mirror, plan, route


def filters(some):
    return {str(one.path): one for one in rsync_filters.render(some)}


def test_each_feed_of_a_mirror_has_a_file():
    some = plan()
    found = filters(some)
    assert list(found) == [
        "/var/lib/policyctl/filters/sda-mirror.nfs.rules",
        "/var/lib/policyctl/filters/synology-direct.nfs.rules",
    ]
    for leg in some.legs:
        selection = leg.feeds[0].selection
        assert selection is not None
        one = found[str(filter_file(leg.name, "nfs"))]
        assert one.content == render_rules(selection)
        assert one.mode == 0o644


def test_a_leg_has_its_file_with_and_without_a_schedule():
    by_hand = plan(legs=(mirror(schedule=()),))
    assert filters(by_hand).keys() == filters(plan(legs=(mirror(),))).keys()


def test_what_is_read_is_rules_and_nothing_else():
    """The proof reads exactly these bytes: no comment, no blank line."""
    for one in filters(plan()).values():
        lines = one.content.split(b"\n")
        assert lines.pop() == b""
        assert {line[:2] for line in lines} == {b"+ ", b"- "}


def test_other_kinds_and_feeds_without_paths_have_none():
    some = plan()
    dump = DumpLeg(
        name="dump", limits=Limits(whole=Duration(60)), to=Place("nfs", "/d"), keep=Keep(last=1)
    )
    without = Feed(reads="db", writes=None, selection=None)
    legs = (
        LegPlan(leg=dump, feeds=(without, some.legs[0].feeds[0])),
        replace(some.legs[0], feeds=(without,)),
    )
    assert filters(replace(some, legs=legs)) == {}


def test_a_rule_that_rsync_cannot_read_is_refused_with_the_leg():
    newline = Component((byte_set(10, 12),))
    line = replace(route("x", "sda-mirror"), pattern=PathPattern((newline,)))
    long = route("/".join(["x" * 200] * 20), "sda-mirror")
    for bad in (line, long):
        with pytest.raises(RenderRefused, match=r"leg sda-mirror, reading nfs: "):
            render(plan(routes=(bad,)))
