"""`policyctl restore` says that FIFOs and sockets do not come, where no leg copies them."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.e2e.test_cli import Machine
from tests.e2e.test_restore import HOUSE

pytestmark = pytest.mark.tool("rsync")


def machine(folder: Path, text: str = HOUSE) -> Machine:
    found = Machine(folder, text)
    os.mkfifo(found.root / "srv/data/a/queue")
    assert found("apply").code == 0
    assert found("run", "nightly", "offsite").code == 0
    return found


def test_what_no_leg_copies_is_named_beforehand(tmp_path: Path) -> None:
    one = machine(tmp_path)
    done = one("restore", "/srv/data/a")
    assert done.code == 0, done.err
    assert "nightly copies no FIFOs, sockets and device nodes" in done.out
    assert "queue (FIFO); `mkfifo` makes a FIFO again" in done.out
    asked = one("restore", "/srv/data/a/queue")
    assert asked.code == 5
    assert "it is a FIFO, and nightly copies none" in asked.err
    quiet = one("restore", "/srv/data/big")
    assert "FIFO" not in quiet.out, "the live directory has none"
    shutil.rmtree(one.root / "srv/data/a")
    lost = one("restore", "/srv/data/a", "--to", str(tmp_path / "lost"))
    assert lost.code == 0, lost.err
    assert "FIFOs, sockets and device nodes that lay in it do not come: nightly" in lost.out


def test_what_a_leg_copies_comes_back(tmp_path: Path) -> None:
    kept = "preserve: [times, perms, devices]"
    text = HOUSE.replace("deleted: {keep: 14d}", f"deleted: {{keep: 14d}}, {kept}")
    one = machine(tmp_path, text.replace('to: "nas:/lab"', f'to: "nas:/lab", {kept}'))
    done = one("restore", "/srv/data/a")
    assert done.code == 0, done.err
    assert "FIFO" not in done.out
    assert stat.S_ISFIFO((tmp_path / "restored-from-disk/a/queue").lstat().st_mode)
