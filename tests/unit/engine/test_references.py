"""Names that must resolve, kinds that must fit, circles."""

from __future__ import annotations

from typing import Any

import pytest

from engine.plan.circles import find_circle
from tests.strategies import checked, errors, manifest

KEEP = {"keep": {"within": "7d"}}
SOURCES: dict[str, Any] = {
    "data": {"kind": "tree", "path": "/srv/data"},
    "tree": {"kind": "tree", "path": "/srv/tree"},
    "volumes": {"kind": "lvm-thin", "vg": "v", "pool": "p", "volumes": "*"},
    "files": {"kind": "files", "paths": ["/etc/x"]},
    "device": {"kind": "device", "ssh": "root@device"},
    "server": {"kind": "mysql", "connect": {"host": "x"}},
    "sqlite": {"kind": "sqlite", "path": "/db"},
}
LEGS: dict[str, Any] = {
    "mirror": {"kind": "mirror", "to": "disk:/m"},
    "snapshot": {"kind": "snapshot", **KEEP},
}
KINDS: dict[str, Any] = {
    "mirror": {"kind": "mirror", "to": "disk:/x"},
    "versions": {"kind": "versions", "to": "disk:/x", **KEEP},
    "sqlite": {"kind": "sqlite", "to": "disk:/x", **KEEP},
    "fetch": {"kind": "fetch", "to": "disk:/x", "files": {"a": ["cat", "/a"]}, **KEEP},
    "dump": {"kind": "dump", "to": "disk:/x", **KEEP},
    "snapshot": {"kind": "snapshot", **KEEP},
}
FITS = {
    "mirror": {"tree", "files", "mirror", "disk"},
    "versions": {"tree", "snapshot"},
    "sqlite": {"tree", "snapshot"},
    "fetch": {"device"},
    "dump": {"server", "sqlite"},
    "snapshot": set(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("taken", [*SOURCES, *LEGS, "disk"])
def test_which_kind_of_leg_takes_what(kind: str, taken: str) -> None:
    used = {"data", "volumes", taken}
    report = checked(
        manifest(
            sources={name: one for name, one in SOURCES.items() if name in used},
            legs={**LEGS, "x": {**KINDS[kind], "from": taken}},
            routes={"/srv/data": "mirror", "volumes:": "snapshot"},
        )
    )
    found = [one.code for one in report.findings if one.code == "from-wrong-kind"]
    fits = FITS[kind] | ({"data"} if "tree" in FITS[kind] else set())
    assert found == ([] if taken in fits else ["from-wrong-kind"])


@pytest.mark.parametrize(
    ("change", "code", "hint"),
    [
        ({"from": "dta"}, "unknown-name", "did you mean 'data'?"),
        ({"to": "dsk:/x"}, "unknown-name", "did you mean 'disk'?"),
        ({"to": "files:/x"}, "to-wrong-kind", ""),
        ({"after": ["miror"]}, "unknown-name", "did you mean 'mirror'?"),
        ({"after": ["x"]}, "after-circle", None),
    ],
)
def test_names_of_a_leg(change: dict[str, Any], code: str, hint: str | None) -> None:
    report = checked(
        manifest(
            sources={name: SOURCES[name] for name in ("data", "files", "tree")},
            legs={
                **LEGS,
                "take": {"kind": "mirror", "from": "files", "to": "disk:/f"},
                "x": {"kind": "mirror", "from": "tree", "to": "disk:/t", **change},
            },
        )
    )
    found = {one.code: one.hint for one in report.findings}
    assert code in found
    assert hint is None or found[code] == hint


@pytest.mark.parametrize("need", ["dat", {"secret": "it", "in": "disk"}])
def test_needs_name_sources(need: Any) -> None:
    tree = {"kind": "tree", "path": "/srv/data", "needs": [need]}
    assert errors(manifest(sources={"data": tree})) == ["unknown-name"]


def test_a_check_of_nothing() -> None:
    content = manifest(
        checks={"c": {"kind": "sqlite-integrity", "source": "mirror", "schedule": "hourly"}}
    )
    assert errors(content) == ["unknown-name"]


class TestEachSource:
    """ "A source is either routed or named by a `from`; neither is an error, and so is both"."""

    def test_neither(self) -> None:
        assert errors(manifest(sources={"data": SOURCES["data"], "tree": SOURCES["tree"]})) == [
            "source-unused"
        ]

    def test_both(self) -> None:
        legs = {
            "mirror": {"kind": "mirror", "to": "disk:/m"},
            "x": {"kind": "mirror", "from": "data", "to": "disk:/x"},
        }
        assert errors(manifest(legs=legs)) == ["source-both"]

    def test_two_legs_may_take_one(self) -> None:
        legs = {name: {"kind": "mirror", "from": "data", "to": f"disk:/{name}"} for name in "xy"}
        assert errors(manifest(legs=legs, routes=None)) == []

    def test_routed_to_nobody(self) -> None:
        content = manifest(
            sources={"data": SOURCES["data"], "tree": SOURCES["tree"]},
            routes={"/srv/data": "mirror", "/srv/tree": {"none": "scratch"}},
        )
        assert errors(content) == []


class TestRenames:
    def rename(self, **was: str) -> list[str]:
        legs = {
            name: {"kind": "mirror", "to": f"disk:/{name}", "was": was[name]}
            if name in was
            else {"kind": "mirror", "to": f"disk:/{name}"}
            for name in "ab"
        }
        return errors(manifest(legs=legs, routes={"/srv/data": "a", "/srv/data/b": "b"}))

    def test_from_a_name_that_is_gone(self) -> None:
        assert self.rename(a="old") == []

    def test_from_a_name_that_is_there(self) -> None:
        assert self.rename(a="b") == ["was-present"]
        assert self.rename(a="a") == ["was-present"]

    def test_two_from_one_name(self) -> None:
        assert self.rename(a="old", b="old") == ["was-twice"]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({}, ()),
        ({"a": ["b"], "b": ["c"], "c": []}, ()),
        ({"a": ["a"]}, ("a",)),
        ({"b": ["a"], "a": ["b"]}, ("a", "b")),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, ()),
        ({"x": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}, ("b", "c", "d")),
        ({"a": ["nobody"]}, ()),
    ],
)
def test_circles(edges: dict[str, list[str]], expected: tuple[str, ...]) -> None:
    assert find_circle(edges) == expected


def test_a_long_row_is_no_circle() -> None:
    edges = {f"{number:05}": [f"{number + 1:05}"] for number in range(3000)}
    assert find_circle(edges) == ()
    assert find_circle({**edges, "02999": ["00000"]})[0] == "00000"


@pytest.mark.parametrize("section", ["drills", "checks"])
def test_drills_and_checks_have_name_spaces_of_their_own(section: str) -> None:
    """What one of them was called may be the name of a leg, and not of another one of them."""
    one: dict[str, Any] = {"kind": "command", "run": ["true"], "schedule": "daily"}
    if section == "drills":
        one = {"source": "data", "schedule": "daily", "scratch": "/scratch"}
    named = {"new": {**one, "was": "mirror"}, "other": {**one, "was": "older"}}
    assert errors(manifest(**{section: named})) == []
    still = {"new": {**one, "was": "other"}, "other": one}
    assert errors(manifest(**{section: still})) == ["was-present"]
    twice = {"new": {**one, "was": "older"}, "other": {**one, "was": "older"}}
    assert errors(manifest(**{section: twice})) == ["was-twice"]
