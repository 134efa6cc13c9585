"""`verify` of dumps: what a disk has lost since is seen, without asking any server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.system.verify.compare import verify_leg
from engine.system.verify.reading import Asked
from engine.verify.comparison import Difference
from engine.verify.verdict import Verified
from tests.databases import make
from tests.integration.dumping import House
from tests.integration.lab import write

pytestmark = pytest.mark.tool("rsync")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A database with companions, one of them in a folder and of an odd name."""
    data = tmp_path / "data"
    make(data / "db.sqlite3")
    write(data / "key.pem", "key")
    write(data / "attachments/a/new\nline", "attached")
    return House(tmp_path, f"kind: sqlite, path: {data}/db.sqlite3, with: [key.pem, attachments]")


def verified(house: House) -> Verified:
    plan = house.plan()
    leg = plan.leg("dump")
    assert leg is not None
    asked = Asked(most=None, seed=0, within=None, dated={}, known={})
    (found,) = verify_leg(
        plan, leg, asked, places=house.places, clock=lambda: house.now, say=lambda _: None
    )
    return found


def differing(house: House) -> dict[bytes, Difference]:
    return {one.path: one.difference for one in verified(house).found}


def test_all_of_the_newest_is_read(tmp_path: Path, house: House) -> None:
    house.good()
    newest = house.good()
    shutil.rmtree(tmp_path / "data")  # what it was made of is not asked
    found = verified(house)
    assert (found.refused, found.sound, found.generation) == ("", True, newest.name)
    assert (found.compared, found.files) == (3, 3)
    assert found.bytes > 3


@pytest.mark.parametrize("name", ["db.sqlite3", "key.pem", "attachments/a/new\nline"])
def test_law_18_what_a_disk_has_lost_is_seen(house: House, name: str) -> None:
    file = house.good() / name
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert differing(house) == {name.encode(): Difference.CORRUPT}
    file.unlink()
    assert differing(house) == {name.encode(): Difference.MISSING}
    house.good()
    assert differing(house) == {}


def test_without_its_record_nothing_is_compared(house: House) -> None:
    assert "no dump of it is there" in verified(house).refused
    (house.good() / "contents.json").write_text("{")
    assert "its record cannot be read" in verified(house).refused


def test_a_list_that_is_another_one_is_no_judge(house: House) -> None:
    sums = house.good() / "contents.sha256"
    sums.write_text(sums.read_text().replace("a", "b"))
    assert differing(house) == {b"contents.sha256": Difference.CORRUPT}


def test_law_41_no_symlink_leads_out_of_a_dump(tmp_path: Path, house: House) -> None:
    made = house.good()
    (tmp_path / "elsewhere").write_text("key")
    (made / "key.pem").unlink()
    (made / "key.pem").symlink_to(tmp_path / "elsewhere")
    assert differing(house) == {b"key.pem": Difference.MISSING}
