"""Databases whose writer is killed at any moment: the copy is what SQLite itself recovers."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.sqlite.copies import CopyRules, CopyStatus
from engine.system.host.descent import opened_root
from engine.system.sqlite.copies import copy_databases
from tests.databases import make_killed, rows


@pytest.mark.parametrize("synchronous", ["OFF", "FULL"])
@pytest.mark.parametrize("mode", ["WAL", "DELETE", "PERSIST", "TRUNCATE"])
def test_law_18_the_copy_holds_what_was_committed(
    tmp_path: Path, mode: str, synchronous: str
) -> None:
    settings = (f"journal_mode = {mode}", f"synchronous = {synchronous}", "cache_size = 5")
    seconds = random.uniform(0.01, 0.4)
    path = make_killed(tmp_path / "src/x.db", seconds, *settings, "wal_autocheckpoint = 50")
    shutil.copytree(path.parent, tmp_path / "judge")
    (tmp_path / "target").mkdir()
    with (
        opened_root(os.fsencode(path.parent)) as root,
        opened_root(os.fsencode(tmp_path / "target")) as target,
    ):
        (copy,) = copy_databases(root, target, CopyRules(frozen=True, each=60, all=60))
    assert (copy.status, copy.reason) == (CopyStatus.OK, "")
    found = rows(tmp_path / "target/x.db")
    with closing(sqlite3.connect(tmp_path / "judge/x.db")) as connection:
        assert found == connection.execute("SELECT * FROM t").fetchall()
    sides = [row[1] for row in found]
    assert sides.count(1) == sides.count(2)
