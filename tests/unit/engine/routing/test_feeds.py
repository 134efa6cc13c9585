"""What each leg reads, where it writes, and which paths it takes: first hops and later ones."""

from __future__ import annotations

from typing import Any

import pytest

from engine.plan.selection import Selection, Verdict
from engine.proof.proof import prove
from engine.routing.feeds import literal_pattern, ordered_lines
from engine.rsync.filters import render_rules
from policy.diagnostics import Severity
from policy.patterns import parse_path_pattern
from tests.strategies import Manifest, checked, compiled, errors, manifest, selection_of

TAKEN, LEFT, ENTERED = Verdict.TAKEN, Verdict.LEFT, Verdict.ENTERED
BLOCKED, IGNORED = Verdict.BLOCKED, Verdict.IGNORED
PLACES = {
    name: {"path": f"/mnt/{name}", "media": "hdd", "site": name} for name in ("disk", "far", "moon")
}
STOP = {"after": "mirror", "reason": "can be rebuilt"}


def verdicts(selection: Selection, *paths: str) -> list[Verdict]:
    """Verdicts of paths; those that end in a slash are directories."""
    return [
        selection.decide(tuple(path.rstrip("/").encode().split(b"/")), directory=path.endswith("/"))
        for path in paths
    ]


def two_hops(routes: dict[str, Any], **changes: Any) -> Manifest:
    return manifest(
        destinations=PLACES,
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/", **changes.pop("mirror", {})},
            "direct": {"kind": "mirror", "to": "far:/direct"},
            "offsite": {
                "kind": "mirror",
                "to": "far:/copy",
                "from": "disk",
                **changes.pop("offsite", {}),
            },
            **changes.pop("more", {}),
        },
        routes={"/srv/data/direct": "direct", **routes},
        **changes,
    )


class TestFirstHop:
    def test_one_table_gives_the_selections_of_all_its_legs(self) -> None:
        content = two_hops({"/srv/data": "mirror", "/srv/data/direct/not": {"none": "x"}})
        paths = ("a", "direct/a", "direct/", "direct/not/a", "direct/not/")
        assert verdicts(selection_of(content, "mirror"), *paths) == [TAKEN, LEFT, LEFT, LEFT, LEFT]
        assert verdicts(selection_of(content, "direct"), *paths) == [LEFT, TAKEN, TAKEN, LEFT, LEFT]

    def test_source_in_the_path(self) -> None:
        content = manifest(
            sources={name: {"kind": "tree", "path": f"/srv/{name}"} for name in ("one", "two")},
            legs={"mirror": {"kind": "mirror", "to": "disk:/{source}/x"}},
            routes={"/srv/one": "mirror", "/srv/two": "mirror"},
        )
        compilation, _ = compiled(content)
        plan = compilation.plan.leg("mirror")
        assert plan is not None
        assert [(feed.reads, str(feed.writes)) for feed in plan.feeds] == [
            ("one", "disk:/one/x"),
            ("two", "disk:/two/x"),
        ]

    def test_two_sources_in_one_place_are_refused(self) -> None:
        content = manifest(
            sources={name: {"kind": "tree", "path": f"/srv/{name}"} for name in ("one", "two")},
            routes={"/srv/one": "mirror", "/srv/two": "mirror"},
        )
        assert [one.code for one in checked(content).findings] == ["to-needs-source"]

    def test_a_leg_that_nothing_feeds(self) -> None:
        content = manifest(
            legs={
                "mirror": {"kind": "mirror", "to": "disk:/"},
                "idle": {"kind": "mirror", "to": "disk:/idle"},
            }
        )
        assert "leg-unfed" in [one.code for one in checked(content).findings]

    def test_files_keep_their_full_paths(self) -> None:
        content = manifest(
            sources={
                "host": {"kind": "files", "paths": ["/etc/pve", "/usr/local/bin"], "secret": False}
            },
            legs={"mirror": {"kind": "mirror", "to": "disk:/", "from": "host"}},
            routes=None,
        )
        selection = selection_of(content, "mirror")
        assert verdicts(
            selection,
            "etc/",
            "etc/pve/",
            "etc/pve/a",
            "etc/passwd",
            "usr/",
            "usr/local/bin/x",
            "usr/local/lib/",
            "root/",
        ) == [ENTERED, TAKEN, TAKEN, LEFT, ENTERED, TAKEN, LEFT, LEFT]
        assert prove(selection, render_rules(selection)).holds

    def test_ignores_hold_where_live_data_are_read_only(self) -> None:
        content = two_hops({"/srv/data": "mirror"}, ignore={"*.swp": "litter"})
        assert verdicts(selection_of(content, "mirror"), "a/x.swp") == [IGNORED]
        assert verdicts(selection_of(content, "offsite"), "a/x.swp") == [TAKEN]

    def test_only_some_sources(self) -> None:
        content = manifest(
            sources={name: {"kind": "tree", "path": f"/srv/{name}"} for name in ("one", "two")},
            legs={"mirror": {"kind": "mirror", "to": "disk:/{source}"}},
            routes={"/srv/one": "mirror", "/srv/two": "mirror"},
            ignore={"*.swp": {"only": ["two"], "reason": "litter"}},
        )
        assert verdicts(selection_of(content, "mirror", "one"), "x.swp") == [TAKEN]
        assert verdicts(selection_of(content, "mirror", "two"), "x.swp") == [IGNORED]


class TestNestedOwners:
    """ "The outer protects the inner"."""

    def test_the_outer_is_blocked_where_the_inner_begins(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/x": "inner"},
            more={"inner": {"kind": "mirror", "to": "disk:/a/b"}},
        )
        assert verdicts(
            selection_of(content, "mirror"), "a/", "a", "a/b/", "a/b", "a/b/c", "a/c", "ab"
        ) == [TAKEN, BLOCKED, BLOCKED, BLOCKED, BLOCKED, TAKEN, TAKEN]

    def test_the_inner_is_not_blocked_by_the_outer(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/x": "inner"},
            more={"inner": {"kind": "mirror", "to": "disk:/a/b"}},
        )
        assert selection_of(content, "inner").blocked == ()

    def test_a_leg_that_takes_a_destination_takes_what_its_legs_own(self) -> None:
        content = two_hops(
            {"/srv/data": {"none": "x"}, "/srv/data/y": "mirror"}, mirror={"to": "disk:/mine"}
        )
        assert verdicts(
            selection_of(content, "offsite"), "mine/", "mine/y/a", "stranger", "stranger/"
        ) == [ENTERED, TAKEN, LEFT, LEFT]

    def test_a_leg_that_takes_a_product_takes_no_other_owners_subtree(self) -> None:
        """ "A leg's product": what it owns, without what nests inside it."""
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/x": "inner"},
            offsite={"from": "mirror"},
            more={"inner": {"kind": "mirror", "to": "disk:/a/b"}},
        )
        assert verdicts(selection_of(content, "offsite"), "a/c", "a/b/c") == [TAKEN, LEFT]


class TestWhatAMirrorLeaves:
    """What a mirror upstream does not take is not passed on, though it may lie there."""

    def test_a_line_of_another_leg(self) -> None:
        content = two_hops({"/srv/data": "mirror", "/srv/data/none": {"none": "x"}})
        assert verdicts(
            selection_of(content, "offsite"), "a", "direct/a", "direct", "none/a", "directly"
        ) == [TAKEN, LEFT, LEFT, LEFT, TAKEN]

    def test_the_root_is_a_line_too(self) -> None:
        content = two_hops({"/srv/data": "direct", "/srv/data/a": "mirror"})
        selection = selection_of(content, "offsite")
        assert verdicts(selection, "a/x", "a/", "b", "direct/b") == [TAKEN, TAKEN, LEFT, LEFT]
        assert prove(selection, render_rules(selection)).holds

    def test_a_line_inside_that_is_taken_again(self) -> None:
        content = two_hops({"/srv/data": "mirror", "/srv/data/direct/back": "mirror"})
        assert verdicts(
            selection_of(content, "offsite"), "direct/x", "direct/back/x", "direct/", "direct"
        ) == [LEFT, TAKEN, ENTERED, LEFT]

    def test_a_wildcard(self) -> None:
        content = two_hops({"/srv/data": "mirror", "/srv/data/*/x[ab]": {"none": "heaps"}})
        assert verdicts(selection_of(content, "offsite"), "q/xa/1", "q/xc/1", "xa/1") == [
            LEFT,
            TAKEN,
            TAKEN,
        ]

    @pytest.mark.parametrize(
        "line",
        ["/srv/data/a", "/srv/data/a/b", "/srv/data/a/b/y", "/srv/data/*/b/y", "/srv/data/*/*/y"],
    )
    def test_what_an_inner_leg_writes_there_rides_on(self, line: str) -> None:
        """A line of the outer table says nothing of the place of an inner leg."""
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/y": "inner", line: {"none": "x"}},
            more={"inner": {"kind": "mirror", "to": "disk:/a/b"}},
        )
        selection = selection_of(content, "offsite")
        assert verdicts(selection, "a/b/y/1", "a/b/y/", "c") == [TAKEN, TAKEN, TAKEN]
        # The outer leg still says what of its own rides on.
        assert verdicts(selection, "c/b/y") == [LEFT if "*" in line else TAKEN]
        assert prove(selection, render_rules(selection)).holds

    def test_what_an_inner_leg_leaves_does_not(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/y": "inner", "/srv/data/y/not": "mirror"},
            more={"inner": {"kind": "mirror", "to": "disk:/a/b"}},
        )
        assert verdicts(
            selection_of(content, "offsite"), "a/b/y/1", "a/b/y/not/1", "a/b/1", "y/not/1", "y/1"
        ) == [TAKEN, LEFT, LEFT, TAKEN, LEFT]

    def test_other_kinds_pass_all_of_theirs_on(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/dumps": {"none": "an old export"}},
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "db": {"kind": "postgresql", "connect": {"host": "localhost"}, "secret": False},
            },
            more={"dump": {"kind": "dump", "from": "db", "to": "disk:/dumps", "keep": {"last": 3}}},
        )
        assert verdicts(selection_of(content, "offsite"), "dumps/1/all.sql", "x") == [TAKEN, TAKEN]

    def test_generations_pass_all_of_theirs_on(self) -> None:
        """A generation's name stands before the paths of the table there."""
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/a": "kept"},
            more={"kept": {"kind": "versions", "to": "disk:/kept", "keep": {"last": 3}}},
        )
        assert verdicts(
            selection_of(content, "offsite"), "kept/20260101T000000Z/a/1", "a/1", "b"
        ) == [TAKEN, LEFT, TAKEN]

    def test_of_a_legs_product(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/x": "inner"},
            mirror={"to": "disk:/deep"},
            offsite={"from": "mirror"},
            more={"inner": {"kind": "mirror", "to": "disk:/deep/in"}},
        )
        assert verdicts(
            selection_of(content, "offsite"), "a", "direct/a", "x/a", "in/x/a", "deep/a"
        ) == [TAKEN, LEFT, LEFT, LEFT, TAKEN]

    def test_at_a_third_hop(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/none": {"none": "x"}},
            mirror={"to": "disk:/m"},
            more={"lunar": {"kind": "mirror", "from": "far", "to": "moon:/"}},
        )
        assert verdicts(
            selection_of(content, "lunar"),
            *("copy/m/a", "copy/m/none/a", "copy/m/direct/a", "copy/stranger"),
            *("direct/direct/a", "direct/none/a"),
        ) == [TAKEN, LEFT, LEFT, LEFT, TAKEN, LEFT]

    def test_of_files_their_paths(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror"},
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "host": {"kind": "files", "paths": ["/etc/pve"], "secret": False},
            },
            more={"config": {"kind": "mirror", "from": "host", "to": "disk:/host"}},
        )
        assert verdicts(selection_of(content, "offsite"), "host/etc/pve/a", "host/etc/b", "a") == [
            TAKEN,
            LEFT,
            TAKEN,
        ]

    def test_a_stop_inside_and_beside(self) -> None:
        content = two_hops(
            {
                "/srv/data": "direct",
                "/srv/data/a": {"leg": "mirror", "stop": STOP},
                "/srv/data/a/keep": "mirror",
                "/srv/data/a/keep/not": "direct",
                "/srv/data/b": "mirror",
            }
        )
        paths = ("a/1", "a/keep/1", "a/keep/not/1", "b/1", "c")
        assert verdicts(selection_of(content, "offsite"), *paths) == [
            LEFT,
            TAKEN,
            LEFT,
            TAKEN,
            LEFT,
        ]

    def test_a_circle_is_refused_and_comes_to_an_end(self) -> None:
        legs = {
            "mirror": {"kind": "mirror", "to": "disk:/m"},
            "there": {"kind": "mirror", "from": "disk", "to": "far:/there"},
            "onward": {"kind": "mirror", "from": "far", "to": "moon:/onward"},
            "back": {"kind": "mirror", "from": "moon", "to": "disk:/back"},
        }
        assert "chain-circle" in errors(manifest(destinations=PLACES, legs=legs))


class TestStops:
    """ "`{leg: X, stop: {after: Y, reason: …}}`: rides no later hop"."""

    def test_at_the_next_hop(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/cache": {"leg": "mirror", "stop": STOP}}
        )
        assert verdicts(selection_of(content, "mirror"), "cache/a") == [TAKEN]
        assert verdicts(
            selection_of(content, "offsite"), "cache/", "cache/a", "cached", "a/cache"
        ) == [LEFT, LEFT, TAKEN, TAKEN]

    def test_with_a_wildcard(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/*/cache": {"leg": "mirror", "stop": STOP}}
        )
        assert verdicts(
            selection_of(content, "offsite"), "a/cache/x", "cache/x", "a/b/cache", "a/"
        ) == [LEFT, TAKEN, TAKEN, TAKEN]

    def test_a_closer_line_inside_rides_on(self) -> None:
        content = two_hops(
            {
                "/srv/data": "mirror",
                "/srv/data/a": {"leg": "mirror", "stop": STOP},
                "/srv/data/a/keep": "mirror",
            }
        )
        assert verdicts(selection_of(content, "offsite"), "a/x", "a/keep/x", "a/", "b") == [
            LEFT,
            TAKEN,
            ENTERED,
            TAKEN,
        ]
        compilation, _ = compiled(content)
        copies = compilation.chains.of_path("data", (b"a", b"keep", b"x"))
        assert [copy.leg for copy in copies] == ["mirror", "offsite"]

    def test_a_later_hop_of_a_destination(self) -> None:
        content = two_hops(
            {
                "/srv/data": "mirror",
                "/srv/data/cache": {
                    "leg": "mirror",
                    "stop": {"after": "offsite", "reason": "no room on the moon"},
                },
            },
            more={"lunar": {"kind": "mirror", "from": "far", "to": "moon:/"}},
        )
        assert verdicts(selection_of(content, "offsite"), "cache/a") == [TAKEN]
        assert verdicts(
            selection_of(content, "lunar"), "copy/cache/a", "copy/a", "direct/direct/cache/a"
        ) == [LEFT, TAKEN, TAKEN]

    def test_all_later_hops(self) -> None:
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/cache": {"leg": "mirror", "stop": STOP}},
            more={"lunar": {"kind": "mirror", "from": "far", "to": "moon:/"}},
        )
        assert verdicts(selection_of(content, "lunar"), "copy/cache/a", "copy/a") == [LEFT, TAKEN]

    def test_a_later_hop_of_a_leg_below_the_root(self) -> None:
        content = two_hops(
            {
                "/srv/data": "mirror",
                "/srv/data/cache": {
                    "leg": "mirror",
                    "stop": {"after": "offsite", "reason": "no room on the moon"},
                },
            },
            mirror={"to": "disk:/deep/down"},
            offsite={"from": "mirror"},
            more={"lunar": {"kind": "mirror", "from": "offsite", "to": "moon:/"}},
        )
        assert verdicts(selection_of(content, "offsite"), "cache/a", "a") == [TAKEN, TAKEN]
        assert verdicts(selection_of(content, "lunar"), "cache/a", "a") == [LEFT, TAKEN]

    def test_two_sources_through_one_leg(self) -> None:
        content = manifest(
            destinations=PLACES,
            sources={name: {"kind": "tree", "path": f"/srv/{name}"} for name in ("one", "two")},
            legs={
                "mirror": {"kind": "mirror", "to": "disk:/{source}"},
                "offsite": {"kind": "mirror", "from": "disk", "to": "far:/"},
            },
            routes={
                "/srv/one": "mirror",
                "/srv/two": "mirror",
                "/srv/one/cache": {"leg": "mirror", "stop": STOP},
            },
        )
        assert verdicts(
            selection_of(content, "offsite"), "one/cache/a", "two/cache/a", "one/a"
        ) == [
            LEFT,
            TAKEN,
            TAKEN,
        ]

    @pytest.mark.parametrize("after", ["direct", "offsite"])
    def test_the_filter_of_a_later_hop_is_proven_too(self, after: str) -> None:
        content = two_hops(
            {
                "/srv/data": "mirror",
                "/srv/data/c*": {"leg": "mirror", "stop": {"after": after, "reason": "x"}},
            },
            more={"lunar": {"kind": "mirror", "from": "far", "to": "moon:/"}},
        )
        report = checked(content)
        assert [one.code for one in report.findings if one.severity is Severity.ERROR] == []
        assert report.proven


def test_a_product_in_two_places_can_still_be_taken() -> None:
    """A leg fed by two sources has two places; what takes it must take both or be refused."""
    content = manifest(
        destinations=PLACES,
        sources={name: {"kind": "tree", "path": f"/srv/{name}"} for name in ("one", "two")},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/{source}"},
            "offsite": {"kind": "mirror", "from": "mirror", "to": "far:/"},
        },
        routes={"/srv/one": "mirror", "/srv/two": "mirror"},
    )
    report = checked(content)
    if report.failed:
        return
    assert report.compilation is not None
    plan = report.compilation.plan.leg("offsite")
    assert plan is not None
    assert all(feed.selection is not None for feed in plan.feeds)
    copies = report.compilation.chains.of_path("one", (b"x",))
    assert [copy.leg for copy in copies] == ["mirror", "offsite"]


def test_of_two_lines_for_the_same_paths_the_later_one_stands() -> None:
    pattern = parse_path_pattern(b"a")
    (line,) = ordered_lines([(pattern, False), (pattern, True)])
    assert line.taken
    assert literal_pattern((b"*",)).matches_prefix((b"*",))
    assert not literal_pattern((b"*",)).matches_prefix((b"a",))
