"""`snapshot`, `versions` and `sqlite` legs on a real btrfs."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest

from engine.generations.names import name_of
from engine.orphans.orphans import orphans_between
from engine.records.reports import FeedReport, RunReport, RunStatus, Verdict
from engine.runs.observation import Waiver
from engine.system.items import btrfs, subvolume_snapshots, subvolumes
from engine.system.orphans.clean_up import cleaning
from engine.system.passes.execute import Executor
from engine.system.passes.item_runs import ItemRuns
from engine.system.state.renames import follow_renames
from engine.system.state.state import open_state
from tests.integration.btrfs import Machine, do, mounted_btrfs, subvolume, text
from tests.integration.killing import before_step, die, killed
from tests.integration.lab import HOSTILE, at, tree, write

pytestmark = [pytest.mark.tool("btrfs", "mkfs.btrfs", "losetup", "rsync"), pytest.mark.root]


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Machine]:
    with mounted_btrfs(tmp_path, tmp_path / "srv/pool"):
        yield Machine(tmp_path)


def item(report: RunReport, name: str = "photos") -> FeedReport:
    return next(one for one in report.feeds if one.feed == name)


def statuses(report: RunReport) -> dict[str, RunStatus]:
    return {one.feed: one.status for one in report.feeds}


def notes(report: RunReport) -> str:
    noted = (one for one in report.findings if one.verdict is Verdict.NOTED)
    return "\n".join(f"{one.feed}: {one.found}" for one in noted)


def restore(pool: Machine, name: str = "photos") -> None:
    """Put the newest snapshot in the place of its subvolume, as a rollback does."""
    newest = pool.kept / name / pool.snapshots()[-1]
    (pool.pool / name).rename(pool.pool / "scratch" / "before")
    do("btrfs", "-q", "subvolume", "snapshot", newest, pool.pool / name)


# ── Taken and removed ────────────────────────────────────────────────────────────────────────


def test_snapshots_are_of_what_is_routed_and_keep_says_which_stay(pool: Machine) -> None:
    taken = []
    for number in range(4):
        write(pool.pool / "photos/file", f"{number}")
        report = pool.run("snaps")
        assert report.status is RunStatus.OK, report
        assert statuses(report) == {"apps": RunStatus.OK, "photos": RunStatus.OK}
        taken.append(f"{name_of(pool.now).decode()}.snaps")
    assert pool.snapshots() == taken[-2:]
    read = [(pool.kept / "photos" / one / "file").read_text() for one in taken[-2:]]
    assert read == ["2", "3"]
    assert not pool.snapshots(b"scratch")
    assert not pool.snapshots(b"plain")
    # What once was private stays so, and nothing in a snapshot can be changed.
    assert pool.kept.stat().st_mode & 0o777 == 0o700
    with pytest.raises(OSError, match="Read-only"):
        write(pool.kept / "photos" / taken[-1] / "file")


def test_law_34_names_are_bytes(pool: Machine) -> None:
    for name in HOSTILE:
        subvolume(os.fsencode(pool.pool) + b"/" + name)
        write(at(pool.pool, name, name), name)
    for _ in range(3):
        report = pool.run("snaps")
        assert report.status is RunStatus.OK, report
    assert len(report.feeds) == len(HOSTILE) + 2
    report = pool.run("files")
    assert report.status is RunStatus.OK, report
    for name in HOSTILE:
        assert len(pool.snapshots(name)) == 2
        (generation,) = at(pool.disk, b"files", name).iterdir()
        assert at(generation, name).read_bytes() == name


def test_a_name_that_speaks_like_the_tool_says_nothing(pool: Machine) -> None:
    """`btrfs subvolume show` prints names as they are: a line of one could lie."""
    name = b"x\n\tFlags: \t\t\treadonly\n\tParent UUID: \t\t0"
    subvolume(os.fsencode(pool.pool) + b"/" + name)
    report = pool.run("snaps")
    assert report.status is RunStatus.OK, report
    assert len(pool.snapshots(name)) == 1


def test_law_16_generations_of_items_are_orphans_once_no_run_sees_to_them(pool: Machine) -> None:
    """Each has a directory of its own, whose name is bytes."""
    odd = HOSTILE[0]
    subvolume(os.fsencode(pool.pool) + b"/" + odd)
    write(at(pool.pool, odd, odd))
    for leg in ("snaps", "files"):
        pool.run(leg)
    before = pool.plan
    pool.restart(text().replace("disk:/files", "disk:/new") + '  "data:apps": {none: "heaps"}\n')
    with open_state(pool.places.state_file) as state:
        state.orphans.note(orphans_between(before, pool.plan), pool.now)
    follow_renames(pool.plan, pool.places)
    with cleaning(pool.plan, pool.places, pool.now) as cleaner:
        found = {str(one.orphan.place): cleaner.look(one) for one in cleaner.state.orphans.all()}
        assert {name: one.files for name, one in found.items()} == {
            "disk:/dbs/apps": 0,
            "disk:/files": 3,
            "disk:/files/apps": 1,
        }
        with cleaner.holding("disk"):
            cleaner.remove(found["disk:/files/apps"], lambda _: None)
        folders = {at(pool.disk, b"files", name) for name in (b"photos", odd, b"apps")}
        assert sum(len(list(one.iterdir())) for one in folders) == 2
        with cleaner.holding("disk"):
            cleaner.remove(cleaner.look(found["disk:/files"].record), lambda _: None)
        assert not any(list(one.iterdir()) for one in folders)


def test_an_item_has_the_address_that_the_manifest_gives(pool: Machine) -> None:
    pool.restart(text(source=', names: {"photos": "media/pictures"}'))
    pool.run("snaps")
    report = pool.run("files")
    assert set(statuses(report)) == {"apps", "media/pictures"}
    assert len(pool.generations("media/pictures")) == 1
    assert len(pool.snapshots(b"photos")) == 1


# ── What is not ours ─────────────────────────────────────────────────────────────────────────


def strays_after(pool: Machine, change: Callable[[Machine], object]) -> tuple[list[str], RunReport]:
    """Snapshots of before a change, all of which must outlive the runs after it."""
    pool.run("snaps")
    pool.run("snaps")
    before = pool.snapshots()
    change(pool)
    for _ in range(4):
        report = pool.run("snaps", Waiver.SMALLER_SOURCE)
    assert set(before) <= set(pool.snapshots())
    return before, report


def test_of_a_subvolume_that_is_gone_they_may_be_the_last_copy(pool: Machine) -> None:
    _, report = strays_after(
        pool, lambda one: do("btrfs", "-q", "subvolume", "delete", one.pool / "photos")
    )
    assert "may be the last copy" in notes(report)
    assert statuses(report) == {"apps": RunStatus.OK}


def test_after_a_rollback_the_older_ones_belong_to_another_history(pool: Machine) -> None:
    before, report = strays_after(pool, restore)
    assert "taken of another subvolume" in notes(report)
    # Its own are kept and pruned beside them.
    assert len(pool.snapshots()) == len(before) + 2
    report = pool.run("files")
    assert item(report).status is RunStatus.OK


def test_one_of_the_same_name_that_took_its_place_is_another(pool: Machine) -> None:
    def replace_it(one: Machine) -> None:
        do("btrfs", "-q", "subvolume", "delete", one.pool / "photos")
        subvolume(one.pool / "photos")

    strays_after(pool, replace_it)


def test_one_that_was_made_writable_is_nobodys(pool: Machine) -> None:
    def open_up(one: Machine) -> None:
        for name in one.snapshots():
            do(
                "btrfs",
                "property",
                "set",
                "-f",
                "-t",
                "s",
                one.kept / "photos" / name,
                "ro",
                "false",
            )

    _, report = strays_after(pool, open_up)
    assert "not read-only" in notes(report)


def test_what_others_put_there_stays(pool: Machine) -> None:
    pool.run("snaps")
    folder = pool.kept / "photos"
    (folder / "2020-01-01T00-00-00Z.snaps").mkdir()
    do("btrfs", "-q", "subvolume", "snapshot", "-r", pool.pool / "photos", folder / "mine")
    write(folder / "2020-01-02T00-00-00Z.snaps")
    write(pool.kept / "file")
    for _ in range(3):
        report = pool.run("snaps")
        assert report.status is RunStatus.OK, report
    said = notes(report)
    planted = ("2020-01-01T00-00-00Z.snaps", "2020-01-02T00-00-00Z.snaps", "mine")
    assert f"photos: {', '.join(planted)} stay: not made by a leg" in said
    assert ".policyctl-snapshots/file stays: not made by a leg" in said
    assert len(pool.snapshots()) == 3 + 2


def test_a_snapshot_that_somebody_took_beside_it_is_no_item(pool: Machine) -> None:
    theirs = pool.pool / "photos-theirs"
    do("btrfs", "-q", "subvolume", "snapshot", "-r", pool.pool / "photos", theirs)
    report = pool.run("snaps")
    assert "photos-theirs: it is a snapshot that somebody else took" in notes(report)
    assert "photos-theirs" not in statuses(report)


def test_what_another_leg_took_is_its_own(pool: Machine) -> None:
    pool.run("snaps")
    other = pool.kept / "photos/2020-01-01T00-00-00Z.weekly"
    do("btrfs", "-q", "subvolume", "snapshot", "-r", pool.pool / "photos", other)
    for _ in range(3):
        report = pool.run("snaps")
    assert other.is_dir()
    assert "1 snapshot stays: there is no leg weekly any more" in notes(report)
    assert len(pool.snapshots()) == 3


def test_a_renamed_leg_keeps_its_snapshots(pool: Machine) -> None:
    pool.run("snaps")
    pool.run("snaps")
    before = pool.snapshots()
    pool.restart(renamed_leg())
    # Also to read, before it has run under its new name.
    assert item(pool.run("files")).status is RunStatus.OK
    report = pool.run("hourly")
    assert report.status is RunStatus.OK, report
    assert pool.snapshots() == [
        before[1].replace("snaps", "hourly"),
        f"{name_of(pool.now).decode()}.hourly",
    ]


def renamed_leg() -> str:
    renamed = text(snaps=", was: snaps").replace("snaps: {", "hourly: {")
    return renamed.replace("from: snaps", "from: hourly").replace('": snaps', '": hourly')


def test_a_name_that_an_older_leg_has_left_stops_no_renamed_one(pool: Machine) -> None:
    pool.run("snaps")
    (before,) = pool.snapshots()
    left = pool.kept / "photos" / before.replace("snaps", "hourly")
    do("btrfs", "-q", "subvolume", "snapshot", "-r", pool.pool / "photos", left)
    pool.restart(renamed_leg())
    assert pool.run("hourly").status is RunStatus.OK
    assert {before, left.name} < set(pool.snapshots())


def test_law_24_on_another_btrfs_nothing_is_renamed(pool: Machine, tmp_path: Path) -> None:
    pool.restart(renamed_leg())
    do("umount", "--lazy", pool.pool)
    with mounted_btrfs(tmp_path, pool.pool, name="other"):
        subvolume(pool.pool / "photos")
        theirs = pool.kept / "photos/2020-01-01T00-00-00Z.snaps"
        theirs.parent.mkdir(parents=True)
        do("btrfs", "-q", "subvolume", "snapshot", "-r", pool.pool / "photos", theirs)
        assert pool.run("hourly").status is RunStatus.REFUSED
        assert theirs.is_dir()
    assert pool.run("hourly").status is RunStatus.REFUSED  # where nothing is mounted, too


# ── What nobody would miss ───────────────────────────────────────────────────────────────────


def test_subvolumes_inside_one_are_told_since_no_snapshot_holds_them(pool: Machine) -> None:
    subvolume(pool.pool / "photos/inner")
    (pool.pool / "photos/a/b").mkdir(parents=True)
    subvolume(pool.pool / "photos/a/b/deep")
    write(pool.pool / "photos/inner/lost")
    for leg in ("snaps", "files"):
        said = notes(pool.run(leg))
        assert "photos: a/b/deep, inner in it are subvolumes" in said
    (generation,) = pool.generations()
    assert not (generation / "inner/lost").exists()


@pytest.mark.parametrize("count", [4, 300])
def test_however_many_they_are(pool: Machine, count: int) -> None:
    for number in range(count):
        subvolume(pool.pool / f"photos/{number:03}")
    said = notes(pool.run("snaps"))
    assert f"and {count - 3} more" in said


# ── Is it the right file system? ─────────────────────────────────────────────────────────────


def test_law_11_where_nothing_is_mounted_nothing_is_taken_or_removed(pool: Machine) -> None:
    pool.run("snaps")
    do("umount", "--lazy", pool.pool)
    for leg in ("snaps", "files"):
        report = pool.run(leg)
        assert report.status is RunStatus.REFUSED
        assert "lies on no btrfs: is it mounted?" in report.reason
    assert list(pool.pool.iterdir()) == []


def test_law_24_another_btrfs_at_the_same_place_is_refused(pool: Machine, tmp_path: Path) -> None:
    pool.run("snaps")
    do("umount", "--lazy", pool.pool)
    with mounted_btrfs(tmp_path, pool.pool, name="other"):
        subvolume(pool.pool / "photos")
        report = pool.run("snaps")
        assert report.status is RunStatus.REFUSED
        assert "--new-disk data" in report.reason
        assert not pool.kept.exists()


def test_its_identity_is_recorded_at_apply_and_stays(pool: Machine) -> None:
    (first,) = (one for one in pool.recorded if one.destination == "data")
    assert (first.what, first.recorded) == ("source", True)
    do("umount", "--lazy", pool.pool)
    pool.apply()
    (second,) = (one for one in pool.recorded if one.destination == "data")
    assert second.recorded
    assert "stays on record" in second.sentence


def test_what_was_never_recorded_is_refused(tmp_path: Path) -> None:
    with mounted_btrfs(tmp_path, tmp_path / "srv/pool"):
        pool = Machine(tmp_path)
        shutil.rmtree(pool.places.state_dir)
        report = pool.run("snaps")
        assert report.status is RunStatus.REFUSED
        assert "none was recorded" in report.reason


def test_law_11_many_subvolumes_that_are_gone_stop_it(pool: Machine) -> None:
    for number in range(20):
        subvolume(pool.pool / f"more{number}")
    pool.run("snaps")
    for number in range(20):
        do("btrfs", "-q", "subvolume", "delete", pool.pool / f"more{number}")
    report = pool.run("snaps")
    assert report.status is RunStatus.REFUSED
    assert "22 at the last success" in report.reason


def test_it_may_be_a_subvolume_that_is_mounted_by_itself(tmp_path: Path) -> None:
    """As installers do: the root of the file system is mounted nowhere."""
    with mounted_btrfs(tmp_path, tmp_path / "whole"):
        subvolume(tmp_path / "whole/@pool")
        image = tmp_path / "image"
        with mounted_btrfs(tmp_path, tmp_path / "srv/pool", options=",subvol=@pool"):
            assert image.exists()
            do("umount", "--lazy", tmp_path / "whole")
            pool = Machine(tmp_path)
            for _ in range(3):
                assert pool.run("snaps").status is RunStatus.OK
            assert len(pool.snapshots()) == 2
            assert pool.run("files").status is RunStatus.OK


def test_what_is_mounted_in_it_is_another_file_system_or_is_a_subvolume(
    pool: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subvolume(pool.pool / "scratch/inner")
    for name in ("server", "other", "inner"):
        (pool.pool / name).mkdir()
    entered = []
    real = btrfs.inside

    def noting(parent: int, name: bytes) -> AbstractContextManager[int]:
        entered.append(name)
        return real(parent, name)

    monkeypatch.setattr(subvolumes, "inside", noting)
    with ExitStack() as mounts:
        do("mount", "-t", "tmpfs", "none", pool.pool / "server")
        mounts.callback(do, "umount", pool.pool / "server")
        mounts.enter_context(mounted_btrfs(tmp_path, pool.pool / "other", name="other"))
        do("mount", "--bind", pool.pool / "scratch/inner", pool.pool / "inner")
        mounts.callback(do, "umount", pool.pool / "inner")
        assert set(statuses(pool.run("snaps"))) == {"apps", "inner", "photos"}
    assert b"photos" in entered
    assert b"server" not in entered  # of a server that does not answer it would wait for ever


# ── Room ─────────────────────────────────────────────────────────────────────────────────────


def fill(folder: Path) -> None:
    with (folder / "big").open("wb") as file:
        try:
            while True:
                file.write(b"x" * 2**20)
        except OSError:
            pass
    os.sync()


def test_min_free_is_kept(pool: Machine) -> None:
    pool.restart(text(snaps=", min_free: 20%"))
    assert pool.run("snaps").status is RunStatus.OK
    fill(pool.pool / "scratch")
    before = pool.snapshots()
    report = pool.run("snaps")
    assert report.status is RunStatus.REFUSED
    assert "of its space free: not 20%" in report.reason
    assert pool.snapshots() == before


def test_on_a_full_disk_nothing_is_lost(pool: Machine) -> None:
    pool.run("snaps")
    pool.run("snaps")
    before = pool.snapshots()
    fill(pool.pool / "scratch")
    report = pool.run("snaps")
    # Whether metadata have room left is the kernel's to say; what was there is there, or pruned
    # for a newer one.
    assert report.status in {RunStatus.OK, RunStatus.FAILED}
    assert before[-1] in pool.snapshots()
    assert len(pool.snapshots()) == 2
    assert pool.run("files").status is RunStatus.OK


def test_a_btrfs_that_can_only_be_read_takes_no_snapshot(pool: Machine) -> None:
    pool.run("snaps")
    do("mount", "-o", "remount,ro", pool.pool)
    report = pool.run("snaps")
    assert report.status is RunStatus.REFUSED
    assert "can only be read" in report.reason
    pool.now -= timedelta(days=1)
    assert pool.run("files").status is RunStatus.OK


# ── Law 41 ───────────────────────────────────────────────────────────────────────────────────


def test_law_41_a_directory_of_snapshots_that_somebody_planted_is_not_entered(
    pool: Machine,
) -> None:
    elsewhere = pool.pool / "plain/elsewhere"
    elsewhere.mkdir()
    pool.kept.symlink_to(elsewhere)
    report = pool.run("snaps")
    assert not report.status.succeeded
    assert list(elsewhere.iterdir()) == []
    pool.kept.unlink()
    pool.kept.mkdir()
    os.chown(pool.kept, 1000, 1000)
    assert "belongs to the user 1000" in pool.run("snaps").reason
    os.chown(pool.kept, 0, 0)
    pool.kept.chmod(0o777)
    assert "may be written by others" in pool.run("snaps").reason
    pool.kept.chmod(0o755)
    assert pool.run("snaps").status is RunStatus.OK


def test_law_41_a_swapped_name_never_shows_another_directory(
    pool: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the mount: the snapshot's path leads to a secret of another user."""
    pool.run("snaps")
    secret = pool.root / "secret"
    (name,) = pool.snapshots()
    write(secret / "photos" / name / "password", "hidden")
    write(secret / "apps" / name / "password", "hidden")
    real = ItemRuns.seeing

    def swap(self: ItemRuns, feed: str, argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
        if not pool.kept.is_symlink():
            pool.kept.rename(pool.pool / "aside")
            pool.kept.symlink_to(secret)
        return real(self, feed, argv)

    monkeypatch.setattr(ItemRuns, "seeing", swap)
    report = pool.run("files")
    assert not report.status.succeeded
    assert "not the directory any more that was looked at" in report.reason
    assert not [one for one in tree(pool.disk) if b"password" in one]


def test_law_41_a_subvolume_that_is_a_symlink_by_now_is_not_followed(
    pool: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = pool.pool / "scratch"
    real = subvolume_snapshots.take_snapshot

    def swap(subvolume_: object, moment: object, leg: object) -> None:
        photos = pool.pool / "photos"
        if not photos.is_symlink():
            photos.rename(pool.pool / "moved")
            photos.symlink_to(victim)
        real(subvolume_, moment, leg)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(subvolume_snapshots, "take_snapshot", swap)
    report = pool.run("snaps")
    assert item(report).status is RunStatus.FAILED
    assert item(report, "apps").status is RunStatus.OK
    assert not pool.snapshots()


def test_law_41_symlinks_in_a_snapshot_are_copied_and_not_followed(pool: Machine) -> None:
    outside = pool.root / "outside"
    write(outside / "secret", "hidden")
    (pool.pool / "photos/link").symlink_to(outside)
    pool.run("snaps")
    pool.run("files")
    (generation,) = pool.generations()
    assert (generation / "link").is_symlink()


# ── One at a time ────────────────────────────────────────────────────────────────────────────


def test_law_35_one_that_fails_hides_no_other(
    pool: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.run("snaps")
    (pool.kept / "photos" / f"{name_of(pool.now + timedelta(days=1)).decode()}.snaps").mkdir()
    report = pool.run("snaps")
    assert statuses(report) == {"apps": RunStatus.OK, "photos": RunStatus.FAILED}
    assert "is there already" in item(report).reason
    assert len(pool.snapshots(b"apps")) == 2


def test_law_13_one_that_hangs_hides_no_other(
    pool: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pool.root / "bin"
    write(folder / "btrfs", _HANGS % os.fsencode(shutil.which("btrfs") or ""))
    (folder / "btrfs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(btrfs, "_CHANGE_SECONDS", 2.0)
    report = pool.run("snaps")
    assert statuses(report) == {"apps": RunStatus.FAILED, "photos": RunStatus.OK}
    assert "did not end in time" in item(report, "apps").reason


_HANGS = b"""\
#!/bin/sh
case $(readlink "$5") in */apps) sleep 60 ;; esac
exec %b "$@"
"""


def test_law_19_without_the_command_it_says_what_is_missing(
    pool: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pool.root / "bin").mkdir()
    (pool.root / "bin/rsync").symlink_to(shutil.which("rsync") or "")
    with monkeypatch.context() as without:
        without.setenv("PATH", str(pool.root / "bin"))
        report = pool.run("snaps")
    assert report.status is RunStatus.REFUSED
    assert "the package btrfs-progs" in report.reason


def test_what_is_being_read_is_removed_by_a_later_run(pool: Machine) -> None:
    """Without the lock rsync would find an empty directory, and end with 0."""
    pool.run("snaps")
    pool.run("snaps")
    first = pool.snapshots()[0]
    descriptor = os.open(pool.kept / "photos" / first, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    report = pool.run("snaps")
    assert item(report).status is RunStatus.NOTED
    assert "is being read" in item(report).reason
    assert first in pool.snapshots()
    os.close(descriptor)
    pool.run("snaps")
    assert len(pool.snapshots()) == 2


def test_what_is_removed_while_it_is_read_makes_no_generation(
    pool: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.run("snaps")
    pool.run("files")
    pool.run("snaps")
    doomed = pool.kept / "photos" / pool.snapshots()[-1]
    real = ItemRuns.seeing

    def by_hand(self: ItemRuns, feed: str, argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
        if feed != "photos":
            return real(self, feed, argv)
        script = b'btrfs -q subvolume delete "$0"; exec "$@"'
        return real(self, feed, (b"/bin/sh", b"-c", script, bytes(doomed), *argv))

    monkeypatch.setattr(ItemRuns, "seeing", by_hand)
    report = pool.run("files")
    assert item(report).status is RunStatus.FAILED
    assert "was removed while it was read" in item(report).reason
    assert len(pool.generations()) == 1


def test_copies_that_would_lie_in_what_they_are_of_are_refused(pool: Machine) -> None:
    (pool.pool / "photos/copies").mkdir()
    inside = text().replace("disk", "inner").replace("/mnt/inner", "/srv/pool/photos/copies")
    pool.restart(inside)
    pool.run("snaps")
    report = pool.run("files")
    assert item(report).status is RunStatus.REFUSED
    assert "in the subvolume itself" in item(report).reason
    assert item(report, "apps").status is RunStatus.OK


def test_law_32_a_snapshot_that_is_too_old_is_not_read(pool: Machine) -> None:
    pool.run("snaps")
    pool.now += timedelta(days=5)
    report = pool.run("files")
    assert report.status is RunStatus.REFUSED
    assert "older than it may be" in report.reason


# ── Databases ────────────────────────────────────────────────────────────────────────────────


def test_databases_are_copied_whole_with_what_is_in_their_logs(pool: Machine) -> None:
    live = sqlite3.connect(pool.pool / "apps/app.db")
    live.execute("PRAGMA journal_mode=WAL")
    live.execute("CREATE TABLE t (a)")
    live.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(1000)))
    live.commit()
    pool.run("snaps")
    live.execute("DELETE FROM t")
    live.commit()
    report = pool.run("dbs")
    assert item(report, "apps").status is RunStatus.OK, report
    (generation,) = pool.generations("apps", "dbs")
    copy = sqlite3.connect(generation / "app.db")
    assert copy.execute("SELECT count(*) FROM t").fetchone() == (1000,)
    live.close()
    copy.close()


def test_items_are_copied_abreast_from_their_snapshots(pool: Machine) -> None:
    """Each command sees its own item alone, and none is left open."""
    pool.restart(re.sub(r"\n( +)timeout: 5m}", r"\n\1timeout: 5m, at_once: 2}", text()))
    for name in ("apps", "photos"):
        with closing(sqlite3.connect(pool.pool / name / "app.db")) as live:
            live.execute("CREATE TABLE t (a)")
            live.execute("INSERT INTO t VALUES (?)", (name,))
            live.commit()
    before = Path("/proc/self/mountinfo").read_text()
    for leg in ("files", "dbs", "files", "dbs"):
        pool.run("snaps")
        report = pool.run(leg)
        assert statuses(report) == dict.fromkeys(("apps", "photos"), RunStatus.OK), report
        assert [one.feed for one in report.feeds] == ["apps", "photos"]
    assert Path("/proc/self/mountinfo").read_text() == before
    for name in ("apps", "photos"):
        for leg in ("files", "dbs"):
            first, second = pool.generations(name, leg)
            assert (first / "app.db").samefile(second / "app.db")
            with closing(sqlite3.connect(second / "app.db")) as copy:
                assert copy.execute("SELECT a FROM t").fetchall() == [(name,)]


# ── Killed ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("leg", ["snaps", "files"])
@pytest.mark.parametrize("step", range(8))
def test_law_15_killed_between_steps_nothing_is_half(pool: Machine, leg: str, step: int) -> None:
    pool.run("snaps")
    pool.run("snaps")
    before = pool.snapshots()
    try:
        killed(lambda: pool.run(leg), before_step(step))
    except AssertionError:
        return  # it has fewer steps
    pool.now += timedelta(days=1)
    assert before[-1] in pool.snapshots()
    for _ in range(2):
        assert pool.run("snaps").status is RunStatus.OK
    assert len(pool.snapshots()) == 2
    report = pool.run("files")
    assert report.status is RunStatus.OK, report
    for generation in pool.generations():
        assert (generation / "file").read_text() == "of photos"


def mounts_below(pool: Machine) -> list[str]:
    """What this process sees mounted there; other tests mount beside it."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [one for one in lines if f" {pool.root}" in one]


def test_killed_while_it_reads_it_leaves_no_mount_and_no_lock(pool: Machine) -> None:
    pool.run("snaps")
    before = mounts_below(pool)

    def patch() -> None:
        real = Executor.end

        def end(self: Executor, *copied: object) -> None:
            real(self, *copied)  # type: ignore[arg-type]  # passed on as they came
            die()

        Executor.end = end  # type: ignore[assignment,method-assign]  # in that process alone

    killed(lambda: pool.run("files"), patch)
    assert mounts_below(pool) == before
    pool.now += timedelta(days=1)
    for _ in range(3):
        assert pool.run("snaps").status is RunStatus.OK
    assert len(pool.snapshots()) == 2
