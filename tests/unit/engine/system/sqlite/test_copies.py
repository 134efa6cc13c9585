"""Copying databases in every state that a snapshot, or a tree in use, can show them in."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.sqlite.copies import Check, CopyRules, CopyStatus, DatabaseCopy
from engine.sqlite.files import FRAME_HEADER, LONGEST_PATH, MAGIC, WAL_HEADER, Way, way_to_open
from engine.system.host.descent import opened_root
from engine.system.sqlite import copies as sqlite_copies
from engine.system.sqlite import source as sqlite_source
from engine.system.sqlite import verified as sqlite_verified
from engine.system.sqlite.copies import WORK, copy_databases
from engine.system.sqlite.reading import Reader, opened
from engine.system.sqlite.search import Search, search
from tests.databases import (
    beside,
    flip,
    in_use,
    locked,
    make,
    make_cut,
    make_cut_across,
    make_in_log,
    rows,
)
from tests.integration.lab import HOSTILE, at, write

FROZEN = CopyRules(frozen=True, each=60, all=300)
LIVE = replace(FROZEN, frozen=False)


def copied(root: Path, target: Path, rules: CopyRules = FROZEN) -> dict[bytes, DatabaseCopy]:
    target.mkdir(exist_ok=True)
    with opened_root(os.fsencode(root)) as source, opened_root(os.fsencode(target)) as below:
        found = {one.path: one for one in copy_databases(source, below, rules)}
    assert not (target / os.fsdecode(WORK)).exists()
    return found


def copy_of(path: Path, rules: CopyRules = FROZEN) -> tuple[DatabaseCopy, Path]:
    """Copy the one database of a directory; where its copy is to be found."""
    target = path.parent.with_name("target")
    (only,) = copied(path.parent, target, rules).values()
    assert only.path == bytes(path.relative_to(path.parent))
    assert (only.status is CopyStatus.OK) == (target / path.name).exists()
    return only, target / path.name


def state(root: Path) -> dict[str, tuple[int, int]]:
    """What lies in a directory: sizes and times."""
    return {one.name: (one.stat().st_size, one.stat().st_mtime_ns) for one in root.iterdir()}


# ── Every row that was committed, and no other ───────────────────────────────────────────────


@contextmanager
def read_only(tmp_path: Path, root: Path) -> Iterator[Path]:
    """The directory as a snapshot is mounted; for others than root, one that takes no file."""
    if os.geteuid() != 0:
        root.chmod(0o500)
        yield root
        root.chmod(0o700)
        return
    place = tmp_path / "mounted"
    place.mkdir()
    subprocess.run(["mount", "--bind", root, place], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def with_both(path: Path) -> None:
    make_in_log(path)


def with_log_alone(path: Path) -> None:
    make_in_log(path)
    beside(path, "-shm").unlink()


def closed(path: Path) -> None:
    with_both(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM t").fetchall()
    assert not beside(path, "-wal").exists()
    assert path.read_bytes()[18:20] == b"\2\2"  # it stays a database with a log


@pytest.mark.tool("mount", "umount")
@pytest.mark.parametrize("prepare", [with_both, with_log_alone, closed])
def test_law_18_all_rows_arrive_from_a_read_only_snapshot(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    prepare(tmp_path / "src/x.db")
    before = state(tmp_path / "src")
    with read_only(tmp_path, tmp_path / "src") as root:
        copy = copied(root, tmp_path / "target")[b"x.db"]
    assert (copy.status, copy.tables, copy.rows) == (CopyStatus.OK, 1, 1000)
    assert copy.check is Check.INTEGRITY
    assert len(rows(tmp_path / "target/x.db")) == 1000
    assert state(tmp_path / "src") == before


def test_the_main_file_alone_has_no_row(tmp_path: Path) -> None:
    """What a copy without the log would hold, and its check of integrity would say."""
    path = make_in_log(tmp_path / "x.db")
    assert rows(path) == []
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_transaction_that_was_cut_is_rolled_back(tmp_path: Path) -> None:
    path = make_cut(tmp_path / "src/x.db")
    assert ("never committed",) in {row[1:] for row in rows(path)}  # the main file was written
    before = state(path.parent)
    copy, place = copy_of(path)
    assert (copy.status, copy.way, copy.rows) == (CopyStatus.OK, Way.RECOVERED, 1000)
    assert {row[1:] for row in rows(place)} == {("00" * 100,)}
    assert state(path.parent) == before


def test_a_database_at_rest_is_read_where_it_lies(tmp_path: Path) -> None:
    path = make(tmp_path / "src/x.db")
    write(beside(path, "-wal"), b"")
    write(beside(path, "-shm"), b"stale")
    copy, place = copy_of(path)
    assert (copy.status, copy.way, copy.rows) == (CopyStatus.OK, Way.IMMUTABLE, 3)
    assert copy.size == place.stat().st_size == path.stat().st_size
    assert rows(place) == [(1,), (2,), (3,)]


@pytest.mark.parametrize("mode", ["PERSIST", "TRUNCATE"])
def test_a_journal_that_was_ended_changes_nothing(tmp_path: Path, mode: str) -> None:
    path = make(
        tmp_path / "src/x.db",
        f"PRAGMA journal_mode = {mode}",
        "CREATE TABLE t (a)",
        "INSERT INTO t VALUES (1)",
    )
    assert beside(path, "-journal").exists()
    copy, place = copy_of(path)
    assert copy.status is CopyStatus.OK
    assert rows(place) == [(1,)]


@pytest.mark.parametrize("size", [512, 4096, 65536])
@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_every_page_size_is_kept(tmp_path: Path, size: int, mode: str) -> None:
    path = make(
        tmp_path / "src/x.db",
        f"PRAGMA page_size = {size}",
        f"PRAGMA journal_mode = {mode}",
        "CREATE TABLE t (a)",
        "INSERT INTO t VALUES (zeroblob(300000))",
    )
    copy, place = copy_of(path)
    assert copy.status is CopyStatus.OK
    assert place.read_bytes()[16:20] == path.read_bytes()[16:20]
    assert rows(place) == [(b"\0" * 300_000,)]


def test_what_tables_can_be_is_copied(tmp_path: Path) -> None:
    path = make(
        tmp_path / "src/x.db",
        "PRAGMA auto_vacuum = FULL",
        "CREATE TABLE keyed (name TEXT PRIMARY KEY, b) WITHOUT ROWID",
        "CREATE VIRTUAL TABLE words USING fts5(text)",
        "CREATE TRIGGER on_key AFTER INSERT ON keyed BEGIN INSERT INTO words VALUES (new.b); END",
        "CREATE VIEW seen AS SELECT * FROM keyed",
        "INSERT INTO keyed VALUES ('a', 'one two'), ('b', 'two three')",
    )
    copy, place = copy_of(path)
    assert copy.status is CopyStatus.OK
    assert rows(place, "seen") == [("a", "one two"), ("b", "two three")]
    assert rows(place, "words WHERE words MATCH 'two'") == [("one two",), ("two three",)]


def test_an_empty_database_is_valid_and_told_as_such(tmp_path: Path) -> None:
    path = make(tmp_path / "src/x.db", "PRAGMA user_version = 1", "PRAGMA journal_mode = WAL")
    copy, _ = copy_of(path)
    assert (copy.status, copy.tables, copy.rows) == (CopyStatus.OK, 0, 0)
    assert copy.reason == "it is empty: it holds no table"


# ── Never a silent fallback ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (9, "its -wal is damaged at its beginning"),
        (WAL_HEADER + 16, "SQLite recovers 0 of the "),
        (WAL_HEADER + 5 * (FRAME_HEADER + 4096) + 100, " of the "),
    ],
)
def test_law_18_a_damaged_log_is_no_empty_one(tmp_path: Path, place: int, said: str) -> None:
    """SQLite takes what it can of the log without a word, and the result is sound."""
    path = make_in_log(tmp_path / "src/x.db")
    flip(beside(path, "-wal"), place)
    copy, _ = copy_of(path)
    assert copy.status is CopyStatus.INCOMPLETE
    assert said in copy.reason
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM t").fetchone()[0] < 1000


@pytest.mark.parametrize("place", [3, 12, 512 + 4 + 4096])
def test_law_18_a_damaged_journal_is_not_overlooked(tmp_path: Path, place: int) -> None:
    """SQLite plays back what it can without a word, and some of what was cut stays."""
    path = make_cut(tmp_path / "src/x.db")
    assert beside(path, "-journal").read_bytes()[20:24] == (512).to_bytes(4, "big")
    flip(beside(path, "-journal"), place)
    copy, _ = copy_of(path)
    assert (copy.status, copy.reason) == (CopyStatus.INCOMPLETE, "its -journal is damaged")


@pytest.mark.parametrize(
    ("prepare", "said"), [(make_in_log, "recovers 0 of"), (make_cut, "does not roll back")]
)
def test_law_18_sqlite_is_not_believed_to_have_read_what_lies_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], Path], said: str
) -> None:
    """As where somebody opens the copy with `immutable`, which overlooks it."""

    def opened_alone(work: int, name: bytes, _query: str) -> AbstractContextManager[Reader]:
        return opened(work, name, "mode=ro&immutable=1")

    monkeypatch.setattr(sqlite_source, "opened", opened_alone)
    copy, _ = copy_of(prepare(tmp_path / "src/x.db"))
    assert copy.status is CopyStatus.INCOMPLETE
    assert said in copy.reason


def test_law_18_a_cut_transaction_over_several_databases_is_left_alone(tmp_path: Path) -> None:
    """SQLite finds its super-journal nowhere, and takes the half of it for the whole."""
    path = make_cut_across(tmp_path / "src/x.db")
    copy, _ = copy_of(path)
    assert copy.status is CopyStatus.INCOMPLETE
    assert "several databases" in copy.reason
    with closing(sqlite3.connect(path)) as connection:
        texts = {row[0] for row in connection.execute("SELECT text FROM t LIMIT 10")}
    assert texts == {"never committed"}


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_law_41_a_companion_that_is_no_file_is_told(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / "src/x.db")
    other = make_in_log(tmp_path / "outside/x.db")
    match kind:
        case "link":
            beside(path, "-wal").symlink_to(beside(other, "-wal"))
        case "pipe":
            os.mkfifo(beside(path, "-wal"))
        case _:
            beside(path, "-wal").mkdir()
    copy, _ = copy_of(path)
    assert copy.status is CopyStatus.UNREADABLE
    assert copy.reason == "x.db-wal is no regular file"


def test_a_second_name_without_the_log_is_told(tmp_path: Path) -> None:
    path = make_in_log(tmp_path / "src/used.db")
    (tmp_path / "src/also.db").hardlink_to(path)
    copies = copied(tmp_path / "src", tmp_path / "target")
    assert copies[b"used.db"].rows == 1000
    assert copies[b"also.db"].status is CopyStatus.INCOMPLETE
    assert "beside used.db" in copies[b"also.db"].reason


def test_law_18_an_empty_copy_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy_nothing(_source: object, work: int) -> None:
        os.close(os.open(b"copy", os.O_CREAT | os.O_WRONLY, dir_fd=work))

    monkeypatch.setattr(sqlite_verified, "_back_up", copy_nothing)
    copy, _ = copy_of(make(tmp_path / "src/x.db"))
    assert copy.status is CopyStatus.INCOMPLETE
    assert copy.reason == "the copy holds no table, the source 1"


def test_a_tree_that_is_not_frozen_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "src/x.db")
    real = sqlite_verified._back_up

    def write_meanwhile(source: sqlite_source.Source, work: int) -> None:
        real(source, work)
        make(path, "INSERT INTO t VALUES (4)")

    monkeypatch.setattr(sqlite_verified, "_back_up", write_meanwhile)
    copy, _ = copy_of(path)
    assert (copy.status, copy.reason) == (CopyStatus.UNREADABLE, "it was written while it was read")


# ── One that fails hides no other ────────────────────────────────────────────────────────────


def damage_page(path: Path) -> None:
    make(path, "CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(50000)), (1)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096))


def lose_an_index_entry(path: Path) -> None:
    make(path, "CREATE TABLE t (a)", "CREATE INDEX i ON t (a)", "INSERT INTO t VALUES ('abcdef')")
    data = path.read_bytes()
    assert data.count(b"abcdef") == 2
    path.write_bytes(data.replace(b"abcdef", b"zzzzzz", 1))


def truncate(path: Path) -> None:
    make(path, "CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(50000))")
    os.truncate(path, 20_000)


def only_header(path: Path) -> None:
    data = make(path).read_bytes()
    path.write_bytes(data[:100] + bytes(4096 - 100))


def encrypt(path: Path) -> None:
    write(path, MAGIC + os.urandom(8192 - len(MAGIC)))


def encrypt_pages(path: Path) -> None:
    """As SQLCipher does, told to leave the header."""
    data = make(path).read_bytes()
    path.write_bytes(data[:32] + os.urandom(len(data) - 32))


@pytest.mark.parametrize(
    ("spoil", "statuses"),
    [
        (damage_page, {CopyStatus.CORRUPT}),
        (lose_an_index_entry, {CopyStatus.CORRUPT}),
        (truncate, {CopyStatus.CORRUPT}),
        (only_header, {CopyStatus.CORRUPT}),
        (encrypt, {CopyStatus.NOT_A_DATABASE}),
        (encrypt_pages, {CopyStatus.NOT_A_DATABASE}),
    ],
)
def test_law_35_a_spoilt_database_is_told_and_stops_nothing(
    tmp_path: Path, spoil: Callable[[Path], None], statuses: set[CopyStatus]
) -> None:
    spoil(tmp_path / "src/m/bad.db")
    make(tmp_path / "src/a.db")
    make(tmp_path / "src/z.db")
    copies = copied(tmp_path / "src", tmp_path / "target")
    assert copies[b"m/bad.db"].status in statuses
    assert copies[b"m/bad.db"].reason
    assert copies[b"a.db"].status is copies[b"z.db"].status is CopyStatus.OK
    assert sorted(one.name for one in (tmp_path / "target").iterdir()) == ["a.db", "z.db"]


def test_a_quick_check_does_not_see_a_lost_index_entry(tmp_path: Path) -> None:
    """What a parameter gives away, and why it is only for large ones."""
    lose_an_index_entry(tmp_path / "src/x.db")
    copy, _ = copy_of(tmp_path / "src/x.db", replace(FROZEN, quick_above=4096))
    assert (copy.status, copy.check) == (CopyStatus.OK, Check.QUICK)


def test_law_13_a_database_that_takes_too_long_costs_only_its_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.db", "hangs.db", "z.db"):
        make(tmp_path / "src" / name)
    real = sqlite_verified.copy_database

    def hang(task: sqlite_verified.Task) -> DatabaseCopy | None:
        if task.path == b"hangs.db":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
            time.sleep(60)
        return real(task)

    monkeypatch.setattr(sqlite_copies, "copy_database", hang)
    began = time.monotonic()
    copies = copied(tmp_path / "src", tmp_path / "target", replace(FROZEN, each=1))
    assert time.monotonic() - began < 20
    assert copies[b"hangs.db"].status is CopyStatus.TOO_SLOW
    assert copies[b"hangs.db"].milliseconds >= 1000
    assert copies[b"a.db"].status is copies[b"z.db"].status is CopyStatus.OK


def test_law_13_the_time_of_all_ends_as_well(tmp_path: Path) -> None:
    make(tmp_path / "src/x.db")
    copies = copied(tmp_path / "src", tmp_path / "target", replace(FROZEN, all=-1))
    assert [one.status for one in copies.values()] == [CopyStatus.TOO_SLOW]


def test_law_41_a_database_that_crashes_its_reader_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "src/bad.db")
    make(tmp_path / "src/good.db")
    real = sqlite_verified.copy_database

    def crash(task: sqlite_verified.Task) -> DatabaseCopy | None:
        if task.path == b"bad.db":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(task)

    monkeypatch.setattr(sqlite_copies, "copy_database", crash)
    copies = copied(tmp_path / "src", tmp_path / "target")
    assert copies[b"bad.db"].status is CopyStatus.UNREADABLE
    assert "SIGKILL" in copies[b"bad.db"].reason
    assert copies[b"good.db"].status is CopyStatus.OK


# ── Names and places ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rules", [FROZEN, LIVE])
def test_law_34_databases_of_any_name_arrive_under_it(tmp_path: Path, rules: CopyRules) -> None:
    sample = make(tmp_path / "sample").read_bytes()
    for name in HOSTILE:
        write(at(tmp_path / "src", name, name), sample)
    copies = copied(tmp_path / "src", tmp_path / "target", rules)
    failed = {path: one.status for path, one in copies.items() if one.status is not CopyStatus.OK}
    # A path of this length SQLite does not open, also for the application.
    long = {b"x" * 255 + b"/" + b"x" * 255: CopyStatus.UNREADABLE}
    assert failed == (long if rules is LIVE else {})
    for name in HOSTILE:
        if name + b"/" + name not in failed:
            assert at(tmp_path / "target", name, name).read_bytes()[100:] == sample[100:]


def test_a_name_that_looks_like_parts_of_a_uri_is_a_name(tmp_path: Path) -> None:
    names = ("x.db?mode=memory", "x.db#part", "x%41.db", "x.db%00", "&immutable=0", ":memory:")
    for name in names:
        path = tmp_path / "src" / name
        write(path, make(tmp_path / "sample").read_bytes())
        (tmp_path / "sample").unlink()
    copies = copied(tmp_path / "src", tmp_path / "target")
    assert {(path, one.rows) for path, one in copies.items()} == {
        (name.encode(), 3) for name in names
    }


def test_a_path_that_is_too_long_for_sqlite_is_none_for_us(tmp_path: Path) -> None:
    deep = tmp_path / "src"
    while len(bytes(deep)) < LONGEST_PATH + 300:
        deep /= "d" * 100
    deep.mkdir(parents=True)
    sample = make_in_log(tmp_path / "sample.db")
    for suffix in ("", "-wal"):
        beside(deep / "log.db", suffix).write_bytes(beside(sample, suffix).read_bytes())
    (deep / "plain.db").write_bytes(make(tmp_path / "plain.db").read_bytes())
    copies = copied(tmp_path / "src", tmp_path / "target")
    assert sorted(one.rows or 0 for one in copies.values()) == [3, 1000]
    assert {one.way for one in copies.values()} == {Way.RECOVERED}


def test_law_41_a_name_that_is_swapped_for_a_symlink_brings_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite follows it: whoever may write the directory could have root read any database."""
    path = make(tmp_path / "src/x.db")
    secret = make(tmp_path / "outside/x.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (42)")
    real = way_to_open

    def swap(*args: object, **more: object) -> Way:
        path.rename(tmp_path / "moved")
        path.symlink_to(secret)
        return real(*args, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(sqlite_source, "way_to_open", swap)
    for rules in (FROZEN, LIVE):
        copy, place = copy_of(path, rules)
        assert copy.status is CopyStatus.UNREADABLE
        assert "led to another file" in copy.reason
        assert not place.exists()
        path.unlink()
        (tmp_path / "moved").rename(path)


def test_law_41_a_log_from_elsewhere_brings_nothing(tmp_path: Path) -> None:
    path = make_in_log(tmp_path / "src/x.db")
    other = make_in_log(tmp_path / "outside/x.db")
    beside(path, "-wal").unlink()
    beside(path, "-wal").symlink_to(beside(other, "-wal"))
    copy, _ = copy_of(path, LIVE)
    assert copy.status is CopyStatus.UNREADABLE


def test_the_copy_has_the_attributes_of_its_original(tmp_path: Path) -> None:
    path = make(tmp_path / "src/a/b/x.db")
    path.parent.chmod(0o777)
    if os.geteuid() == 0:
        os.chown(path, 1234, 5678)
    path.chmod(0o4640)
    os.utime(path, ns=(1_000_000_000, 2_000_000_001))
    copied(tmp_path / "src", tmp_path / "target")
    status = (tmp_path / "target/a/b/x.db").stat()
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert status.st_mtime_ns == 2_000_000_001
    assert (status.st_uid, status.st_gid) == (path.stat().st_uid, path.stat().st_gid)
    for folder in ("a", "a/b"):
        assert stat.S_IMODE((tmp_path / "target" / folder).stat().st_mode) == 0o700


def test_a_copy_that_cannot_be_placed_is_told(tmp_path: Path) -> None:
    make(tmp_path / "src/a/x.db")
    make(tmp_path / "src/b/x.db")
    write(tmp_path / "target/a", b"in the way")
    make(tmp_path / "elsewhere/marker.db")
    copies = copied(tmp_path / "src", tmp_path / "target")
    assert copies[b"a/x.db"].status is CopyStatus.UNWRITTEN
    assert copies[b"b/x.db"].status is CopyStatus.OK
    (tmp_path / "target/a").unlink()
    (tmp_path / "target/a").symlink_to(tmp_path / "elsewhere")
    assert copied(tmp_path / "src", tmp_path / "target")[b"a/x.db"].status is CopyStatus.UNWRITTEN
    assert [one.name for one in (tmp_path / "elsewhere").iterdir()] == ["marker.db"]


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    make(
        tmp_path / "src/large.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(3000000))"
    )
    path = make_in_log(tmp_path / "src/large-log.db", transactions=100)
    assert beside(path, "-wal").stat().st_size > 2 << 20
    make(tmp_path / "src/small.db")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", target], check=True)
    try:
        copies = copied(tmp_path / "src", target)
        assert [one.name for one in target.iterdir()] == ["small.db"]
    finally:
        subprocess.run(["umount", target], check=True)
    assert {path: one.status for path, one in copies.items()} == {
        b"large.db": CopyStatus.UNWRITTEN,
        b"large-log.db": CopyStatus.UNWRITTEN,
        b"small.db": CopyStatus.OK,
    }


def test_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    make(tmp_path / "src/x.db")
    make_in_log(tmp_path / "target" / os.fsdecode(WORK) / "source")
    assert copied(tmp_path / "src", tmp_path / "target")[b"x.db"].status is CopyStatus.OK


# ── A tree in use ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_database_in_use_is_copied_whole(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "src/x.db"
    most = 1
    with in_use(path, mode):
        for _ in range(5):
            copy, place = copy_of(path, LIVE)
            assert (copy.status, copy.reason) == (CopyStatus.OK, "")
            assert copy.way is Way.LOCKED
            found = [row[0] for row in rows(place)]
            assert found.count(1) == found.count(2) >= most  # no transaction was torn
            most = found.count(1)


def test_a_database_in_use_whose_log_is_not_written_back_is_copied_whole(tmp_path: Path) -> None:
    path = make_in_log(tmp_path / "src/x.db")
    copy, _ = copy_of(path, LIVE)
    assert (copy.status, copy.rows) == (CopyStatus.OK, 1000)


def test_one_that_is_locked_for_good_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "src/x.db")
    monkeypatch.setattr(sqlite_source, "_WAIT", 0.2)
    with locked(path):
        copy, _ = copy_of(path, LIVE)
    assert copy.status is CopyStatus.UNREADABLE
    assert "database is locked" in copy.reason


def test_a_cut_transaction_in_a_tree_in_use_is_told(tmp_path: Path) -> None:
    """To roll it back is to write, and that is its application's to do."""
    path = make_cut(tmp_path / "src/x.db")
    before = state(path.parent)
    copy, _ = copy_of(path, LIVE)
    assert copy.status is CopyStatus.UNREADABLE
    assert state(path.parent) == before


def test_one_that_goes_while_others_are_copied_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "src/a.db")
    gone = make(tmp_path / "src/gone.db")
    real = search

    def search_and_lose(root: int, deadline: float, alive: Callable[[], None]) -> Search:
        found = real(root, deadline, alive)
        gone.unlink()
        return found

    monkeypatch.setattr(sqlite_copies, "search", search_and_lose)
    assert list(copied(tmp_path / "src", tmp_path / "target", LIVE)) == [b"a.db"]
    make(gone)
    copies = copied(tmp_path / "src", tmp_path / "target", FROZEN)
    assert copies[b"gone.db"].status is CopyStatus.UNREADABLE  # nothing may go from a snapshot


# ── Memory ───────────────────────────────────────────────────────────────────────────────────

_MEASURED = """
import os, resource, sys
from engine.sqlite.copies import CopyRules
from engine.system.host.descent import opened_root
from engine.system.sqlite.copies import copy_databases
def peak():
    return max(resource.getrusage(who).ru_maxrss
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
with opened_root(os.fsencode(sys.argv[1])) as root, opened_root(os.fsencode(sys.argv[2])) as to:
    before = peak()
    (copy,) = copy_databases(root, to, CopyRules(frozen=True, each=300, all=300))
print(copy.status.value, copy.size, peak() - before)
"""


def test_a_large_database_does_not_come_into_memory(tmp_path: Path) -> None:
    path = make_in_log(tmp_path / "src/x.db", transactions=1)
    grow = ["INSERT INTO t (text) VALUES (zeroblob(50000000))"] * 6
    kept = tmp_path / "kept.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for one in (*grow, "PRAGMA wal_checkpoint(TRUNCATE)", *grow[:1]):
            connection.execute(one)
        for suffix in ("", "-wal"):  # once it is closed, nothing is left beside it
            shutil.copyfile(beside(path, suffix), beside(kept, suffix))
    for suffix in ("", "-wal"):
        beside(kept, suffix).rename(beside(path, suffix))
    (tmp_path / "target").mkdir()
    command = [sys.executable, "-c", _MEASURED, str(tmp_path / "src"), str(tmp_path / "target")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path.cwd())
    status, size, more = done.stdout.split()
    assert status == b"ok"
    assert int(size) > 350_000_000
    assert int(more) < 30_000, "KiB"
