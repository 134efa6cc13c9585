"""Findings about time."""

from __future__ import annotations

from typing import Any

import pytest

from engine.schedule.calendars import longest_gap
from policy.diagnostics import Diagnostic
from tests.strategies import Manifest, checked, manifest


def mirrors(zone: str = "UTC", **legs: dict[str, Any]) -> Manifest:
    return manifest(
        timezone=zone,
        sources={f"t-{name}": {"kind": "tree", "path": f"/srv/{name}"} for name in legs},
        destinations={
            name: {"path": f"/mnt/{name}", "media": "hdd", "site": "home"}
            for name in ("disk", "far")
        },
        legs={
            name: {"kind": "mirror", "from": f"t-{name}", "to": f"disk:/{name}", **leg}
            for name, leg in legs.items()
        },
        routes=None,
    )


def found(content: Manifest) -> list[Diagnostic]:
    return list(checked(content).findings)


CLUSTER = {"runner": {"kubernetes": {"namespace": "apps"}}}
STARTS = {"at the first of the two": "", "at both": ": a CronJob starts twice"}


def codes(content: Manifest) -> list[str]:
    return [one.code for one in found(content)]


class TestSchedules:
    """ "A local time that some day of the year skips or repeats is a warning"."""

    def test_an_hour_that_does_not_exist(self) -> None:
        (skipped,) = [
            one
            for one in found(mirrors("Europe/Sofia", a={"schedule": "Sun 03:30"}))
            if one.code == "schedule-skipped"
        ]
        assert "Sun 2027-03-28 03:30 does not exist" in skipped.message
        # 14 days less the hour that is missing on the way.
        assert "13 d 23 h" in skipped.message

    def test_an_hour_that_comes_twice(self) -> None:
        assert codes(mirrors("Europe/Sofia", a={"schedule": "03:30", "timeout": "1h"})) == [
            "schedule-repeated",
            "schedule-skipped",
        ]

    def test_a_cluster_starts_twice_where_a_timer_starts_once(self) -> None:
        tree = {"kind": "tree", "path": "/srv/a", "export": "192.0.2.10:/a"}
        for runner, effect in (({}, "at the first of the two"), (CLUSTER, "at both")):
            content = manifest(
                timezone="Europe/Sofia",
                sources={"a": tree, "db": {"kind": "redis", "connect": {"host": "db.apps"}}},
                legs={
                    "m": {"kind": "mirror", "to": "disk:/"},
                    "d": {
                        "kind": "dump",
                        "from": "db",
                        "to": "a:/d",
                        "keep": {"last": 3},
                        "schedule": "03:30",
                        "timeout": "1h",
                        **runner,
                    },
                },
                routes={"/srv/a": "m"},
                checks={"c": {"kind": "http", "url": "http://x/", "schedule": "03:30", **runner}},
            )
            told = {one.code: one.message for one in found(content) if "'d'" in one.message}
            assert told["schedule-repeated"].endswith(f"'d' runs {effect}" + STARTS[effect])
            assert "'d' then waits for its next time: a gap of " in told["schedule-skipped"]
            (check,) = (one.message for one in found(content) if "'c' runs" in one.message)
            assert effect in check

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
    def test_a_zone_without_clock_changes(self, zone: str) -> None:
        assert codes(mirrors(zone, a={"schedule": "03:30"})) == []

    def test_too_often(self) -> None:
        assert codes(mirrors(a={"schedule": "*:0/5", "timeout": "1m"})) == ["schedule-too-often"]
        assert codes(mirrors(a={"schedule": "*:0/15", "timeout": "1m"})) == []

    def test_checks_count_too(self) -> None:
        content = manifest(
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "db": {"kind": "sqlite", "path": "/db"},
            },
            legs={
                "mirror": {"kind": "mirror", "to": "disk:/"},
                "dump": {"kind": "dump", "from": "db", "to": "disk:/db", "keep": {"last": 3}},
            },
            checks={"c": {"kind": "sqlite-integrity", "source": "db", "schedule": "*:*"}},
        )
        assert "schedule-too-often" in codes(content)

    def test_a_gap_is_that_of_the_whole_schedule(self) -> None:
        content = mirrors("Europe/Sofia", a={"schedule": ["Sun 03:30", "Wed 05:00"]})
        (skipped,) = [one for one in found(content) if one.code == "schedule-skipped"]
        assert "6 d 23 h" in skipped.message
        assert longest_gap is not None


class TestLimits:
    """Law 13: "a leg that needs another's result either starts after the other's limit […]"."""

    def test_past_the_start_of_another(self) -> None:
        (finding,) = found(
            mirrors(
                a={"schedule": "02:00", "timeout": "5h"},
                b={"schedule": "05:00", "timeout": "1h"},
                c={"schedule": "05:00", "timeout": "1h"},
            )
        )
        assert finding.code == "limit-overlap"
        assert "'a' may run until 07:00, past 05:00 when b, c would use 'disk'" in finding.message

    def test_not_where_the_other_waits_or_has_another_disk(self) -> None:
        assert (
            codes(
                mirrors(
                    a={"schedule": "02:00", "timeout": "5h"},
                    b={"schedule": "05:00", "timeout": "1h", "after": ["a"]},
                )
            )
            == []
        )
        assert (
            codes(
                mirrors(
                    a={"schedule": "02:00", "timeout": "5h"},
                    b={"schedule": "05:00", "timeout": "1h", "to": "far:/b"},
                )
            )
            == []
        )

    def test_where_it_waits_on_sundays_only(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "5h"},
            b={"schedule": "Sun 03:00", "timeout": "1m", "after": ["a"], "to": "far:/b"},
            c={"schedule": "05:00", "timeout": "1h", "after": ["b"]},
        )
        assert codes(content) == ["limit-overlap"]

    def test_until_that_very_moment_is_fine(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "3h"}, b={"schedule": "05:00", "timeout": "1h"}
        )
        assert codes(content) == []

    def test_on_the_day_of_a_clock_change_it_is_a_note(self) -> None:
        (finding,) = found(
            mirrors(
                "Europe/Sofia",
                a={"schedule": "02:00", "timeout": "3h"},
                b={"schedule": "05:00", "timeout": "1h"},
            )
        )
        assert (finding.code, finding.severity.value) == ("limit-overlap", "note")

    def test_a_wait_that_is_too_short(self) -> None:
        assert codes(
            mirrors(
                a={"schedule": "02:00", "timeout": "5h"},
                b={"schedule": "02:30", "timeout": "1h", "after": ["a"], "wait": "1h"},
            )
        ) == ["wait-too-short"]

    def test_into_its_own_next_run(self) -> None:
        assert codes(mirrors(a={"schedule": "hourly", "timeout": "2h"})) == ["run-overlaps-next"]


def two_hops(first: dict[str, Any], second: dict[str, Any]) -> Manifest:
    return manifest(
        destinations={
            name: {"path": f"/mnt/{name}", "media": "hdd", "site": "home"}
            for name in ("disk", "far")
        },
        legs={
            "first": {"kind": "mirror", "to": "disk:/", **first},
            "second": {"kind": "mirror", "from": "disk", "to": "far:/", **second},
        },
        routes={"/srv/data": "first"},
    )


class TestOrder:
    """Law 20: "a consumer that starts before its producers can have finished is shown"."""

    def test_told(self) -> None:
        (finding,) = found(
            two_hops({"schedule": "02:00", "timeout": "3h"}, {"schedule": "04:00", "timeout": "1h"})
        )
        assert finding.code == "producer-late"
        assert "'second' may start at" in finding.message
        assert finding.message.endswith("its product then arrives 24 h later")
        assert "add first to `after` of second" in finding.hint

    def test_of_a_producer_that_takes_a_part_of_its_source(self) -> None:
        """The consumer then enters the directory of those copies, and takes no more than them."""
        first = {"to": "disk:/first", "schedule": "02:00", "timeout": "3h"}
        content = two_hops(first, {"schedule": "04:00", "timeout": "1h"})
        content["routes"] = {"/srv/data": {"none": "scratch"}, "/srv/data/a": "first"}
        assert "producer-late" in codes(content)

    def test_a_producer_that_comes_after_its_consumer_each_time(self) -> None:
        """It can never be in time: the copy is a day older than it need be."""
        (finding,) = found(
            two_hops({"schedule": "05:00", "timeout": "1h"}, {"schedule": "04:30", "timeout": "2h"})
        )
        assert finding.code == "producer-late"

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ({"schedule": "02:00", "timeout": "2h"}, {"schedule": "04:00", "timeout": "1h"}),
            (
                {"schedule": "02:00", "timeout": "3h"},
                {"schedule": "04:00", "timeout": "1h", "after": ["first"]},
            ),
            ({"schedule": "05:00", "timeout": "1h"}, {"schedule": "04:00", "timeout": "1h"}),
            ({}, {"schedule": "04:00", "timeout": "1h"}),
        ],
    )
    def test_silent(self, first: dict[str, Any], second: dict[str, Any]) -> None:
        assert codes(two_hops(first, second)) == []

    def test_what_the_next_one_supersedes_is_not_missed(self) -> None:
        assert (
            codes(
                two_hops(
                    {"schedule": "*:0/30", "timeout": "10m"},
                    {"schedule": "Sun 04:05", "timeout": "1h"},
                )
            )
            == []
        )
