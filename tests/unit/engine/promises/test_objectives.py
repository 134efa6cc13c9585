"""What the copies of each path amount to, against what they must."""

from __future__ import annotations

from typing import Any

import pytest

from engine.promises.objectives import hours
from policy.diagnostics import Diagnostic, Severity
from tests.strategies import Manifest, checked, manifest

DAILY = {"schedule": "02:00", "timeout": "1h"}


def lab(
    objectives: dict[str, Any], routes: dict[str, Any] | None = None, **sections: Any
) -> Manifest:
    """A copy on the disk at home (25 h), and one of that far away (27 h)."""
    return manifest(
        destinations={
            "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
            "far": {
                "ssh": "u@far",
                "path": "/b",
                "media": "nas",
                "site": "away",
                **sections.pop("far", {}),
            },
        },
        sources={"data": {"kind": "tree", "path": "/srv/data", "media": "ssd", "site": "home"}},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/", **DAILY, **sections.pop("mirror", {})},
            "near": {"kind": "mirror", "to": "far:/near", **DAILY},
            "offsite": {
                "kind": "mirror",
                "from": "disk",
                "to": "far:/copy",
                "schedule": "04:00",
                "timeout": "1h",
            },
        },
        routes={
            "/srv/data": "mirror",
            "/srv/data/big": {"leg": "near", "because": "too big"},
            **(routes or {}),
        },
        objectives=objectives,
        **sections,
    )


def found(content: Manifest) -> list[Diagnostic]:
    return [one for one in checked(content).findings if one.code.startswith("objective")]


def worst(
    objectives: dict[str, Any], routes: dict[str, Any] | None = None, **sections: Any
) -> list[str]:
    report = found(lab({"default": objectives}, routes, **sections))
    return [one.code for one in report if one.severity is Severity.ERROR]


class TestCounting:
    @pytest.mark.parametrize(
        ("objective", "expected"),
        [
            ({"copies": 3}, []),
            ({"copies": 4}, ["objective-copies"]),
            ({"media": 3}, []),
            ({"media": 4}, ["objective-media"]),
            ({"offsite": 1}, []),
            ({"offsite": 2}, ["objective-offsite"]),
            ({"copies": 3, "rpo": "27h"}, []),
            ({"copies": 3, "rpo": "26h"}, ["objective-rpo"]),
            ({"copies": 2, "rpo": "26h"}, []),
            ({"offsite": 1, "rpo": "26h"}, ["objective-rpo"]),
            ({"rpo": "1h"}, ["objective-rpo"]),
            ({"history": "1d"}, ["objective-history"]),
            ({"beyond_host": 1}, ["objective-beyond-host"]),
        ],
    )
    def test_each_field(self, objective: dict[str, Any], expected: list[str]) -> None:
        assert worst(objective) == expected

    def test_history_comes_from_what_is_kept_aside(self) -> None:
        mirror = {"deleted": {"keep": "30d"}}
        assert worst({"history": "30d"}, mirror=mirror) == []
        assert worst({"history": "31d"}, mirror=mirror) == ["objective-history"]

    def test_snapshots_of_the_place_are_beyond_this_host(self) -> None:
        far = {"snapshots": {"kind": "synology", "share": "b", "keep": {"within": "7d"}}}
        assert worst({"beyond_host": 1}, far=far) == []

    def test_a_route_that_stops_has_fewer_copies(self) -> None:
        stop = {"leg": "mirror", "stop": {"after": "mirror", "reason": "x"}}
        assert worst({"copies": 3}, {"/srv/data/cache": stop}) == ["objective-copies"]

    def test_none_has_no_objective(self) -> None:
        assert worst({"copies": 3}, {"/srv/data/x": {"none": "scratch"}}) == []

    def test_what_is_accepted_is_a_note(self) -> None:
        notes = found(lab({"default": {"copies": 3}}))
        assert [(one.code, one.severity) for one in notes] == [
            ("objective-accepted", Severity.NOTE)
        ]
        assert "accepted because too big" in notes[0].message

    def test_live_data_of_a_source_without_a_medium_count_as_one_of_their_own(self) -> None:
        content = lab({"default": {"media": 3}})
        del content["sources"]["data"]["media"]
        assert [one.code for one in found(content) if one.severity is Severity.ERROR] == []


class TestChoice:
    """ "Fields are inherited from `default`; a weaker one needs `because`"."""

    def test_the_most_specific_one_holds(self) -> None:
        content = lab(
            {
                "default": {"copies": 3},
                "/srv/data/big": {"copies": 2, "because": "too big"},
                "/srv/data/big/x": {"copies": 4},
            }
        )
        (finding,) = found(content)
        assert finding.code == "objective-accepted"
        assert "/srv/data/big/x" in finding.message

    def test_an_objective_closer_than_any_route(self) -> None:
        content = lab({"default": {"copies": 2}, "/srv/data/photos": {"copies": 4}})
        (finding,) = found(content)
        assert finding.code == "objective-copies"
        assert "/srv/data/photos" in finding.message

    @pytest.mark.parametrize(
        ("objective", "weaker"),
        [
            ({"copies": 1}, True),
            ({"copies": 3}, False),
            ({"copies": 2}, False),
            ({"rpo": "9d"}, True),
            ({"rpo": "1d"}, False),
            ({"offsite": 0}, True),
            ({"media": 2}, False),
            ({"copies": 1, "because": "x"}, False),
        ],
    )
    def test_a_weaker_one_needs_a_reason(self, objective: dict[str, Any], weaker: bool) -> None:
        content = lab(
            {"default": {"copies": 2, "rpo": "2d", "offsite": 1}, "/srv/data/x": objective}
        )
        codes = [one.code for one in found(content)]
        assert ("objective-weaker" in codes) == weaker

    def test_other_fields_are_inherited(self) -> None:
        content = lab({"default": {"rpo": "1h"}, "/srv/data": {"copies": 2}})
        assert "objective-rpo" in [one.code for one in found(content)]

    def test_a_key_in_no_source(self) -> None:
        content = lab(
            {"default": {"copies": 1}, "/elsewhere": {"copies": 2}, "dta:x": {"copies": 2}}
        )
        assert [one.code for one in checked(content).findings if one.code == "unknown-name"] == [
            "unknown-name",
            "unknown-name",
        ]

    def test_the_same_paths_twice_are_told(self) -> None:
        content = lab({"/srv/data/x": {"copies": 2}, "data:x": {"copies": 1}})
        assert [one for one in checked(content).findings if one.severity is Severity.ERROR] != []

    def test_two_that_fight_are_told(self) -> None:
        content = lab({"/srv/data/a*": {"copies": 2}, "/srv/data/*b": {"copies": 1}})
        assert [one for one in checked(content).findings if one.severity is Severity.ERROR] != []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 h"),
        (60, "0 h 1 m"),
        (3600, "1 h"),
        (129_000, "35 h 50 m"),
        (172_800, "48 h"),
        (259_200, "3 d"),
        (741_600, "8 d 14 h"),
        (1_206_000, "13 d 23 h"),
    ],
)
def test_hours(seconds: int, text: str) -> None:
    assert hours(seconds) == text


def test_where_only_databases_are_taken_these_are_what_is_judged() -> None:
    """Nobody has asked for copies of the rest: then no copy of it is missing."""
    sections = {
        "destinations": {"disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"}},
        "sources": {"apps": {"kind": "tree", "path": "/srv/apps", "media": "ssd", "site": "home"}},
        "legs": {
            "dbs": {"kind": "sqlite", "from": "apps", "to": "disk:/d", "keep": {"last": 3}, **DAILY}
        },
        "routes": None,
    }
    wanted = {"default": {"copies": 2, "rpo": "26h"}}
    assert found(manifest(**sections, objectives=wanted)) == []
    (one,) = found(manifest(**sections, objectives={"default": {"copies": 2, "rpo": "10h"}}))
    assert one.message == "'apps:' has 1 of 2 copies within 10h (disk up to 25 h)"
