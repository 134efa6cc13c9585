"""Dumps on a real exFAT, which takes `Orders` and `orders` for one: neither goes without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import make
from tests.integration.dumping import House
from tests.integration.exfat import NEEDS, exfat
from tests.integration.lab import write
from tests.integration.test_dumps_postgresql import filled, over_tcp, rows
from tests.servers.postgresql import PostgreSQL

pytestmark = [pytest.mark.tool("rsync"), *NEEDS]
KEEPS = "cannot_keep: [perms, owner, hardlinks, acls, xattrs, devices, symlinks]"


class _House(House):
    def text(self) -> str:
        return super().text().replace("media: hdd,", f"media: hdd, {KEEPS},")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with exfat(tmp_path / "image", tmp_path / "disk"):
        yield tmp_path


def vault(folder: Path, *names: str) -> House:
    """A database with companions."""
    make(folder / "data/db.sqlite3")
    for name in names:
        write(folder / "data" / name, name)
    pattern = json.dumps(
        sorted({"Db*" if "Db" in one else "a*" if "att" in one else "*.key" for one in names})
    )
    return _House(folder, f"kind: sqlite, path: {folder}/data/db.sqlite3, with: {pattern}")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("A.key", "a.key", "b.key"), "A.key and a.key"),
        (("Db.SQLITE3",), "Db.SQLITE3 and db.sqlite3"),
        (("attachments/é", "attachments/É"), "attachments/É and attachments/é"),
    ],
)
def test_companions_that_are_one_there_are_told(
    disk: Path, names: tuple[str, ...], told: str
) -> None:
    house = vault(disk, *names)
    for _ in range(2):
        report = house.degraded("what lies beside it: ")
        assert f"{told} would be one there" in report.reason
    assert house.names == ["db.sqlite3"]


def test_companions_that_are_not_lie_there(disk: Path) -> None:
    house = vault(disk, "A.key", "b.key", "attachments/é", "attachments/e")
    house.good()
    assert house.names == ["A.key", "attachments", "b.key", "db.sqlite3"]
    assert [one.name for one in house.generations[-1].glob(".*")] == []


@pytest.mark.tool("pg_dump", "psql")
def test_databases_whose_names_are_one_there_have_a_file_each(
    disk: Path, postgresql: PostgreSQL
) -> None:
    names = ("Orders", "orders", "É", "é")
    filled(postgresql, *names)
    house = _House(disk, over_tcp(postgresql, disk), options={"per": "database"})
    house.good()
    assert len({one.casefold() for one in house.names}) == len(house.names)
    kept = {one.database: one for one in house.record.files if one.database in names}
    assert set(kept) == set(names)
    assert "orders.dump" in house.names
    before = rows(postgresql, *names)
    for name in names:
        postgresql.sql(f'DROP DATABASE "{name}"')
    house.load("shop:")
    assert rows(postgresql, *names) == before
