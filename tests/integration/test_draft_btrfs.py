"""A draft of a machine with a real btrfs: its subvolumes are told from directories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.check import check_manifest
from engine.draft.manifest import draft
from engine.system.draft.machine import look_at_machine
from engine.system.host.places import Places
from tests.integration.btrfs import do, mounted_btrfs, subvolume

pytestmark = [pytest.mark.root, pytest.mark.tool("mkfs.btrfs", "btrfs", "mount")]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    found = tmp_path / "root"
    (found / "mnt/backup").mkdir(parents=True)
    (found / "etc").mkdir()
    (found / "etc/fstab").write_text("/dev/sdb1 /mnt/backup ext4 defaults 0 0\n")
    with mounted_btrfs(tmp_path, found / "srv/pool"):
        for name in ("photos", "odd [x] *"):
            subvolume(found / "srv/pool" / name)
            (found / "srv/pool" / name / "file").write_text(name)
        do("btrfs", "-q", "subvolume", "snapshot", "-r", found / "srv/pool/photos",
           found / "srv/pool/photos/.snapshots")  # fmt: skip
        (found / "srv/pool/plain").mkdir()
        yield found


def test_subvolumes_are_seen_and_plain_directories_are_none(root: Path) -> None:
    seen = look_at_machine(Places(root=root))
    pool = seen.directory(b"/srv/pool")
    assert pool is not None
    assert pool.subvolumes == (b"odd [x] *", b"photos")
    assert b"plain" in pool.entries


def test_the_draft_keeps_them_and_checks_clean(root: Path) -> None:
    found = draft(look_at_machine(Places(root=root)))
    assert "pool-subvolumes" in found.sources
    report = check_manifest(found.text.encode(), "draft.yaml")
    assert [one for one in report.findings if one.severity.value != "note"] == []
    assert report.compilation is not None
    table = report.compilation.plan.table("srv")
    assert table is not None
    assert [line.text for line in table.lines if line.leg is None] == [
        "/srv/pool/odd [[]x] [*]",
        "/srv/pool/photos",
    ]
