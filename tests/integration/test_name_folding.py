"""Names that meet on a real exFAT, which takes `A` and `a` for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from engine.system.host.places import Places
from tests.integration.exfat import NEEDS, exfat
from tests.integration.lab import Lab, manifest, write

pytestmark = [pytest.mark.tool("rsync"), *NEEDS]
KEEPS = "cannot_keep: [perms, owner, hardlinks, acls, xattrs, devices, symlinks]"


class _OnExfat(Lab):
    """A machine whose disk is there already."""

    def __post_init__(self) -> None:
        self.places = Places(root=self.root)
        self.source.mkdir(parents=True)
        self.apply()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with exfat(tmp_path / "image", tmp_path / "root/mnt/disk"):
        text = manifest().replace("media: hdd,", f"media: hdd, {KEEPS},")
        yield _OnExfat(tmp_path / "root", text)


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
