"""Orphans at later hops: whole sources, and what a hop reads that is nobody's."""

import shutil
import socket
from pathlib import Path

import pytest

from engine.plan.model import Location
from engine.system.host.places import Places
from engine.system.state.state import Stream, open_state, place_text
from tests.integration.house import House
from tests.integration.lab import tree, write

pytestmark = pytest.mark.tool("rsync")

LEGS = """\
  shelf: {{kind: {kind}, from: books, to: "disk:/{place}", schedule: "01:00", timeout: 5m}}
  offsite: {{kind: mirror, from: {reads}, to: "big:/pve", schedule: "05:00", timeout: 5m}}
"""
LAST = '  offsite: {kind: mirror, from: disk, to: "big:/pve", schedule: "05:00", timeout: 5m}\n'


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(top=tmp_path, host=socket.gethostname(), places=Places(root=tmp_path))
    write(house.data / "texts/1", b"one")
    write(tmp_path / "srv/books/docs/a", b"a")
    write(tmp_path / "srv/books/keep", b"b")
    return house


def manifest(house: House, place: str, reads: str = "disk", kind: str = "mirror") -> str:
    """The books lie at that place of the disk; the first leg of the house writes to `n`."""
    books = f"  books: {{kind: tree, path: {house.below}/srv/books}}\n"
    legs = LEGS.format(place=place, reads=reads, kind=kind)
    return moved_down(house.text(legs=legs)).replace("legs:", f"{books}legs:", 1)


def without_books(house: House) -> str:
    return moved_down(house.text(legs=LAST))


def moved_down(text: str) -> str:
    return text.replace('"disk:/", schedule: "02:00"', '"disk:/n", schedule: "02:00"')


def run_all(house: House, *legs: str) -> None:
    for leg in legs:
        house.run(leg)


def test_law_36_the_copy_of_a_whole_source_is_an_orphan_at_the_later_hop_too(house: House) -> None:
    house.apply(manifest(house, "x"))
    run_all(house, "nightly", "shelf", "offsite")
    write(house.top / "mnt/big/pve/foreign", b"somebody's")
    house.apply(without_books(house))
    run_all(house, "nightly", "offsite")
    looked = house.look("big:/pve/x")
    assert (looked.files, looked.size, looked.gone) == (2, 2, False)
    assert looked.scope.paths == ((b"docs",), (b"keep",))
    before = tree(house.top / "mnt")
    assert house.remove("big:/pve/x").files == 2
    gone = before.keys() - tree(house.top / "mnt").keys()
    assert gone == {b"big/pve/x/docs", b"big/pve/x/docs/a", b"big/pve/x/keep"}
    # What comes there next is not the leg's.
    assert house.plan is not None
    with open_state(house.places.state_file) as state:
        text = place_text(house.plan, Location(holder="big", names=(b"pve",)), state)
        assert b"x" not in state.owned(Stream(leg="offsite", source="disk", place=text))


def test_a_whole_source_that_writes_elsewhere_is_verified_at_the_later_hop(house: House) -> None:
    house.apply(manifest(house, "x"))
    run_all(house, "nightly", "shelf", "offsite")
    house.apply(manifest(house, "y"))
    run_all(house, "nightly", "shelf", "offsite")
    assert house.orphans().keys() == {"disk:/x", "big:/pve/x"}
    write(house.top / "mnt/big/pve/x/late", b"only here")
    assert "lacks or differs in: late" in house.verify("big:/pve/x")
    (house.top / "mnt/big/pve/x/late").unlink()
    assert house.verify("big:/pve/x") == ""
    house.remove("big:/pve/x")
    left = tree(house.top / "mnt/big/pve")
    assert {b"y/docs/a", b"y/keep", b"n/texts/1"} <= left.keys()
    assert not any(name.startswith(b"x/") for name in left)


def test_generations_that_have_left_are_an_orphan_at_the_later_hop(house: House) -> None:
    kept = "versions, keep: {last: 9}"
    house.apply(manifest(house, "x", kind=kept))
    run_all(house, "shelf", "shelf", "nightly", "offsite")
    house.apply(without_books(house))
    run_all(house, "nightly", "offsite")
    assert house.look("big:/pve/x").files == 4
    house.remove("big:/pve/x")
    assert list((house.top / "mnt/big/pve/x").iterdir()) == []


def test_law_01_a_copy_inside_another_legs_stays_but_for_what_its_leg_wrote(house: House) -> None:
    """What the outer leg carries there today is not the orphan's, also a hop further."""
    house.apply(manifest(house, "n/inner"))
    run_all(house, "shelf", "nightly", "offsite")
    house.apply(manifest(house, "y"))
    run_all(house, "shelf", "nightly", "offsite")
    assert house.look("big:/pve/n/inner").scope.paths == ((b"docs",), (b"keep",))
    write(house.data / "inner/keep", b"of the outer leg's source")
    run_all(house, "nightly", "offsite")
    assert house.look("big:/pve/n/inner").scope.paths == ((b"docs",),)
    house.remove("big:/pve/n/inner")
    assert (house.top / "mnt/big/pve/n/inner/keep").exists()
    assert not (house.top / "mnt/big/pve/n/inner/docs").exists()


@pytest.mark.parametrize("reads", ["disk", "nightly"])
def test_law_03_what_is_nobodys_where_a_hop_reads_is_not_carried_on(
    house: House, reads: str
) -> None:
    """Whether it reads the destination or the leg that writes there."""
    at = house.top / "mnt/big/pve" / ("n" if reads == "disk" else "")
    house.apply(manifest(house, "n/inner", reads=reads))
    write(house.disk / "n/stranger/precious", b"nobody's")
    write(house.disk / "n/stray", b"nobody's")
    run_all(house, "shelf", "nightly", "offsite")
    assert not (at / "stranger").exists()
    assert not (at / "stray").exists()
    house.apply(manifest(house, "y", reads=reads))
    run_all(house, "shelf", "nightly", "offsite")
    assert (at / "inner").exists() == (reads == "disk"), "as before the leg had left"
    # What an earlier version had carried on stays when it leaves the disk.
    write(at / "inner/docs/a", b"a")
    house.remove("disk:/n/inner")
    shutil.rmtree(house.disk / "n/stranger")
    run_all(house, "nightly", "offsite")
    assert (at / "inner/docs/a").exists()
    assert (at / "texts/1").exists()


@pytest.mark.parametrize("reads", ["disk", "nightly"])
@pytest.mark.parametrize("ignore", ["/junk/", "/texts/[12]"])
def test_law_03_what_an_anchored_ignore_leaves_is_an_orphan_at_each_hop(
    house: House, reads: str, ignore: str
) -> None:
    """What `gc` removes at the disk does not go at the next hop by itself, nor comes there anew."""
    write(house.data / "junk/1", b"heap")
    write(house.data / "deep/junk/2", b"another's")
    hop = LAST.replace("from: disk", f"from: {reads}")
    house.apply(house.text(legs=hop))
    run_all(house, "nightly", "offsite")
    house.apply(house.text(legs=hop) + f'ignore:\n  "{ignore}": rebuilt\n')
    name, file = ignore.strip("/"), "junk/1" if "junk" in ignore else "texts/1"
    assert house.orphans().keys() == {f"disk:/{name}", f"big:/pve/{name}"}
    run_all(house, "nightly", "offsite")
    assert (house.disk / file).exists()
    house.remove(f"disk:/{name}")
    assert not (house.disk / file).exists()
    write(house.disk / file, b"somebody's")
    run_all(house, "nightly", "offsite")
    onward = house.top / "mnt/big/pve"
    assert (onward / file).read_bytes() != b"somebody's"
    assert (onward / "deep/junk/2").exists()
    assert house.remove(f"big:/pve/{name}").files == 1
    assert not (onward / file).exists()
    (house.disk / file).unlink()
    # Without the ignore all of it comes again, and is nobody's orphan.
    house.apply(house.text(legs=hop))
    run_all(house, "nightly", "offsite")
    assert (onward / file).exists()
    assert house.orphans() == {}
