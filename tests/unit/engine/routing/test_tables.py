"""Routing tables: which source a route belongs to, and what can be no table."""

from __future__ import annotations

from typing import Any

import pytest

from engine.routing.tables import tree_of
from policy.diagnostics import Diagnostic
from policy.patterns import parse_path_pattern
from tests.strategies import checked, compiled, manifest, policy_of

TREES = {
    "data": {"kind": "tree", "path": "/srv/data"},
    "root": {"kind": "tree", "path": "/opt"},
}
VOLUMES = {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"}


def found(routes: dict[str, Any], **sections: Any) -> list[tuple[str, str]]:
    report = checked(manifest(routes=routes, **sections))
    return [(one.code, one.message) for one in report.findings]


def only(routes: dict[str, Any], **sections: Any) -> Diagnostic:
    (finding,) = checked(manifest(routes=routes, **sections)).findings
    return finding


class TestLines:
    def test_most_specific_first(self) -> None:
        compilation, _ = compiled(
            manifest(
                routes={
                    "/srv/data": "mirror",
                    "/srv/data/*": {"none": "x"},
                    "/srv/data/a": "mirror",
                    "data:a/b": {"none": "y"},
                }
            )
        )
        (table,) = compilation.plan.tables
        assert [line.text for line in table.lines] == [
            "data:a/b",
            "/srv/data/a",
            "/srv/data/*",
            "/srv/data",
        ]
        line = table.line_for((b"a", b"c"))
        assert line is not None
        assert line.text == "/srv/data/a"
        runner = table.runner_up((b"a", b"c"))
        assert runner is not None
        assert runner.text == "/srv/data/*"
        assert table.runner_up(()) is None

    def test_a_tree_at_the_root_of_the_machine(self) -> None:
        compilation, _ = compiled(
            manifest(
                sources={"all": {"kind": "tree", "path": "/"}},
                routes={"/": "mirror", "/proc": {"none": "x"}, "/mnt": {"none": "the copies"}},
            )
        )
        (table,) = compilation.plan.tables
        assert [str(line.pattern) for line in table.lines] == ["/mnt", "/proc", "/"]

    def test_items_of_volumes(self) -> None:
        content = manifest(
            sources={"pvcs": VOLUMES},
            legs={"snap": {"kind": "snapshot", "keep": {"within": "7d"}}},
            routes={"pvcs:": "snap", "pvcs:dbaas": {"none": "x"}, "pvcs:*/cache": {"none": "x"}},
        )
        compilation, _ = compiled(content)
        (table,) = compilation.plan.tables
        assert [line.text for line in table.lines] == ["pvcs:dbaas", "pvcs:*/cache", "pvcs:"]

    @pytest.mark.parametrize(
        ("key", "name"),
        [
            ("srv/data", "data"),
            ("srv/data/x", "data"),
            ("srv/[d]ata/x", "data"),
            ("srv/dat?", None),
            ("srv", None),
            ("opt/*", "root"),
            ("elsewhere", None),
        ],
    )
    def test_the_tree_of_a_key(self, key: str, name: str | None) -> None:
        policy = policy_of(
            manifest(sources=TREES, routes={"/srv/data": "mirror", "/opt": "mirror"})
        )
        tree = tree_of(policy, parse_path_pattern(key.encode()))
        assert (tree[0].name if tree else None) == name


class TestFindings:
    def test_an_unknown_leg(self) -> None:
        finding = only({"/srv/data": "miror"})
        assert finding.code == "unknown-name"
        assert finding.hint == "did you mean 'mirror'?"

    def test_an_unknown_source(self) -> None:
        finding = next(
            one
            for one in checked(manifest(routes={"/srv/data": "mirror", "dta:x": "mirror"})).findings
        )
        assert (finding.code, finding.hint) == ("unknown-name", "did you mean 'data'?")

    def test_a_path_outside_every_tree(self) -> None:
        assert only({"/srv/data": "mirror", "/srv/other": "mirror"}).code == "route-no-source"

    def test_no_root_line(self) -> None:
        finding = only({"/srv/data/a": "mirror"})
        assert finding.code == "route-uncovered"
        assert "'/srv/data'" in finding.hint

    def test_a_wildcard_covers_not_the_root(self) -> None:
        assert only({"/srv/data/*": "mirror"}).code == "route-uncovered"

    def test_the_same_paths_twice(self) -> None:
        finding = only({"/srv/data": "mirror", "/srv/data/a": "mirror", "data:[a]": {"none": "x"}})
        assert finding.code == "route-twice"

    def test_two_that_fight_show_a_path(self) -> None:
        finding = only(
            {
                "/srv/data": "mirror",
                "/srv/data/a*": "mirror",
                "/srv/data/*b": {"none": "x"},
            }
        )
        assert finding.code == "route-ambiguous"
        assert "'/srv/data/ab'" in finding.message

    @pytest.mark.parametrize(
        ("source", "code"),
        [
            ({"kind": "files", "paths": ["/etc"]}, "route-not-routable"),
            (VOLUMES, "route-wrong-kind"),
        ],
    )
    def test_what_a_mirror_cannot_take(self, source: dict[str, Any], code: str) -> None:
        codes = [
            code
            for code, _ in found(
                {"/srv/data": "mirror", "other:": "mirror"},
                sources={"data": TREES["data"], "other": source},
            )
        ]
        assert code in codes

    def test_a_leg_that_takes_a_whole_source(self) -> None:
        legs = {
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "whole": {"kind": "mirror", "from": "root", "to": "disk:/root"},
        }
        codes = [
            code
            for code, _ in found(
                {"/srv/data": "mirror", "/srv/data/x": "whole"}, sources=TREES, legs=legs
            )
        ]
        assert codes == ["route-to-fed-leg"]

    def test_a_stop_after_nobody(self) -> None:
        finding = only({"/srv/data": {"leg": "mirror", "stop": {"after": "offste", "reason": "x"}}})
        assert finding.code == "unknown-name"

    def test_a_stop_after_a_leg_that_never_carries_it_is_told(self) -> None:
        """Law 4: a pattern that hits nothing is shown."""
        legs = {
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "other": {"kind": "mirror", "to": "disk:/other"},
        }
        assert (
            found(
                {
                    "/srv/data": {"leg": "mirror", "stop": {"after": "other", "reason": "x"}},
                    "/srv/data/x": "other",
                },
                legs={**legs, "mirror": {"kind": "mirror", "to": "disk:/mirror"}},
            )
            != []
        )
