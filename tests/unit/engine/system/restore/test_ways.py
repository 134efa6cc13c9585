"""Directories that only lead to what other legs own."""

from __future__ import annotations

import os
from pathlib import Path

from engine.system.host.descent import opened_root
from engine.system.restore.ways import remove_empty

TOP = (b"tree", b"copies")
WAYS = ((b"fire", b"wall"), (b"fire",), (b"full",), (b"away", b"far"), (b"away",))


def test_only_what_holds_nothing_goes_and_times_stay(tmp_path: Path) -> None:
    top = tmp_path / "tree/copies"
    for name in ("fire/wall", "full/own", "own"):
        (top / name).mkdir(parents=True)
    (top / "away").symlink_to("own")
    (top / "full/file").write_text("of the source")
    os.utime(top, (1, 1))
    with opened_root(os.fsencode(tmp_path)) as root:
        assert remove_empty(root, TOP, WAYS) == 2
    assert sorted(one.name for one in top.iterdir()) == ["away", "full", "own"]
    assert (top / "full/file").read_text() == "of the source"
    assert top.stat().st_mtime == 1
