"""Orphans on another machine, behind a real sshd: with a shell, and with nothing but rrsync."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.system.host.places import Places
from tests.integration.house import House
from tests.integration.lab import HOSTILE, at, tree, write
from tests.integration.sshd import Server, serving

pytestmark = pytest.mark.tool("rsync", "sshd", "ssh-keygen")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "server") as server:
        yield server


def house_with(tmp_path: Path, server: Server, path: str = "") -> House:
    top = tmp_path / "top"
    place = path or f"{top}/mnt/big"
    return House(
        top=top,
        host=socket.gethostname(),
        # Not below another root: there an SSH destination would be a local directory.
        places=Places(state=tmp_path / "state"),
        below=str(top),
        big=f"path: {place}, {server.yaml()}",
    )


def away(house: House) -> Path:
    return house.top / "mnt/big/x"


def moved_home(house: House) -> None:
    """`photos` leaves the other machine for the disk of this one, with hostile names in it."""
    for name in HOSTILE:
        write(at(house.data, b"photos", name, name), b"x")
    write(house.data / "texts/c", b"three")
    house.apply(house.text("photos: direct"))
    house.run("nightly")
    house.run("direct")
    write(away(house) / "stranger/file")
    house.apply(house.text())
    house.run("nightly")


def restricted(server: Server, options: str, directory: Path) -> None:
    """Let the key do nothing but rsync in one directory."""
    keys = server.directory / "authorized_keys"
    keys.write_text(
        f'command="{shutil.which("rrsync")} {options} {directory}",restrict {keys.read_text()}'
    )


def check_removal(house: House) -> None:
    before = tree(away(house))
    house.remove("big:/x/photos")
    gone = before.keys() - tree(away(house)).keys()
    assert gone == {name for name in before if name.split(b"/")[0] == b"photos"}
    assert (away(house) / "stranger/file").exists()


def test_with_a_shell_it_is_listed_verified_and_removed(tmp_path: Path, server: Server) -> None:
    house = house_with(tmp_path, server)
    moved_home(house)
    looked = house.look("big:/x/photos")
    assert (looked.files, looked.size) == (len(HOSTILE), len(HOSTILE))
    assert house.verify("big:/x/photos") == ""
    at(house.disk, b"photos", HOSTILE[0], HOSTILE[0]).write_bytes(b"y")
    assert "disk:/ lacks or differs in" in house.verify("big:/x/photos")
    check_removal(house)


@pytest.mark.tool("rrsync")
@pytest.mark.parametrize("options", ["", "-wo"])
def test_rrsync_alone_is_enough(tmp_path: Path, server: Server, options: str) -> None:
    house = house_with(tmp_path, server, path="/")
    restricted(server, options, house.top / "mnt/big")
    moved_home(house)
    looked = house.look("big:/x/photos")
    assert looked.why_not == ""
    if options:
        assert looked.files is None, "nobody may read there"
        assert "cannot be compared" in house.verify("big:/x/photos")
    else:
        assert looked.files == len(HOSTILE)
        assert house.verify("big:/x/photos") == ""
    check_removal(house)
    stones = house.tombstones()
    assert stones[0].files == (2 * len(HOSTILE) + 1 if options else len(HOSTILE))


def test_a_local_orphan_against_a_copy_over_there(tmp_path: Path, server: Server) -> None:
    house = house_with(tmp_path, server)
    write(house.data / "photos/a", b"1")
    write(house.data / "texts/c", b"three")
    house.apply(house.text())
    house.run("nightly")
    house.apply(house.text("photos: direct"))
    assert "is not there yet" in house.verify("disk:/photos")
    house.run("direct")
    assert house.verify("disk:/photos") == ""
    (away(house) / "photos/a").write_bytes(b"2")
    assert house.verify("disk:/photos") == "big:/x lacks or differs in: photos/a"
    house.remove("disk:/photos")
    assert not (house.disk / "photos").exists()


def test_two_places_over_there_are_compared_over_there(tmp_path: Path, server: Server) -> None:
    house = house_with(tmp_path, server)
    second = '  other: {kind: mirror, to: "big:/z", schedule: "05:00"}\n'
    for name in HOSTILE:
        write(at(house.data, b"photos", name), b"x")
    write(house.data / "texts/c", b"three")
    one = house.text("photos: direct", "texts: other", legs=second)
    house.apply(one)
    house.run("direct")
    house.run("other")
    house.apply(house.text("photos: other", "texts: other", legs=second))
    assert "photos" in house.verify("big:/x/photos")
    house.run("other")
    assert house.verify("big:/x/photos") == ""
    at(house.top / "mnt/big/z/photos", HOSTILE[1]).write_bytes(b"y")
    assert "big:/z lacks or differs in" in house.verify("big:/x/photos")


def test_a_symlink_over_there_leads_nowhere(tmp_path: Path, server: Server) -> None:
    house = house_with(tmp_path, server)
    write(house.data / "photos/a/1", b"one")
    house.apply(house.text("photos: direct"))
    house.run("direct")
    house.apply(house.text("photos: direct", "photos/a: nightly"))
    shutil.move(away(house) / "photos", house.top / "elsewhere")
    (away(house) / "photos").symlink_to(house.top / "elsewhere")
    house.remove("big:/x/photos/a")
    assert (house.top / "elsewhere/a/1").read_bytes() == b"one"


def test_law_01_nothing_is_removed_through_a_symlink(tmp_path: Path, server: Server) -> None:
    house = house_with(tmp_path, server)
    moved_home(house)
    victim = tmp_path / "victim"
    away(house).rename(tmp_path / "was")
    shutil.copytree(tmp_path / "was", victim)
    away(house).symlink_to(victim)
    before = tree(victim)
    looked = house.look("big:/x/photos")
    assert "a symlink is in the place of a directory on the way" in looked.why_not
    assert tree(victim) == before
