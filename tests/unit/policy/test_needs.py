"""Needs as the manifest says them."""

from __future__ import annotations

from typing import Any

import pytest

from policy.needs import FileNeed, Need, SecretNeed, SourceNeed, kept_outside
from policy.values import parse_absolute_path
from tests.strategies import checked, manifest, policy_of


def needs(*given: Any) -> tuple[Need, ...]:
    tree = {"kind": "tree", "path": "/srv/data", "needs": list(given)}
    source = policy_of(manifest(sources={"data": tree})).source("data")
    assert source is not None
    return source.needs


def test_three_forms() -> None:
    assert needs(
        {"path": "/etc/key", "kept": "in the safe"},
        "vault",
        {"secret": "the password", "in": "vault"},
    ) == (
        FileNeed(path=parse_absolute_path("/etc/key"), kept="in the safe"),
        SecretNeed(secret="the password", inside="vault"),
        SourceNeed(source="vault"),
    )


def test_order_and_repetition_mean_nothing() -> None:
    assert needs("b", "a", "b", {"path": "/x"}) == needs({"path": "/x"}, "a", "b")


def test_what_is_kept_in_two_places_is_said_twice() -> None:
    twice = needs({"secret": "it", "kept": "here"}, {"secret": "it", "kept": "there"})
    assert [kept_outside(one) for one in twice] == ["here", "there"]


def test_a_destination_has_them_too() -> None:
    disk = {"path": "/mnt/disk", "media": "hdd", "site": "home", "needs": [{"path": "/etc/key"}]}
    (destination,) = policy_of(manifest(destinations={"disk": disk})).destinations
    assert destination.needs == (FileNeed(path=parse_absolute_path("/etc/key")),)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([], "bad-value"),
        ({"path": "/etc/key"}, "bad-type"),
        ([{"path": "etc/key"}], "bad-value"),
        ([{"path": "/etc/../key"}], "bad-value"),
        ([{"kept": "in the safe"}], "missing-key"),
        ([{"path": "/etc/key", "in": "vault"}], "unknown-key"),
        ([{"secret": ""}], "bad-value"),
        (["Not A Name"], "bad-value"),
    ],
)
def test_what_is_none(given: Any, code: str) -> None:
    tree = {"kind": "tree", "path": "/srv/data", "needs": given}
    found = checked(manifest(sources={"data": tree})).findings
    assert [one.code for one in found] == [code]
