"""Names that meet on a real exFAT, which takes `A` and `a` for one."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from engine.system.host.places import Places
from tests.integration.lab import Lab, manifest, write

TOOLS = ("mkfs.exfat", "mount.exfat-fuse", "losetup")

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"

pytestmark = [
    pytest.mark.tool("rsync"),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file needs root"),
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="the kernel has no FUSE"),
    pytest.mark.skipif(
        any(shutil.which(one, path=PATH) is None for one in TOOLS),
        reason=f"needs {', '.join(TOOLS)}: tools/setup test",
    ),
]
KEEPS = "cannot_keep: [perms, owner, hardlinks, acls, xattrs, devices, symlinks]"


class _OnExfat(Lab):
    """A machine whose disk is there already."""

    def __post_init__(self) -> None:
        self.places = Places(root=self.root)
        self.source.mkdir(parents=True)
        self.apply()


def do(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    for _ in range(50 * (argv[0] == "losetup")):
        if done.returncode == 0:
            break
        time.sleep(0.1)  # somebody else was given the one that was free
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0 and argv[0] == "losetup":
        pytest.skip(f"no loop device is free: {done.stderr}")
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout.strip()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    image, disk = tmp_path / "image", tmp_path / "root/mnt/disk"
    with image.open("wb") as file:
        file.truncate(64 * 2**20)
    do("mkfs.exfat", image)
    disk.mkdir(parents=True)
    device = do("losetup", "--find", "--show", image)
    try:
        do("mount.exfat-fuse", device, disk)
        text = manifest().replace("media: hdd,", f"media: hdd, {KEEPS},")
        yield _OnExfat(tmp_path / "root", text)
    finally:
        subprocess.run(["umount", disk], capture_output=True, check=False)
        subprocess.run(["losetup", "-d", device], capture_output=True, check=False)


def test_names_that_are_one_there_are_refused_by_name(lab: Lab) -> None:
    write(lab.source / "photos/IMG_1.jpg", "upper")
    write(lab.source / "photos/img_1.JPG", "lower")
    write(lab.source / "photos/other", "content")
    refused = lab.run()
    assert refused.status is RunStatus.REFUSED
    (row,) = [one for one in refused.findings if one.looked_at.startswith("names at")]
    assert "photos/IMG_1.jpg and photos/img_1.JPG are one there" in row.found
    assert "--allow one-name" in row.found
    assert lab.copies() == {}
    # Nothing of the question is left, and it is asked once.
    assert [one.name for one in lab.disk.iterdir() if "probe" in one.name] == []
    assert "are one there" in lab.explain()


def test_whoever_allows_it_has_one_of_them(lab: Lab) -> None:
    write(lab.source / "A", "one")
    write(lab.source / "a", "two")
    allowed = lab.run("nightly", Waiver.ONE_NAME)
    assert allowed.status.succeeded, allowed
    assert len(lab.copies()) == 1


def test_where_no_two_names_meet_the_run_goes_on(lab: Lab) -> None:
    write(lab.source / "photos/one", "1")
    write(lab.source / "Photos2/one", "2")
    assert lab.run().status.succeeded
    # What a later change brings is seen as well; what the leg does not take is not asked about.
    write(lab.source / "PHOTOS/three", "3")
    assert lab.run().status is RunStatus.REFUSED
    (lab.source / "PHOTOS/three").unlink()
    (lab.source / "PHOTOS").rmdir()
    write(lab.source / ".policyctl-X/a", "reserved")
    write(lab.source / ".policyctl-x/a", "reserved")
    assert lab.run().status.succeeded
