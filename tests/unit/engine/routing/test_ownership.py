"""One owner for each place, no copy that feeds itself, nothing live inside a place for copies."""

from __future__ import annotations

from typing import Any

import pytest

from policy.diagnostics import Severity
from tests.strategies import Manifest, checked, codes, errors, manifest


def place(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "media": "hdd", "site": "home", **more}


def two_legs(one: str, other: str, **sections: Any) -> Manifest:
    return manifest(
        legs={"one": {"kind": "mirror", "to": one}, "two": {"kind": "mirror", "to": other}},
        routes={"/srv/data": "one", "/srv/data/b": "two"},
        **sections,
    )


class TestOneOwner:
    """Law 1: "Each destination subtree has one owner"."""

    def test_twice(self) -> None:
        assert errors(two_legs("disk:/x", "disk:/x")) == ["owner-twice"]

    def test_nested_is_no_fault(self) -> None:
        assert errors(two_legs("disk:/", "disk:/x")) == []

    def test_source_filled_in(self) -> None:
        assert errors(two_legs("disk:/{source}", "disk:/data")) == ["owner-twice"]

    def test_a_dump_beside_a_dump(self) -> None:
        legs = {
            name: {"kind": "dump", "from": "db", "to": "data:/dump", "keep": {"within": "7d"}}
            for name in ("full", "again")
        }
        content = manifest(
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "db": {"kind": "redis", "connect": {"host": "x"}},
            },
            legs={"mirror": {"kind": "mirror", "to": "disk:/"}, **legs},
        )
        assert errors(content) == ["owner-twice"]

    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            (place("/mnt/a"), place("/mnt/a"), ["destination-overlap"]),
            (place("/mnt/a"), place("/mnt/a/b"), ["destination-overlap"]),
            (place("/mnt/a/b"), place("/mnt/a"), ["destination-overlap"]),
            (place("/mnt/a"), place("/mnt/ab"), []),
            (place("/a", ssh="u@nas"), place("/a/b", ssh="u@nas"), ["destination-overlap"]),
            (place("/a", ssh="u@nas"), place("/a", ssh="u@other"), []),
            (place("/a", ssh="u@nas"), place("/a"), []),
            (place("/a", ssh="u@nas"), place("/a", ssh="v@nas"), ["destination-overlap"]),
        ],
    )
    def test_destinations(self, one: Any, other: Any, expected: list[str]) -> None:
        assert errors(manifest(destinations={"disk": one, "spare": other})) == expected


class TestLoops:
    """ "A destination inside a source that is copied there (a loop)"."""

    def inside(
        self, routes: dict[str, Any] | None = None, path: str = "/srv/data/copies"
    ) -> list[str]:
        return errors(
            manifest(
                destinations={"disk": place(path)}, routes={"/srv/data": "mirror", **(routes or {})}
            )
        )

    def test_inside_the_source(self) -> None:
        assert self.inside() == ["copy-loop"]

    def test_left_out_by_a_route(self) -> None:
        assert self.inside({"/srv/data/copies": {"none": "the copies themselves"}}) == []

    def test_left_out_by_an_ignore_is_enough_too(self) -> None:
        content = manifest(
            destinations={"disk": place("/srv/data/copies")}, ignore={"/copies/": "the copies"}
        )
        assert errors(content) == []

    def test_the_source_itself(self) -> None:
        assert self.inside(path="/srv/data") == ["source-in-destination"]

    def test_live_data_inside_the_place_for_copies(self) -> None:
        assert self.inside(path="/srv") == ["source-in-destination"]

    def test_subvolumes_are_live_data_too(self) -> None:
        content = manifest(
            destinations={"disk": place("/mnt/disk")},
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "pool": {"kind": "btrfs", "path": "/mnt/disk/live", "subvolumes": "*"},
            },
            legs={
                "mirror": {"kind": "mirror", "to": "disk:/"},
                "snaps": {"kind": "snapshot", "keep": {"last": 2}},
            },
            routes={"/srv/data": "mirror", "pool:": "snaps"},
        )
        assert errors(content) == ["source-in-destination"]

    def test_live_data_of_another_leg_inside_the_place_for_copies(self) -> None:
        content = manifest(
            destinations={"disk": place("/mnt/disk"), "far": place("/mnt/far")},
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "other": {"kind": "tree", "path": "/mnt/disk/live"},
            },
            legs={
                "mirror": {"kind": "mirror", "to": "disk:/"},
                "second": {"kind": "mirror", "to": "far:/"},
            },
            routes={"/srv/data": "mirror", "/mnt/disk/live": "second"},
        )
        assert errors(content) == ["source-in-destination"]

    def test_two_legs_that_feed_each_others_source(self) -> None:
        content = manifest(
            destinations={"disk": place("/srv/b/disk"), "far": place("/srv/a/far")},
            sources={
                "a": {"kind": "tree", "path": "/srv/a"},
                "b": {"kind": "tree", "path": "/srv/b"},
            },
            legs={
                "one": {"kind": "mirror", "to": "disk:/"},
                "two": {"kind": "mirror", "to": "far:/"},
            },
            routes={"/srv/a": "one", "/srv/b": "two"},
        )
        assert errors(content) != []

    def test_a_destination_into_itself(self) -> None:
        legs = {
            "mirror": {"kind": "mirror", "to": "disk:/m"},
            "again": {"kind": "mirror", "from": "disk", "to": "disk:/again"},
        }
        assert errors(manifest(legs=legs)) != []

    def test_two_destinations_into_each_other(self) -> None:
        content = manifest(
            destinations={"disk": place("/mnt/a"), "far": place("/mnt/b")},
            legs={
                "mirror": {"kind": "mirror", "to": "disk:/m"},
                "there": {"kind": "mirror", "from": "disk", "to": "far:/there"},
                "back": {"kind": "mirror", "from": "far", "to": "disk:/back"},
            },
        )
        assert errors(content) != []

    def test_a_leg_that_takes_its_own_product(self) -> None:
        legs = {
            "mirror": {"kind": "mirror", "to": "disk:/m"},
            "self": {"kind": "mirror", "from": "self", "to": "disk:/s"},
        }
        assert errors(manifest(legs=legs)) != []

    def test_trees_inside_each_other(self) -> None:
        sources = {
            "data": {"kind": "tree", "path": "/srv/data"},
            "inner": {"kind": "tree", "path": "/srv/data/in"},
        }
        content = manifest(
            sources=sources,
            legs={"mirror": {"kind": "mirror", "to": "disk:/{source}"}},
            routes={"/srv/data": "mirror", "/srv/data/in": "mirror"},
        )
        assert errors(content) == ["source-overlap"]


class TestBlocked:
    """ "Named by `check`, a failed item at run time, never skipped in silence"."""

    def test_a_note_names_the_live_path_and_the_owner(self) -> None:
        report = checked(two_legs("disk:/", "disk:/pvc/data"))
        (note,) = report.findings
        assert (note.code, note.severity) == ("place-blocked", Severity.NOTE)
        assert "/srv/data/pvc/data" in note.message
        assert "'two'" in note.message

    def test_an_error_where_a_route_names_that_very_path(self) -> None:
        content = two_legs("disk:/", "disk:/x")
        content["routes"]["/srv/data/x"] = "one"
        assert errors(content) == ["route-blocked"]

    def test_an_error_where_a_route_names_a_path_inside_it(self) -> None:
        content = two_legs("disk:/", "disk:/x")
        content["routes"]["/srv/data/x/y"] = "one"
        assert errors(content) == ["route-blocked"]

    def test_nothing_where_another_leg_takes_it(self) -> None:
        report = checked(two_legs("disk:/", "disk:/b"))
        assert codes(report.findings) == []
