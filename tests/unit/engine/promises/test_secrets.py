"""No hop may open what only its owner may read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.strategies import errors, manifest

KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def said(
    leg: dict[str, Any],
    *,
    source: dict[str, Any] | None = None,
    offsite: dict[str, Any] | None = None,
    cannot_keep: list[str] | None = None,
) -> list[str]:
    """Errors for a secret list of files that rides one mirror, and perhaps a second."""
    legs = {"mirror": {"kind": "mirror", "from": "host", "to": "disk:/", **leg}}
    if offsite is not None:
        legs["offsite"] = {"kind": "mirror", "from": "disk", "to": "far:/", **offsite}
    place = {"media": "hdd", "site": "home"}
    far = {**place, "path": "/mnt/far", **({"cannot_keep": cannot_keep} if cannot_keep else {})}
    return errors(
        manifest(
            destinations={"disk": {**place, "path": "/mnt/disk"}, "far": far},
            sources={"host": source or {"kind": "files", "paths": ["/etc/pve"]}},
            legs=legs,
            routes=None,
        )
    )


class TestWidening:
    """ "A leg that widens modes […] is refused unless `chmod` tightens"."""

    @pytest.mark.parametrize(
        "chmod", ["Du=rwx,Dgo=rx,Fu=rw,Fog=r", "a+r", "644", "F640", "D755", "go+r", "Fg+r", "+X"]
    )
    def test_refused(self, chmod: str) -> None:
        expected = [] if chmod == "+X" else ["secret-widened"]
        if chmod == "+X":
            expected = ["secret-widened"]  # A directory of mode 0700 becomes 0711.
        assert said({"chmod": chmod}) == expected

    @pytest.mark.parametrize("chmod", ["D700,F600", "go-rwx", "u=rwX,go=", "Fgo-r", "u+w"])
    def test_allowed(self, chmod: str) -> None:
        assert said({"chmod": chmod}) == []

    def test_at_the_second_hop(self) -> None:
        assert said({}, offsite={"chmod": "F644"}) == ["secret-widened"]
        assert said({}, offsite={"chmod": "D700,F600"}) == []

    def test_of_what_is_no_secret(self) -> None:
        open_files = {"kind": "files", "paths": ["/etc/x"], "secret": False}
        assert said({"chmod": "F644"}, source=open_files) == []
        tree = {"kind": "tree", "path": "/srv/x"}
        assert said({"chmod": "F644"}, source=tree) == []
        assert said({"chmod": "F644"}, source={**tree, "secret": True}) == ["secret-widened"]


class TestKeeping:
    """ "A destination that cannot keep them, is refused unless `chmod` tightens"."""

    def test_refused(self) -> None:
        assert said({}, offsite={"preserve": ["times"]}, cannot_keep=["perms"]) == ["secret-unkept"]

    def test_allowed_where_chmod_tightens(self) -> None:
        offsite = {"preserve": ["times"], "chmod": "D700,F600"}
        assert said({}, offsite=offsite, cannot_keep=["perms"]) == []
        assert said({}, offsite={**offsite, "chmod": "Fgo-r"}, cannot_keep=["perms"]) == [
            "secret-unkept"
        ]

    def test_owners_alone_matter_not(self) -> None:
        assert said({}, offsite={"preserve": ["times"]}, cannot_keep=["owner"]) == []

    @pytest.mark.parametrize(
        ("source", "leg"),
        [
            ({"kind": "etcd", "connect": {"endpoint": "https://192.0.2.1:2379"}}, {"kind": "dump"}),
            ({"kind": "vault", "connect": {"address": "https://192.0.2.1:8200"}}, {"kind": "dump"}),
            (
                {"kind": "device", "ssh": "a@b", "secret": True},
                {"kind": "fetch", "files": {"a": ["cat", "/a"]}},
            ),
            ({"kind": "tree", "path": "/srv/x", "secret": True}, {"kind": "versions"}),
            ({"kind": "tree", "path": "/srv/x", "secret": True}, {"kind": "sqlite"}),
        ],
    )
    def test_legs_of_every_kind(self, source: dict[str, Any], leg: dict[str, Any]) -> None:
        content = manifest(
            destinations={
                "disk": {
                    "path": "/mnt/disk",
                    "media": "nas",
                    "site": "home",
                    "cannot_keep": ["perms"],
                }
            },
            sources={"secret": source},
            legs={"leg": {**leg, "from": "secret", "to": "disk:/", "keep": {"within": "7d"}}},
            routes=None,
        )
        assert errors(content) == ["secret-unkept"]


def test_secrets_inside_a_routed_tree() -> None:
    content = manifest(
        sources={"data": {"kind": "tree", "path": "/srv/data", "secret": True}},
        legs={"mirror": {"kind": "mirror", "to": "disk:/", "chmod": "F644"}},
        routes={"/srv/data": {"none": "x"}, "/srv/data/*/keys": "mirror"},
    )
    assert errors(content) == ["secret-widened"]


def test_a_dump_that_lands_in_a_tree_rides_on_as_a_secret() -> None:
    content = manifest(
        sources={
            "data": {"kind": "tree", "path": "/srv/data"},
            "etcd": {"kind": "etcd", "connect": {"endpoint": "https://192.0.2.1:2379"}},
        },
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/", "chmod": "F644"},
            "dump": {"kind": "dump", "from": "etcd", "to": "data:/etcd", "keep": {"within": "7d"}},
        },
    )
    assert errors(content) == ["secret-widened"]


@pytest.mark.parametrize(
    ("source", "leg"),
    [
        ({"kind": "vault", "connect": {"address": "https://192.0.2.1:8200"}}, {"kind": "dump"}),
        (
            {"kind": "device", "ssh": "a@b", "secret": True},
            {"kind": "fetch", "files": {"a": ["cat", "/a"]}},
        ),
    ],
)
def test_what_is_encrypted_may_lie_open(source: dict[str, Any], leg: dict[str, Any]) -> None:
    place = {"path": "/mnt/disk", "media": "nas", "site": "home", "cannot_keep": ["perms"]}
    more = {"from": "secret", "to": "disk:/x", "keep": {"last": 1}}
    for encrypted in ({}, {"encrypt": {"age": [KEY]}}):
        content = manifest(
            destinations={"disk": place},
            sources={"secret": source},
            legs={"product": {**leg, **more, **encrypted}},
            routes=None,
        )
        assert errors(content) == ([] if encrypted else ["secret-unkept"])
