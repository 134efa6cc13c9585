"""What keeps an orphan: a copy that is the orphan itself, and what came after it was compared."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.system.host.places import Places
from engine.system.orphans.clean_up import NotCleaned, cleaning
from tests.integration.house import House
from tests.integration.lab import HOSTILE, at, write

pytestmark = pytest.mark.tool("rsync")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """`photos` has left the first leg for the second one, which has taken it."""
    house = House(top=tmp_path, host=socket.gethostname(), places=Places(root=tmp_path))
    for name in ("photos/p", "photos/raw/1", "photos/raw/2", "texts/c"):
        write(house.data / name, name)
    for number, raw in enumerate(HOSTILE):
        write(at(house.data, b"photos", b"raw", raw), b"%d" % number)
    house.apply(house.text())
    house.run("nightly")
    house.run("direct")
    house.apply(house.text("photos: direct"))
    house.run("direct")
    house.run("nightly")
    return house


@pytest.fixture
def mounted() -> Iterator[Callable[..., None]]:
    points: list[Path] = []

    def mount(*words: object, at: Path) -> None:
        subprocess.run([*map(str, words), str(at)], check=True)
        points.append(at)

    try:
        yield mount
    finally:
        for point in reversed(points):
            subprocess.run(["umount", str(point)], check=True)


def proven_and_removed(house: House, between: Callable[[], object]) -> None:
    """`gc --verified`, with something that happens after it has compared."""
    assert house.plan is not None
    with cleaning(house.plan, house.places, house.now) as cleaner:
        looked = cleaner.look(house.orphans()["disk:/photos"])
        proof = cleaner.verify(looked)
        between()
        cleaner.remove(looked, house.said.append, proof)


# ── A copy that is the orphan itself ─────────────────────────────────────────────────────────


def test_law_01_one_hard_link_between_the_orphan_and_its_copy_proves_nothing(house: House) -> None:
    name = at(house.data, b"photos", b"raw", HOSTILE[0]).relative_to(house.data)
    copy = house.top / "mnt/big/x" / name
    assert house.verify("disk:/photos") == ""
    copy.unlink()
    copy.hardlink_to(house.disk / name)
    why = house.verify("disk:/photos")
    assert "big:/x is the orphan itself, by another way or a hard link: photos/raw/" in why


@pytest.mark.root
@pytest.mark.tool("mount")
def test_law_01_a_bind_mount_deeper_down_proves_nothing(
    house: House, mounted: Callable[..., None]
) -> None:
    raw = house.top / "mnt/big/x/photos/raw"
    shutil.rmtree(raw)
    raw.mkdir()
    mounted("mount", "--bind", house.disk / "photos/raw", at=raw)
    assert "photos/raw is one and the same in both" in house.verify("disk:/photos")
    assert (house.disk / "photos/raw/1").exists()


@pytest.mark.root
@pytest.mark.tool("bindfs")
def test_law_01_a_share_that_is_mounted_twice_is_one_place(
    tmp_path: Path, mounted: Callable[..., None]
) -> None:
    """As a share of a NAS by two ways: no device and no inode number tells."""
    top, share = tmp_path / "top", tmp_path / "share"
    share.mkdir()
    house = House(
        top=top, host=socket.gethostname(), places=Places(state=tmp_path / "s"), below=str(top)
    )
    for name in ("disk", "big"):
        mounted("bindfs", share, at=top / "mnt" / name)
    write(house.data / "photos/p", b"p")
    write(house.data / "texts/c", b"c")
    text = house.text().replace('"big:/x"', '"big:/"')
    house.apply(text)
    house.run("nightly")
    house.apply(f"{text}  {top}/srv/data/photos: direct\n")
    house.run("direct")
    assert (house.disk / "photos").stat().st_dev != (top / "mnt/big/photos").stat().st_dev
    assert house.verify("disk:/photos") == "big:/ is the orphan itself, by another way"


# ── What came after it was compared ──────────────────────────────────────────────────────────


def test_what_was_compared_and_stays_so_goes(house: House) -> None:
    proven_and_removed(house, lambda: (house.disk / "photos/raw/1").read_bytes())
    assert not (house.disk / "photos").exists()


def _late(photos: Path) -> None:
    (photos / "raw/late").write_bytes(b"only copy")


def _folder(photos: Path) -> None:
    (photos / "empty").mkdir()


def _edited(photos: Path) -> None:
    """In place, with the size and the times of before: only the time of the inode tells."""
    before = (photos / "p").stat()
    (photos / "p").write_bytes(b"P" * before.st_size)
    os.utime(photos / "p", ns=(before.st_atime_ns, before.st_mtime_ns))


def _replaced(photos: Path) -> None:
    (photos / "p").unlink()
    (photos / "p").symlink_to("raw/1")


@pytest.mark.parametrize("change", [_late, _folder, _edited, _replaced])
def test_law_01_what_came_since_it_was_compared_keeps_all_of_it(
    house: House, change: Callable[[Path], None]
) -> None:
    photos = house.disk / "photos"
    with pytest.raises(NotCleaned, match="come or changed since it was compared"):
        proven_and_removed(house, lambda: change(photos))
    assert (photos / "raw/2").exists()
    assert house.orphans().keys() == {"disk:/photos"}
    assert house.tombstones() == ()


# ── What is certainly gone ───────────────────────────────────────────────────────────────────


def _gone(photos: Path) -> None:
    shutil.rmtree(photos)


def _emptied(photos: Path) -> None:
    _gone(photos)
    photos.mkdir()


def _file(photos: Path) -> None:
    _gone(photos)
    photos.write_bytes(b"")


def _link(photos: Path) -> None:
    photos.rename(photos.parent.parent / "elsewhere")
    photos.symlink_to("../elsewhere")


@pytest.mark.parametrize(
    ("change", "absent"), [(_gone, True), (_emptied, False), (_file, False), (_link, False)]
)
def test_gone_is_what_no_name_stands_for(
    house: House, change: Callable[[Path], None], absent: bool
) -> None:
    assert not house.look("disk:/photos").absent
    change(house.disk / "photos")
    assert house.look("disk:/photos").absent == absent


@pytest.mark.parametrize(
    ("change", "absent"), [(_gone, True), (_emptied, True), (_file, False), (_link, False)]
)
def test_gone_is_what_lies_below_directories_that_are_none_elses(
    house: House, change: Callable[[Path], None], absent: bool
) -> None:
    house.apply(house.text())
    house.run("nightly")
    house.apply(house.text("photos/raw: direct", 'photos/*/x: {none: "y"}'))
    assert house.orphans().keys() >= {"disk:/photos/*/x", "disk:/photos/raw"}
    assert house.look("disk:/photos/*/x").absent, "no name matches"
    write(house.disk / "photos/other/x", b"somebody's")
    assert not house.look("disk:/photos/*/x").absent
    change(house.disk / "photos")
    assert house.look("disk:/photos/raw").absent == absent
    assert house.look("disk:/photos/*/x").absent == absent
