"""A policy to a plan: what gates what, and that nothing but its meaning is in it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from engine.compile import compile_policy, compile_quietly, compile_with
from engine.plan.model import Location, tree_root
from policy.diagnostics import Findings, PolicyInvalid
from policy.parse import load
from policy.values import AbsolutePath
from tests.strategies import REFERENCE, checked, errors, manifest, policy_of, text_of


class TestGates:
    def test_an_error_gives_no_plan(self) -> None:
        with pytest.raises(PolicyInvalid) as caught:
            compile_policy(policy_of(manifest(routes={"/srv/data/x": "mirror"})))
        assert [one.code for one in caught.value.diagnostics] == ["route-uncovered"]

    def test_all_problems_of_a_stage_at_once(self) -> None:
        content = manifest(
            routes={"/srv/data": "mirror", "/srv/data/x": "nobody", "/elsewhere": "mirror"},
            legs={"mirror": {"kind": "mirror", "to": "dsk:/", "after": ["none-such"]}},
        )
        assert sorted(errors(content)) == [
            "route-no-source",
            "unknown-name",
            "unknown-name",
            "unknown-name",
        ]

    def test_a_question_is_answered_without_judging_times_and_copies(self) -> None:
        content = manifest(objectives={"default": {"copies": 9}})
        assert errors(content) == ["objective-copies"]
        assert compile_quietly(policy_of(content)) is not None
        assert compile_quietly(policy_of(manifest(routes={"/x": "mirror"}))) is None

    @pytest.mark.parametrize("schedule", ["*:*:*", "*:0/2"])
    def test_a_question_about_a_schedule_that_is_too_dense_ends(self, schedule: str) -> None:
        legs = {"mirror": {"kind": "mirror", "to": "disk:/", "schedule": schedule}}
        assert compile_quietly(policy_of(manifest(legs=legs))) is None


class TestPlan:
    def test_the_reference(self) -> None:
        plan = compile_policy(load(REFERENCE.read_bytes(), "r")[1])
        assert [one.name for one in plan.legs] == sorted(one.name for one in plan.legs)
        mirror = plan.leg("sda-mirror")
        assert mirror is not None
        assert (mirror.kind, mirror.longest_gap, mirror.allowed_age) == ("mirror", 90_000, 100_800)
        weekly = plan.leg("etcd-snapshot")
        assert weekly is not None
        assert weekly.longest_gap == 7 * 86_400 + 3600
        assert plan.leg("nobody") is None
        assert plan.destination("sda") is not None
        assert plan.source("nfs") is not None
        assert plan.table("host") is None

    @pytest.mark.parametrize("schedule", ["*-01-15 04:00", "*-02-28 04:00", "*-06-15 04:00"])
    def test_law_08_a_year_with_a_leap_day_is_a_year_too(self, schedule: str) -> None:
        """It may begin before the reference years, or end after them."""
        legs = {"mirror": {"kind": "mirror", "to": "disk:/", "schedule": schedule}}
        (leg,) = compile_policy(policy_of(manifest(legs=legs))).legs
        assert (leg.longest_gap, leg.allowed_age) == (366 * 86_400, 366 * 86_400 + 3600)

    def test_positions_take_no_part(self) -> None:
        text = REFERENCE.read_bytes()
        moved = b"# one\n\n" + text.replace(b"  sda-mirror:   ", b"  sda-mirror:")
        one, other = (
            compile_policy(load(each, file)[1])
            for each, file in ((text, "a.yaml"), (moved, "dir/b.yaml"))
        )
        assert one == other
        assert hash(one) == hash(other)

    def test_a_leg_by_hand_has_no_gap_and_no_age(self) -> None:
        plan = compile_policy(policy_of(manifest()))
        assert [(one.longest_gap, one.allowed_age) for one in plan.legs] == [(None, None)]

    def test_plans_are_frozen(self) -> None:
        plan = compile_policy(policy_of(manifest()))
        with pytest.raises(dataclasses.FrozenInstanceError):
            plan.host = "other"  # type: ignore[misc]  # the point of the test

    def test_locations(self) -> None:
        outer, inner = Location(holder="d", names=(b"a",)), Location(holder="d", names=(b"a", b"b"))
        assert outer.contains(inner)
        assert outer.contains(outer)
        assert not inner.contains(outer)
        assert not Location(holder="e", names=(b"a",)).contains(inner)
        assert not Location(holder="d", names=(b"ab",)).contains(
            Location(holder="d", names=(b"a",))
        )
        assert str(inner) == "d:/a/b"

    def test_roots(self) -> None:
        policy = load(REFERENCE.read_bytes(), "r")[1]
        roots = {one.name: tree_root(one) for one in policy.sources}
        assert roots["nfs"] == AbsolutePath((b"srv", b"nfs"))
        assert roots["host"] == AbsolutePath(())
        assert roots["pvcs"] is None


class TestFindings:
    def test_what_a_destination_cannot_keep(self) -> None:
        destinations = {
            "disk": {"path": "/mnt", "media": "nas", "site": "x", "cannot_keep": ["owner", "acls"]}
        }
        report = checked(manifest(destinations=destinations))
        (finding,) = report.findings
        assert (finding.code, report.failed) == ("cannot-keep", False)
        assert "owner" in finding.message
        assert "acls" not in finding.message

    def test_a_job_in_the_cluster_needs_an_export(self) -> None:
        def content(**tree: Any) -> dict[str, Any]:
            return manifest(
                sources={
                    "data": {"kind": "tree", "path": "/srv/data", **tree},
                    "db": {"kind": "redis", "connect": {"host": "x"}},
                },
                legs={
                    "mirror": {"kind": "mirror", "to": "disk:/"},
                    "dump": {
                        "kind": "dump",
                        "from": "db",
                        "to": "data:/db",
                        "keep": {"last": 1},
                        "runner": {"kubernetes": {"namespace": "n"}},
                    },
                },
            )

        assert errors(content()) == ["runner-no-export"]
        assert errors(content(export="192.0.2.1:/srv/data")) == []

    def test_a_pattern_that_is_no_rule(self) -> None:
        content = manifest(routes={"/srv/data": "mirror", "/srv/data/[\n\x0c]": {"none": "x"}})
        assert errors(content) == ["filter-impossible"]

    def test_findings_stand_in_file_order(self) -> None:
        content = manifest(routes={"/srv/data": "a", "/srv/data/x": "b"})
        findings = Findings()
        assert compile_with(load(text_of(content), "x")[1], findings) is None
        origins = [(one.origin.line, one.origin.column) for one in findings.sorted()]
        assert origins == sorted(origins)
