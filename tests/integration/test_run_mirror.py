"""Full passes of a mirror with the real rsync, below a root of their own."""

import os
import shutil
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from tests.integration.lab import Lab, manifest, only, tree, write

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


def test_types_may_change_in_every_direction(lab: Lab) -> None:
    write(lab.source / "directory/inner/file")
    write(lab.source / "directory/other")
    write(lab.source / "file")
    (lab.source / "link").symlink_to("file")
    write(lab.source / "gone/1")
    assert lab.run().status is RunStatus.OK
    shutil.rmtree(lab.source / "directory")
    shutil.rmtree(lab.source / "gone")
    write(lab.source / "directory", b"a file now")
    (lab.source / "file").unlink()
    write(lab.source / "file/inner")
    (lab.source / "link").unlink()
    write(lab.source / "link/inner")
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert lab.copies() == tree(lab.source)
    assert only(report).deleted == only(report).deletions_wanted == 5


def test_preserved_attributes_arrive(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(lab.source / "one", b"x")
    (lab.source / "two").hardlink_to(lab.source / "one")
    (lab.source / "one").chmod(0o640)
    os.utime(lab.source / "one", (1_000_000_000, 1_000_000_000))
    assert lab.run().status is RunStatus.OK
    one, two = (lab.disk / "one").stat(), (lab.disk / "two").stat()
    assert (one.st_ino, one.st_nlink) == (two.st_ino, 2)
    assert one.st_mode & 0o7777 == 0o640
    assert one.st_mtime == 1_000_000_000


def test_chmod_tightens_old_copies_too(tmp_path: Path) -> None:
    lab = Lab(tmp_path, manifest(", preserve: [times]"))
    write(lab.source / "a/key")
    (lab.source / "a/key").chmod(0o644)
    assert lab.run().status is RunStatus.OK
    assert (lab.disk / "a/key").stat().st_mode & 0o7777 == 0o644
    lab.text = manifest(", preserve: [times], chmod: 'D700,F600'")
    lab.apply()
    assert lab.run().status is RunStatus.OK
    assert (lab.disk / "a/key").stat().st_mode & 0o7777 == 0o600
    assert (lab.disk / "a").stat().st_mode & 0o7777 == 0o700


def test_what_is_deleted_or_overwritten_is_set_aside_and_expires(tmp_path: Path) -> None:
    lab = Lab(tmp_path, manifest(", deleted: {keep: 3d}"))
    write(lab.source / "kept", b"old")
    write(lab.source / "a/gone")
    assert lab.run().status is RunStatus.OK
    write(lab.source / "kept", b"newer")
    shutil.rmtree(lab.source / "a")
    second = lab.run()
    assert second.status is RunStatus.OK, second
    aside = lab.disk / ".policyctl-deleted"
    kept = aside / second.run_id
    assert tree(kept) == {
        b"a": ("directory", b""),
        b"a/gone": ("file", b"content"),
        b"kept": ("file", b"old"),
    }
    assert lab.copies() == tree(lab.source)
    for _ in range(3):
        assert lab.run().status is RunStatus.OK
    assert tree(kept) != {}
    assert lab.run().status is RunStatus.OK
    assert list(aside.iterdir()) == []
    assert lab.copies() == tree(lab.source)


def test_explain_says_the_steps_and_does_nothing(lab: Lab) -> None:
    write(lab.source / "a")
    before = tree(lab.root / "mnt")
    text = lab.explain()
    assert "[fine] data: destination disk: identity: marker:" in text
    assert "data: copy, and count deletions: rsync --recursive --links --times" in text
    assert "--filter=merge " in text
    assert tree(lab.root / "mnt") == before
    assert lab.history() == ()


def test_law_24_below_another_root_no_server_is_asked(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.text = (
        manifest()
        .replace(
            "routes:",
            '  weekly: {kind: dump, from: cache, to: "disk:/cache", keep: {last: 2}, '
            'schedule: "Sat 05:00", timeout: 1h}\nroutes:',
        )
        .replace("legs:", "  cache: {kind: redis, connect: {socket: /run/redis}}\nlegs:")
    )
    lab.apply()
    report = lab.run("weekly")
    assert report.status is RunStatus.REFUSED
    assert report.reason == "cache is a server: below another root none is asked"
    assert lab.history("weekly")[0].status is RunStatus.REFUSED


def test_an_interrupted_file_is_resumed_and_leaves_nothing(lab: Lab) -> None:
    write(lab.source / "sub/file", b"1" * 100_000)
    write(lab.disk / "sub/.policyctl-partial/file", b"1" * 50_000)
    assert lab.run().status is RunStatus.OK
    assert lab.copies() == tree(lab.source)


def test_hooks_come_before_and_after(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = (
        f', before: [{{run: [sh, -c, "echo before >> {log}"], timeout: 5s}}]'
        f', finally: [{{run: [sh, -c, "echo finally >> {log}"], timeout: 5s}}]'
    )
    lab = Lab(tmp_path / "root", manifest(options))
    write(lab.source / "a")
    assert lab.run().status is RunStatus.OK
    assert log.read_text() == "before\nfinally\n"


def test_a_failing_hook_stops_the_run_but_not_what_closes_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = (
        ', before: [{run: [sh, -c, "echo no power >&2; exit 3"], timeout: 5s}]'
        f', finally: [{{run: [sh, -c, "echo finally >> {log}"], timeout: 5s}}]'
    )
    lab = Lab(tmp_path / "root", manifest(options))
    write(lab.source / "a")
    report = lab.run()
    assert report.status is RunStatus.FAILED
    assert report.reason == "the command sh ended with 3: no power"
    assert log.read_text() == "finally\n"
    assert lab.copies() == {}


def test_names_that_were_one_file_are_parted_where_their_content_differs(lab: Lab) -> None:
    """rsync(1), --hard-links; docs/explanation/incremental-passes.md says what follows from it."""
    for name in ("file", "same"):
        write(lab.source / name, b"one")
        (lab.source / f"{name}2").hardlink_to(lab.source / name)
    (lab.source / "link").symlink_to("file")
    os.link(lab.source / "link", lab.source / "link2", follow_symlinks=False)
    assert lab.run().status is RunStatus.OK
    (lab.source / "file2").unlink()
    write(lab.source / "file2", b"two")
    times = (lab.source / "same").stat()
    (lab.source / "same2").unlink()
    write(lab.source / "same2", b"one")
    (lab.source / "same2").chmod(0o600)
    os.utime(lab.source / "same2", ns=(times.st_atime_ns, times.st_mtime_ns))
    (lab.source / "link2").unlink()
    (lab.source / "link2").symlink_to("file")
    assert lab.run().status is RunStatus.OK
    assert (lab.disk / "file").read_bytes() == b"one"
    assert (lab.disk / "file2").read_bytes() == b"two"
    # With equal size and time, or the same target, they stay one; what they hold is right.
    assert (lab.disk / "same").samefile(lab.disk / "same2")
    inodes = {os.lstat(lab.disk / name).st_ino for name in ("link", "link2")}
    assert len(inodes) == 1
    assert (lab.disk / "link2").readlink() == Path("file")
