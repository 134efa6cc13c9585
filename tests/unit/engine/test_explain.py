"""Where a path goes and why."""

from __future__ import annotations

from typing import Any

import pytest

from engine.compile import Compilation, compile_quietly
from engine.explain import Explanation, explain
from policy.model import Policy
from policy.parse import load
from tests.strategies import REFERENCE, Manifest, manifest, policy_of


def reference() -> tuple[Policy, Compilation]:
    policy = load(REFERENCE.read_bytes(), "reference.yaml")[1]
    compilation = compile_quietly(policy)
    assert compilation is not None
    return policy, compilation


def ask(path: str | bytes, content: Manifest | None = None) -> Explanation:
    data = path.encode() if isinstance(path, str) else path
    if content is None:
        policy, compilation = reference()
    else:
        policy = policy_of(content)
        found = compile_quietly(policy)
        assert found is not None
        compilation = found
    return explain(policy, compilation, data.rstrip(b"/") or b"/", directory=data.endswith(b"/"))


class TestReference:
    @pytest.mark.parametrize(
        ("path", "leg", "line", "places"),
        [
            ("/srv/nfs/a", "sda-mirror", "/srv/nfs", ["sda", "synology"]),
            ("/srv/nfs", "sda-mirror", "/srv/nfs", ["sda", "synology"]),
            ("/srv/nfs/immich/x", "synology-direct", "/srv/nfs/immich", ["synology"]),
            ("/srv/nfs/frigate/x", None, "/srv/nfs/frigate", []),
            ("/srv/nfs-ssd/ollama", "synology-direct", "/srv/nfs-ssd", ["synology"]),
            ("nfs:immich/x", "synology-direct", "/srv/nfs/immich", ["synology"]),
            (
                "pvcs:apps/data",
                "lvm-snapshots",
                "pvcs:",
                ["pvcs", "sda", "synology", "sda", "synology"],
            ),
            ("pvcs:dbaas/pg", None, "pvcs:dbaas", []),
            ("/etc/pve/x", "host-config", "from: host", ["sda", "synology"]),
            (
                "postgresql:",
                "postgresql-full",
                "from: postgresql",
                ["nfs", "sda", "synology", "nfs", "sda", "synology"],
            ),
        ],
    )
    def test_paths(self, path: str, leg: str | None, line: str, places: list[str]) -> None:
        told = ask(path)
        assert (told.leg, told.line) == (leg, line)
        assert [copy.place for copy in told.copies] == places
        assert told.reason
        assert told.decided_by is not None
        assert told.decided_by.file == "reference.yaml"

    def test_the_line_that_decides_and_the_next_one(self) -> None:
        told = ask("/srv/nfs/immich/x")
        assert told.decided_by is not None
        text = REFERENCE.read_text().split("\n")[told.decided_by.line - 1]
        assert text.strip().startswith("/srv/nfs/immich:")
        assert told.runner_up is not None
        assert told.runner_up.text == "/srv/nfs"

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("/srv/nfs/frigate/x", "14-day camera ring buffer"),
            ("/srv/nfs/a/.DS_Store", "ignored by '.DS_Store': desktop litter"),
            ("/srv/nfs/@eaDir/x", "ignored by '@eaDir/'"),
            ("/srv/nfs/pvc-data/x", "belongs to"),
            ("/srv/nfs/.policyctl-x", "kept for the engine"),
            ("/srv/nfs/lost+found/x", "kept for the engine or the file system"),
            ("/somewhere", "no source of this policy holds it"),
            ("/mnt/backup/x", "it is a copy"),
            ("/etc/passwd", "no source of this policy holds it"),
            ("nobody:x", "no source of this policy holds it"),
            ("/", "no source"),
        ],
    )
    def test_why_nothing_carries_it(self, path: str, reason: str) -> None:
        told = ask(path)
        assert told.leg is None
        assert reason in told.reason
        assert told.copies == ()

    def test_a_directory_of_an_ignored_file_name_is_carried(self) -> None:
        assert ask("/srv/nfs/a/.DS_Store/").leg == "sda-mirror"
        assert ask("/srv/nfs/a/@eaDir").leg == "sda-mirror"
        assert ask("/srv/nfs/a/@eaDir/").leg is None

    def test_names_are_bytes(self) -> None:
        told = ask(b"/srv/nfs/\xff\n*")
        assert told.leg == "sda-mirror"
        assert told.path == b"/srv/nfs/\xff\n*"
        assert told.copies[0].location.names == (b"\xff\n*",)


class TestWholeSources:
    def content(self, **leg: Any) -> Manifest:
        return manifest(
            sources={"host": {"kind": "files", "paths": ["/etc/pve", "/usr/local/bin/x"]}},
            legs={"mirror": {"kind": "mirror", "from": "host", "to": "disk:/", **leg}},
            routes=None,
        )

    def test_files(self) -> None:
        told = ask("/etc/pve/a", self.content())
        assert told.leg == "mirror"
        assert [str(copy.location) for copy in told.copies] == ["disk:/etc/pve/a"]
        assert ask("/usr/local/bin/x", self.content()).leg == "mirror"
        assert ask("/usr/local/bin/y", self.content()).leg is None

    def test_an_ignored_file_of_a_list(self) -> None:
        content = {**self.content(), "ignore": {"*.swp": "litter"}}
        told = ask("/etc/pve/a.swp", content)
        assert told.leg is None
        assert "litter" in told.reason

    def test_a_tree_that_two_legs_take(self) -> None:
        content = manifest(
            legs={name: {"kind": "mirror", "from": "data", "to": f"disk:/{name}"} for name in "ab"},
            routes=None,
        )
        told = ask("/srv/data/x", content)
        assert [copy.leg for copy in told.copies] == ["a", "b"]
        assert "a and b" in told.reason


class TestSubvolumes:
    BTRFS = manifest(
        sources={
            "data": {
                "kind": "btrfs",
                "path": "/srv/data",
                "subvolumes": "[!x]*",
                "names": {"@home": "people/home"},
            }
        },
        legs={
            "snaps": {"kind": "snapshot", "keep": {"last": 2}},
            "files": {"kind": "versions", "from": "snaps", "to": "disk:/f", "keep": {"last": 2}},
        },
        routes={"data:": "snaps", "data:scratch": {"none": "scratch"}},
    )

    @pytest.mark.parametrize(
        ("path", "leg", "place"),
        [
            ("/srv/data/photos/a/b.jpg", "snaps", ("f", "photos", "*", "a", "b.jpg")),
            ("/srv/data/@home/c", "snaps", ("f", "people", "home", "*", "c")),
            ("/srv/data/photos", "snaps", ("f", "photos", "*")),
            ("data:people/home", "snaps", ("f", "people", "home", "*")),
            ("/srv/data/scratch/x", None, None),
            ("/srv/data/x-files", None, None),
            ("/srv/data/.policyctl-snapshots/photos", None, None),
        ],
    )
    def test_a_path_in_one_is_where_its_items_generations_are(
        self, path: str, leg: str | None, place: tuple[str, ...] | None
    ) -> None:
        found = ask(path, self.BTRFS)
        assert found.leg == leg
        if place is not None:
            copy = found.copies[-1]
            assert copy.dated is not None
            names = [one.decode() for one in copy.location.names]
            assert (*names[: copy.dated], "*", *names[copy.dated :]) == place
