"""Full passes of a mirror with the real rsync, below a root of their own."""

from pathlib import Path

import pytest

from engine.reports import RunStatus
from tests.integration.lab import Lab, only, tree, write

pytestmark = pytest.mark.tool("rsync")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_first_pass_copies_everything(lab: Lab) -> None:
    write(lab.source / "photos/one.jpg", b"1" * 1000)
    (lab.source / "empty").mkdir()
    (lab.source / "link").symlink_to("photos/one.jpg")
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert lab.copies() == tree(lab.source)
    assert only(report).files == 1
    assert only(report).bytes_sent == 1000
    assert only(report).deleted == 0
    success = lab.last_success()
    assert success is not None
    assert (success.run_id, success.files, success.bytes_sent) == (report.run_id, 1, 1000)


def test_what_left_the_source_leaves_the_copies(lab: Lab) -> None:
    for name in ("a/1", "a/b/2", "a/b/3", "c/4", "top"):
        write(lab.source / name)
    assert lab.run().status is RunStatus.OK
    (lab.source / "top").unlink()
    (lab.source / "a/b").rename(lab.source / "d")
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert lab.copies() == tree(lab.source)
    assert (only(report).deletions_wanted, only(report).deleted) == (4, 4)
    assert lab.run().feeds[0].deletions_wanted == 0
