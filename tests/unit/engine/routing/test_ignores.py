"""Ignores that would take more than litter."""

from __future__ import annotations

from typing import Any

import pytest

from tests.strategies import errors, manifest

SQLITE = {
    "data": {"kind": "tree", "path": "/srv/data"},
    "apps": {"kind": "tree", "path": "/srv/apps"},
}
LEGS: dict[str, dict[str, Any]] = {
    "mirror": {"kind": "mirror", "to": "disk:/m"},
    "databases": {"kind": "sqlite", "from": "apps", "to": "disk:/d", "keep": {"weekly": 4}},
}


def said(
    ignore: dict[str, Any], routes: dict[str, Any] | None = None, **sections: Any
) -> list[str]:
    return errors(
        manifest(ignore=ignore, routes={"/srv/data": "mirror", **(routes or {})}, **sections)
    )


class TestSidecars:
    """ "Ignoring a database's sidecars on a source that no `sqlite` leg takes is an error"."""

    @pytest.mark.parametrize(
        "text", ["*-wal", "*-shm", "*-journal", "*.db-wal", "/a/x-wal", "*-wal*", "*wal", "*-[ws]*"]
    )
    def test_refused(self, text: str) -> None:
        assert said({text: "x"}) == ["ignore-sidecar"]

    @pytest.mark.parametrize("text", ["*-wal/", "great-walls", ".*.swp", "Thumbs.db", "*.wal"])
    def test_allowed(self, text: str) -> None:
        assert said({text: "x"}) == []

    def test_allowed_where_a_sqlite_leg_takes_the_source(self) -> None:
        only = {"only": ["apps"], "reason": "copied whole"}
        assert said({"*-wal": only}, sources=SQLITE, legs=LEGS) == []
        assert said({"*-wal": "x"}, sources=SQLITE, legs=LEGS) == ["ignore-sidecar"]

    def test_volumes_that_a_sqlite_leg_takes_over_snapshots(self) -> None:
        content = manifest(
            sources={"pvcs": {"kind": "lvm-thin", "vg": "v", "pool": "p", "volumes": "*"}},
            legs={
                "snap": {"kind": "snapshot", "keep": {"within": "7d"}},
                "databases": {**LEGS["databases"], "from": "snap"},
            },
            routes={"pvcs:": "snap"},
            ignore={"*-wal": "x"},
        )
        assert errors(content) == []


class TestSwallowed:
    """ "A route key that it swallows is an error"."""

    @pytest.mark.parametrize(
        ("ignore", "key"),
        [
            ("cache/", "cache"),
            ("cache/", "a/cache/b"),
            ("c*/", "cache"),
            ("c*/", "c[ab]*"),
            ("/a/b/", "a/b"),
            ("/a/b/", "a/b/c"),
            ("/a/", "a/*"),
            ("x.swp", "a/x.swp"),
            ("/a/x", "a/x"),
        ],
    )
    def test_refused(self, ignore: str, key: str) -> None:
        assert said({ignore: "x"}, {f"/srv/data/{key}": "mirror"}) == ["ignore-swallows-route"]

    @pytest.mark.parametrize(
        ("ignore", "key"),
        [
            ("cache/", "caches"),
            ("ca?he/", "c*"),
            ("/a/b/", "b"),
            ("/a/b/", "a"),
            ("x.swp", "x.swp/a"),
            ("*.swp", "a*"),
        ],
    )
    def test_allowed(self, ignore: str, key: str) -> None:
        assert said({ignore: "x"}, {f"/srv/data/{key}": "mirror"}) == []

    def test_only_in_the_sources_that_it_is_for(self) -> None:
        content = {
            "sources": SQLITE,
            "legs": {"mirror": {"kind": "mirror", "to": "disk:/{source}"}},
        }
        only = {"only": ["apps"], "reason": "x"}
        routes = {"/srv/apps": "mirror", "/srv/data/cache": "mirror"}
        assert said({"cache/": only}, routes, **content) == []
        routes = {"/srv/apps": "mirror", "/srv/apps/cache": "mirror"}
        assert said({"cache/": only}, routes, **content) == ["ignore-swallows-route"]

    def test_an_unknown_source(self) -> None:
        assert said({"x": {"only": ["dta"], "reason": "x"}}) == ["unknown-name"]
