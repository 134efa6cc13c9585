"""Drills as a manifest states them."""

from __future__ import annotations

from typing import Any

import pytest

from policy.drills import DEFAULT_LIMIT, DEFAULT_SAMPLE, Drill
from policy.parts import AlertSeverity
from policy.values import ByteSize, Duration, parse_absolute_path
from tests.strategies import errors, manifest, policy_of

LEAST = {"source": "data", "schedule": "Sat 04:00", "scratch": "/var/scratch"}


def parsed(**more: str) -> Drill:
    (found,) = policy_of(manifest(drills={"data": {**LEAST, **more}})).drills
    return found


def test_what_is_not_said_has_a_default() -> None:
    found = parsed()
    assert (found.name, found.source) == ("data", "data")
    assert found.scratch == parse_absolute_path("/var/scratch")
    assert (found.sample, found.within, found.takes) == (DEFAULT_SAMPLE, None, None)
    assert (found.timeout, found.severity) == (DEFAULT_LIMIT, AlertSeverity.WARNING)
    assert found.at("scratch").line == found.at("source").line > 0
    assert found.at("from") == found.origin


def test_all_of_it_may_be_said() -> None:
    more = {"sample": "1.5G", "within": "12h", "from": "disk", "timeout": "2h"}
    found = parsed(**more, severity="critical")
    assert found.sample == ByteSize(3 << 29)
    assert (found.within, found.takes, found.timeout) == (
        Duration(43_200),
        "disk",
        Duration(7_200),
    )
    assert found.severity is AlertSeverity.CRITICAL


def test_all_is_everything() -> None:
    assert parsed(sample="all").sample is None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"sample": "much"}, "bad-value"),
        ({"sample": "0"}, "bad-value"),
        ({"within": "soon"}, "bad-value"),
        ({"scratch": "var"}, "bad-value"),
        ({"schedule": "at noon"}, "bad-calendar"),
        ({"smaple": "1G"}, "unknown-key"),
        ({"severity": "mild"}, "bad-value"),
        ({"load": ["psql"]}, "bad-value"),
    ],
)
def test_what_cannot_be_meant_is_an_error(more: dict[str, Any], code: str) -> None:
    assert errors(manifest(drills={"data": {**LEAST, **more}})) == [code]


@pytest.mark.parametrize("key", sorted(LEAST))
def test_what_is_needed_is_named(key: str) -> None:
    less = {name: value for name, value in LEAST.items() if name != key}
    assert errors(manifest(drills={"data": less})) == ["missing-key"]
