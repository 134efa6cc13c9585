"""Incremental passes over SSH, against a real sshd and fed by a real tracker."""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.progress import Progress
from engine.records.reports import RunStatus
from tests.integration.away import HOPS, Away
from tests.integration.lab import HOSTILE, at, only, tree, write
from tests.integration.sshd import Server, serving
from tests.integration.tracking import Trackers

pytestmark = pytest.mark.tool("rsync", "sshd", "ssh-keygen")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    trackers = Trackers()
    yield trackers
    trackers.close()


@pytest.fixture
def away(tmp_path: Path, server: Server, trackers: Trackers) -> Iterator[Away]:
    with Away(tmp_path, server).tracked(trackers) as away:
        yield away


def inodes(root: Path) -> dict[bytes, int]:
    """For each name of a regular file that has several, a number that those names share."""
    found: dict[int, set[bytes]] = {}
    for path in root.rglob("*"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            found.setdefault(status.st_ino, set()).add(os.fsencode(path.relative_to(root)))
    return {
        name: number
        for number, names in enumerate(sorted(found.values(), key=min))
        for name in names
    }


def attributes(root: Path) -> dict[bytes, tuple[int, int]]:
    """Modes, and times to the nanosecond; a symlink has no mode of its own."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[os.fsencode(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns)
    return found


def fill(directory: Path) -> None:
    """So many entries that none of the deletions to come makes the source much smaller."""
    for number in range(50):
        write(directory / "kept" / str(number))


def same(away: Away) -> None:
    """The copies are what the source is, links and all."""
    assert tree(away.copies) == tree(away.source)
    assert inodes(away.copies) == inodes(away.source)
    assert attributes(away.copies) == attributes(away.source)


# ── What changes ─────────────────────────────────────────────────────────────────────────────


def test_each_kind_of_change_arrives_over_one_connection(away: Away) -> None:
    write(away.source / "kept/file", b"kept")
    write(away.source / "log", b"1\n")
    write(away.source / "old name", b"renamed")
    write(away.source / "dir/deep/file", b"in a directory")
    write(away.source / "gone/a")
    write(away.source / "gone/b/c")
    write(away.source / "was a file")
    write(away.source / "was a directory/x")
    write(away.source / "linked", b"one inode")
    os.link(away.source / "linked", away.source / "kept/link")
    (away.source / "symlink").symlink_to("log")
    away.first()
    same(away)

    with (away.source / "log").open("ab") as log:
        log.write(b"2\n")
    (away.source / "old name").rename(away.source / "kept/new name")
    (away.source / "dir").rename(away.source / "moved")
    shutil.rmtree(away.source / "gone")
    (away.source / "was a file").unlink()
    write(away.source / "was a file/now a directory")
    shutil.rmtree(away.source / "was a directory")
    write(away.source / "was a directory", b"now a file")
    (away.source / "symlink").unlink()
    (away.source / "symlink").symlink_to("kept")
    os.link(away.source / "linked", away.source / "third")
    write(away.source / "new/tree/file")
    before = away.server.connections
    report = away.incremental()
    assert away.server.connections == before + 1, "one connection a run"
    same(away)
    assert report.deleted == report.deletions_wanted
    assert report.pending == 0
    assert away.waiting() == set()
    assert not list((away.top / "state/run").iterdir()), "nothing of the run is left"

    # Half of the links go, and what is left stays one file.
    (away.source / "third").unlink()
    with (away.source / "kept/link").open("ab") as link:
        link.write(b", changed through another name")
    away.incremental()
    same(away)
    before = away.server.connections
    assert away.full().deleted == 0
    assert away.server.connections == before + 1
    same(away)


def test_a_pass_with_nothing_to_do_sends_nothing(away: Away) -> None:
    write(away.source / "file")
    away.first()
    report = away.incremental()
    assert (report.files, report.bytes_sent, report.deleted) == (0, 0, 0)
    same(away)


def test_law_05_rows_stay_where_the_other_machine_does_not_take_what_was_written(
    away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(away.source / "a")
    assert away.run().status is RunStatus.OK
    write(away.source / "a", b"changed")
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\ncase "$*" in *"sync -f"*) echo no disk >&2; exit 1;; esac\n'
        f'exec {shutil.which("ssh")} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    report = away.run()
    assert report.status is RunStatus.FAILED
    assert "could not be flushed to the disk: no disk" in report.reason
    assert away.waiting() == {b"a"}
    monkeypatch.undo()
    assert only(away.run()).mode == "incremental"
    assert away.waiting() == set()


def test_law_34_hostile_names_come_change_and_go(away: Away) -> None:
    fill(away.source)
    away.first()
    for name in HOSTILE:
        write(at(away.source, name, name))
    away.incremental()
    same(away)
    for name in HOSTILE:
        write(at(away.source, name, name), b"changed, and longer")
        write(at(away.source, name, b"2" + name[:254]))
    away.incremental()
    same(away)
    for name in HOSTILE:
        at(away.source, name, name).rename(at(away.source, b"2" + name[:254]))
        shutil.rmtree(at(away.source, name))
    report = away.incremental()
    same(away)
    assert report.deleted == 3 * len(HOSTILE)


def test_law_01_what_somebody_else_put_there_stays(away: Away) -> None:
    write(away.source / "ours/file")
    away.first()
    write(away.copies / "stranger/file", b"somebody's")
    shutil.rmtree(away.source / "ours")
    write(away.source / "next/file")
    report = away.incremental()
    assert report.foreign == (b"stranger",)
    expected = tree(away.source)
    expected[b"stranger"] = ("directory", b"")
    expected[b"stranger/file"] = ("file", b"somebody's")
    assert tree(away.copies) == expected


def test_law_11_over_the_limit_nothing_is_deleted_and_all_of_it_waits(
    tmp_path: Path, server: Server, trackers: Trackers
) -> None:
    with Away(tmp_path, server, ", max_delete: 3").tracked(trackers) as away:
        for number in range(5):
            write(away.source / f"{number}/file")
        away.first()
        before = tree(away.copies)
        shutil.rmtree(away.source / "1")
        shutil.rmtree(away.source / "2")
        report = away.run()
        assert report.status is RunStatus.GUARD, report
        assert only(report).deletions_wanted == 4
        assert tree(away.copies) == before
        assert {b"1", b"2"} <= away.waiting()
        write(away.source / "2/file")
        away.incremental()
        same(away)


# ── A second hop ─────────────────────────────────────────────────────────────────────────────


def test_law_15_the_second_hop_is_fed_by_the_first_and_keeps_links(
    tmp_path: Path, server: Server, trackers: Trackers
) -> None:
    with Away(tmp_path, server, text=HOPS).tracked(trackers) as away:
        disk, copies = away.top / "disk", away.nas / "copies"
        fill(away.source)
        write(away.source / "week/1", b"the same in both weeks" * 100)
        write(away.source / "other")
        away.first("nightly")
        away.first()

        (away.source / "next").mkdir()
        os.link(away.source / "week/1", away.source / "next/1")
        write(away.source / "next/2")
        (away.source / "other").unlink()
        for name in HOSTILE:
            write(at(away.source, b"names", name))
        write(disk / "somebody's/file", b"of no leg")
        write(disk / ".policyctl-partial/x", b"unfinished")
        away.incremental("nightly")
        before = away.server.connections
        report = away.incremental()
        assert away.server.connections == before + 1
        assert report.left_out == (b"somebody's",)
        assert tree(copies) == tree(away.source)
        assert inodes(copies) == inodes(away.source) != {}

        (away.source / "week/1").unlink()
        shutil.rmtree(away.source / "names")
        away.incremental("nightly")
        report = away.incremental()
        assert report.deleted == len(HOSTILE) + 2
        assert tree(copies) == tree(away.source)
        assert away.full().deleted == 0
        assert tree(copies) == tree(away.source)


# ── Both kinds of receivers ──────────────────────────────────────────────────────────────────


def hardened(server: Server, directory: Path) -> None:
    """Have the other side's rsync refuse what receivers refuse since 2026."""
    directory.mkdir()
    write(
        directory / "rsync",
        "#!/bin/sh\n"
        'case " $* " in *" --delete-missing-args "*)\n'
        '  echo "invalid file mode 00 for x [receiver]" >&2; exit 2;;\n'
        "esac\n"
        f'echo "$*" >>{directory}/asked\n'
        f'exec {shutil.which("rsync")} "$@"\n',
    )
    (directory / "rsync").chmod(0o755)
    keys = server.directory / "authorized_keys"
    command = f'PATH={directory}:$PATH; export PATH; eval \\"$SSH_ORIGINAL_COMMAND\\"'
    keys.write_text(f'command="{command}" {keys.read_text()}')


@pytest.mark.parametrize("receiver", ["plain", "hardened"])
def test_directories_go_and_move_with_both_kinds_of_receivers(
    tmp_path: Path, trackers: Trackers, receiver: str
) -> None:
    with (
        serving(tmp_path / "server") as server,
        Away(tmp_path / "lab", server).tracked(trackers) as away,
    ):
        if receiver == "hardened":
            hardened(server, tmp_path / "bin")
        write(away.source / "kept/file")
        write(away.source / "gone/deep/file")
        write(away.source / "moved/deep/file")
        write(away.source / "moved/link")
        away.first()
        shutil.rmtree(away.source / "gone")
        (away.source / "moved").rename(away.source / "kept/here")
        report = away.incremental()
        assert report.deleted == 7
        same(away)
        (away.source / "kept/here").rename(away.source / "gone")
        (away.source / "kept/file").unlink()
        (away.source / "kept").rmdir()
        away.incremental()
        same(away)
        if receiver == "hardened":
            assert "--server" in (tmp_path / "bin/asked").read_text(), "it was this rsync"


# ── An rrsync that lets nothing else pass ────────────────────────────────────────────────────


def restricted(server: Server, options: str, directory: Path) -> None:
    """Let the key do nothing but rsync in one directory."""
    keys = server.directory / "authorized_keys"
    rrsync = shutil.which("rrsync")
    keys.write_text(f'command="{rrsync} {options} {directory}",restrict {keys.read_text()}')


@pytest.mark.tool("rrsync")
@pytest.mark.parametrize("options", ["", "-wo"])
def test_a_key_that_allows_rrsync_only_is_enough(
    tmp_path: Path, trackers: Trackers, options: str
) -> None:
    with serving(tmp_path / "server") as server:
        away = Away(tmp_path / "lab", server, ", deleted: {keep: 1d}", path="/")
        restricted(server, options, away.nas)
        with away.tracked(trackers):
            fill(away.source)
            write(away.source / "a/file", b"1")
            write(away.source / "b/file", b"2")
            write(away.source / "with space's/file", b"3")
            text = away.explain()
            assert "[noted] data: destination nas: room: unknown" in text
            assert "the other side runs nothing but rsync" in text
            before = server.connections
            away.first()
            assert server.connections == before + 1
            expected = tree(away.source)
            assert copied(away) == expected

            write(away.copies / "stranger/file", b"somebody's")
            shutil.rmtree(away.source / "b")
            write(away.source / "a/file", b"changed")
            for name in HOSTILE:
                write(at(away.source, b"names", name))
            shown = Shown()
            second = away.run(sink=shown)
            assert shown.files > len(HOSTILE)
            assert second.status is RunStatus.OK, second
            assert only(second).mode == "incremental"
            assert only(second).foreign == (b"stranger",)
            expected = tree(away.source)
            expected[b"stranger"] = ("directory", b"")
            expected[b"stranger/file"] = ("file", b"somebody's")
            assert copied(away) == expected
            aside = tree(away.copies / ".policyctl-deleted" / second.run_id)
            assert aside[b"b/file"] == ("file", b"2")
            assert aside[b"a/file"] == ("file", b"1")

            # What was set aside is dropped once its time has passed.
            shutil.rmtree(away.source / "names")
            assert only(away.run()).deleted == len(HOSTILE) + 1
            away.full()
            left = {one.name for one in (away.copies / ".policyctl-deleted").iterdir()}
            assert second.run_id not in left
            assert left, "what is younger stays"


@pytest.mark.tool("rrsync")
def test_what_rrsync_refuses_is_told_at_once(
    tmp_path: Path, trackers: Trackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.system.passes.transfers.BACK_OFF", (60.0,))
    with serving(tmp_path / "server") as server:
        away = Away(tmp_path / "lab", server, path="/", options=", timeout: 10m")
        write(away.source / "file")
        restricted(server, "-no-del", away.nas)
        began = time.monotonic()
        refused = away.run()
        assert refused.status is RunStatus.REFUSED, refused
        away.copies.mkdir(parents=True)
        failed = away.run()
        assert failed.status is RunStatus.FAILED, failed
        for report in (refused, failed):
            assert "option --delete has been disabled on this server" in report.reason
        assert time.monotonic() - began < 30, "nobody tries again what is not allowed"


@pytest.mark.tool("rrsync")
def test_law_01_hostile_strangers_are_found_where_nothing_may_be_read(
    tmp_path: Path, trackers: Trackers
) -> None:
    with serving(tmp_path / "server") as server:
        away = Away(tmp_path / "lab", server, path="/")
        write(away.source / "ours/file")
        for name in HOSTILE:
            write(at(away.copies, name, b"file"))
            write(at(away.copies, b"2" + name[:254]))
        (away.copies / "empty").mkdir()
        restricted(server, "-wo", away.nas)
        report = away.run()
        assert report.status is RunStatus.OK, report
        strangers = {b"empty", *HOSTILE, *(b"2" + name[:254] for name in HOSTILE)}
        assert set(only(report).foreign) == strangers
        assert len(tree(away.copies)) == 2 + 3 * len(HOSTILE) + 1


class Shown:
    """Who watches how far a run is."""

    def __init__(self) -> None:
        self.files = 0

    def expect(self, feed: str, *, entries: int | None, size: int | None) -> None:
        del feed, entries, size

    def advance(self, feed: str, progress: Progress) -> None:
        del feed
        self.files = max(self.files, progress.files)


def copied(away: Away) -> dict[bytes, tuple[str, bytes]]:
    """What lies at the copies, the engine's own files aside."""
    return {
        name: one for name, one in tree(away.copies).items() if not name.startswith(b".policyctl-")
    }
