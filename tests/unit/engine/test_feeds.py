"""What each leg reads, where it writes, and which paths it takes: first hops and later ones."""

from __future__ import annotations

from typing import Any

import pytest

from engine.feeds import literal_pattern, ordered_lines
from engine.filters import render_rules
from engine.proof import prove
from engine.selection import Selection, Verdict
from policy.diagnostics import Severity
from policy.patterns import parse_path_pattern
from tests.strategies import Manifest, checked, compiled, manifest, selection_of

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
            selection_of(content, "offsite"), "mine/", "mine/a", "stranger", "stranger/"
        ) == [TAKEN, TAKEN, LEFT, LEFT]

    def test_a_leg_that_takes_a_product_takes_no_other_owners_subtree(self) -> None:
        """ "A leg's product": what it owns, without what nests inside it."""
        content = two_hops(
            {"/srv/data": "mirror", "/srv/data/x": "inner"},
            offsite={"from": "mirror"},
            more={"inner": {"kind": "mirror", "to": "disk:/a/b"}},
        )
        assert verdicts(selection_of(content, "offsite"), "a/c", "a/b/c") == [TAKEN, LEFT]


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
            selection_of(content, "lunar"), "copy/cache/a", "copy/a", "direct/cache/a", "cache/a"
        ) == [LEFT, TAKEN, TAKEN, LEFT]

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
