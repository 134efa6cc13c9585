"""`policyctl restore` where little room is left: refused beforehand; and files with holes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli import Machine
from tests.e2e.test_restore import HOUSE
from tests.integration.mounts import MountNamespace, mount_namespace

pytestmark = pytest.mark.tool("rsync")
MIB = 1 << 20


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, HOUSE)
    (found.root / "srv/data/a/film").write_bytes(os.urandom(3 * MIB))
    assert found("apply").code == 0
    assert found("run", "nightly", "offsite").code == 0
    return found


@pytest.fixture
def small(machine: Machine) -> Iterator[MountNamespace]:
    """Where the folder `small` has two mebibytes."""
    folder = machine.folder / "small"
    folder.mkdir()
    with mount_namespace() as there:
        there("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder)
        yield there


def restore(machine: Machine, there: MountNamespace, *words: str) -> tuple[int, str, str]:
    return there.policyctl("restore", "--root", machine.root, *words)


@pytest.mark.root
@pytest.mark.tool("unshare", "nsenter", "mount")
@pytest.mark.parametrize("place", ["disk", "nas"])
@pytest.mark.parametrize("path", ["/srv/data/a", "/srv/data/a/film"])
def test_what_will_not_fit_is_refused_before_anything_is_written(
    machine: Machine, small: MountNamespace, path: str, place: str
) -> None:
    folder = machine.folder / "small"
    code, out, err = restore(machine, small, path, "--from", place, "--to", f"{folder}/new")
    assert code == 5
    assert "room      not enough: 3.0 MiB are to come, and 2.0 MiB are free" in out
    assert "nothing was written. Name a folder on another file system with --to DIR" in err
    assert (", or restore a part of it" in err) is (path == "/srv/data/a")
    assert not list(small.seen(folder).iterdir())
    code, _, err = restore(machine, small, "/srv/data/a/file", "--to", f"{folder}/new")
    assert code == 0, err
    tried = f"{folder}/tried"
    code, _, err = restore(machine, small, path, "--to", tried, "--ignore-room")
    assert code == 5
    assert "No space left on device" in err


@pytest.mark.root
@pytest.mark.tool("unshare", "nsenter", "mount")
def test_in_its_place_nothing_is_typed_before_that_is_known(
    machine: Machine, small: MountNamespace
) -> None:
    live = machine.root / "srv/data"
    small("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", live)
    small.seen(live / "a").mkdir()
    code, _, err = restore(machine, small, "/srv/data/a", "--in-place", "--yes", "a")
    assert code == 5
    assert "another file system with --to DIR, without --in-place" in err
    assert os.listdir(small.seen(live)) == ["a"]  # noqa: PTH208 - names


def test_programs_read_it(machine: Machine) -> None:
    done = machine("restore", "/srv/data/a/film", "--explain", "--json")
    assert done.code == 0, done.err
    room = done.json["room"]
    assert (room["needed_bytes"], room["enough"]) == (3 * MIB, True)
    assert room["free_bytes"] > 3 * MIB


def test_a_file_with_holes_has_holes_again(machine: Machine) -> None:
    image = machine.root / "srv/data/a/image"
    with image.open("wb") as file:
        file.truncate(64 * MIB)
        file.seek(32 * MIB)
        file.write(os.urandom(MIB))
    assert machine("run", "nightly").code == 0
    copied = machine.root / "mnt/disk/data/a/image"
    assert copied.stat().st_blocks * 512 >= 64 * MIB, "else this shows nothing"
    done = machine("restore", "/srv/data/a/image")
    assert done.code == 0, done.err
    came = machine.folder / "restored-from-disk/image"
    assert came.read_bytes() == image.read_bytes()
    assert came.stat().st_size == 64 * MIB
    assert came.stat().st_blocks * 512 < 3 * MIB
