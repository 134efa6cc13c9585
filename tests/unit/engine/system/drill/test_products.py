"""Products asked whether they are sound."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.drill.products import Product
from engine.system.drill.products import product_at, unsound


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def database(path: Path, *, ahead: bool = False) -> None:
    """A database; with `ahead` its last commits wait in its log, as under a running program."""
    live = path.with_name("live")
    with closing(sqlite3.connect(live)) as connection:
        if ahead:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
        connection.executemany("INSERT INTO t VALUES (?)", [("row" * 500,)] * 20)
        connection.commit()
        shutil.copy(live, path)
        if ahead:
            shutil.copy(live.with_name("live-wal"), path.with_name(path.name + "-wal"))


def asked(folder: int, name: bytes) -> str:
    product, size = product_at(folder, name)
    assert product is Product.SQLITE
    return unsound(product, folder, name, size)


def test_a_database_is_sound(tmp_path: Path, folder: int) -> None:
    database(tmp_path / "odd ?name#%")
    assert asked(folder, b"odd ?name#%") == ""
    assert not (tmp_path / "odd ?name#%-shm").exists(), "nothing is made beside it"


def test_what_waits_beside_it_belongs_to_it(tmp_path: Path, folder: int) -> None:
    database(tmp_path / "app", ahead=True)
    assert asked(folder, b"app") == ""
    with closing(sqlite3.connect(tmp_path / "app")) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (20,)


def test_a_damaged_page_is_told(tmp_path: Path, folder: int) -> None:
    database(tmp_path / "app")
    with (tmp_path / "app").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    assert asked(folder, b"app").startswith("SQLite finds it damaged: ")


def test_one_that_is_cut_off_is_told(tmp_path: Path, folder: int) -> None:
    database(tmp_path / "app")
    os.truncate(tmp_path / "app", 8192)
    assert asked(folder, b"app").startswith("SQLite finds it damaged: ")


def test_any_other_file_is_none(tmp_path: Path, folder: int) -> None:
    (tmp_path / "file").write_text("hello")
    assert product_at(folder, b"file") == (None, 5)
