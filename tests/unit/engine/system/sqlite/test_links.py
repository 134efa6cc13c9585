"""Copies that are equal to those of the generation before: one file with two names, or two files.

Never written to: what a generation holds is what it was completed with (law 15).
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.sqlite.copies import CopyRules, CopyStatus, DatabaseCopy
from engine.sqlite.files import Way
from engine.system.host.descent import opened_root
from engine.system.sqlite.copies import WORK, copy_databases
from tests.databases import beside, flip, make, make_cut, make_in_log, rows
from tests.integration.lab import HOSTILE, at, tree, write

FROZEN = CopyRules(frozen=True, each=60, all=300)
LIVE = replace(FROZEN, frozen=False)


class House:
    """A tree with databases, and a folder with one generation after the other."""

    def __init__(self, root: Path, rules: CopyRules = FROZEN) -> None:
        self.source, self.folder, self.rules = root / "src", root / "folder", rules
        self.source.mkdir()

    def copy(self, name: str, former: str = "") -> dict[bytes, DatabaseCopy]:
        target = self.folder / name
        target.mkdir(parents=True)
        rules = replace(self.rules, former=os.fsencode(former))
        with opened_root(os.fsencode(self.source)) as root, opened_root(bytes(target)) as below:
            found = {one.path: one for one in copy_databases(root, below, rules)}
        assert not (target / os.fsdecode(WORK)).exists()
        return found

    def one(self, name: str, former: str = "") -> DatabaseCopy:
        (only,) = self.copy(name, former).values()
        assert only.status is CopyStatus.OK
        made = self.folder / name / "x.db"
        assert only.linked is bool(former and made.samefile(self.folder / former / "x.db"))
        return only


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# ── What has not changed ─────────────────────────────────────────────────────────────────────


def closed(path: Path) -> None:
    make(path)


def in_wal_mode(path: Path) -> None:
    make(path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")


def with_free_pages(path: Path) -> None:
    make(
        path,
        "CREATE TABLE t (a)",
        "CREATE TABLE gone (a)",
        "INSERT INTO gone VALUES (randomblob(90000))",
        "DROP TABLE gone",
    )


@pytest.mark.parametrize(
    ("prepare", "rules", "way"),
    [
        (closed, FROZEN, Way.IMMUTABLE),
        (closed, LIVE, Way.LOCKED),
        (in_wal_mode, FROZEN, Way.IMMUTABLE),
        (in_wal_mode, LIVE, Way.LOCKED),
        (with_free_pages, FROZEN, Way.IMMUTABLE),
        (make_in_log, FROZEN, Way.RECOVERED),
        (make_in_log, LIVE, Way.LOCKED),
        (make_cut, FROZEN, Way.RECOVERED),
    ],
)
def test_an_equal_copy_is_the_file_of_the_generation_before(
    tmp_path: Path, prepare: Callable[[Path], object], rules: CopyRules, way: Way
) -> None:
    house = House(tmp_path, rules)
    prepare(house.source / "x.db")
    assert house.one("1").way is way
    status = (house.folder / "1/x.db").stat()
    second = house.one("2", "1")
    assert second.linked
    assert second.size == status.st_size
    assert house.one("3", "2").linked
    after = (house.folder / "1/x.db").stat()
    assert after.st_nlink == 3
    assert (after.st_mode, after.st_mtime_ns) == (status.st_mode, status.st_mtime_ns)


def test_nothing_is_linked_where_no_generation_is_named(house: House) -> None:
    make(house.source / "x.db")
    house.one("1")
    assert not house.one("2").linked


def test_law_34_databases_of_any_name_are_linked(house: House) -> None:
    sample = make(house.folder / "sample").read_bytes()
    for name in HOSTILE:
        write(at(house.source, b"deep", name, name), sample)
    house.copy("1")
    copies = house.copy("2", "1")
    assert len(copies) == len(HOSTILE)
    assert all(one.linked for one in copies.values())


# ── What has changed ─────────────────────────────────────────────────────────────────────────


def another_row(path: Path) -> None:
    make(path, "INSERT INTO t VALUES (4)")


def other_values_only(path: Path) -> None:
    make(path, "UPDATE t SET id = id + 1")


def behind_its_time(path: Path) -> None:
    """Size and time say that nothing has changed."""
    status = path.stat()
    make(path, "UPDATE t SET id = id + 1")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def closed_to_others(path: Path) -> None:
    path.chmod(0o600)


def given_away(path: Path) -> None:
    os.chown(path, 1234, 5678)


@pytest.mark.parametrize(
    "change",
    [
        another_row,
        other_values_only,
        behind_its_time,
        touched,
        closed_to_others,
        pytest.param(given_away, marks=pytest.mark.root),
    ],
)
def test_law_15_what_has_changed_is_a_file_of_its_own(
    house: House, change: Callable[[Path], None]
) -> None:
    path = make(house.source / "x.db")
    house.one("1")
    before, status = tree(house.folder / "1"), (house.folder / "1/x.db").stat()
    change(path)
    assert not house.one("2", "1").linked
    assert rows(house.folder / "2/x.db") == rows(path)
    assert tree(house.folder / "1") == before
    assert (house.folder / "1/x.db").stat() == status


def test_law_15_rows_that_are_in_the_log_alone_are_a_change(house: House) -> None:
    path = make_in_log(house.source / "x.db", transactions=2)
    log = beside(path, "-wal").read_bytes()
    house.one("1")
    (house.source / "x.db").unlink()
    make_in_log(house.source / "x.db", transactions=3)
    assert not house.one("2", "1").linked
    assert len(rows(house.folder / "1/x.db")) == 200
    assert len(rows(house.folder / "2/x.db")) == 300
    assert log != beside(path, "-wal").read_bytes()


def test_law_15_a_large_database_is_compared_to_its_end(house: House) -> None:
    path = make(
        house.source / "x.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(9000000))"
    )
    house.one("1")
    assert house.one("2", "1").linked
    former = house.folder / "1/x.db"
    assert former.stat().st_size > 9_000_000
    status = path.stat()
    damaged(former)
    assert not house.one("3", "1").linked
    assert path.stat() == status


# ── A former copy that is not what it was ────────────────────────────────────────────────────


def damaged(path: Path) -> None:
    """A byte that SQLite would not miss: its time and size are as before."""
    status = path.stat()
    flip(path, status.st_size - 1)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def cut(path: Path) -> None:
    status = path.stat()
    os.truncate(path, status.st_size - 1)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grown(path: Path) -> None:
    status = path.stat()
    os.truncate(path, status.st_size + 1)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def opened_to_all(path: Path) -> None:
    path.chmod(0o666)


def run_as_its_owner(path: Path) -> None:
    path.chmod(0o4644)


def labelled(path: Path) -> None:
    os.setxattr(path, "user.note", b"not the source's")


def gone(path: Path) -> None:
    path.unlink()


def linked_to_an_equal_one(path: Path) -> None:
    path.rename(path.with_name("equal"))
    path.symlink_to("equal")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def below_a_link(path: Path) -> None:
    """The generation is a symlink to one with the very same files."""
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "tamper",
    [
        damaged,
        cut,
        grown,
        opened_to_all,
        run_as_its_owner,
        labelled,
        gone,
        linked_to_an_equal_one,
        a_pipe,
        a_directory,
        below_a_link,
    ],
)
def test_law_41_a_former_copy_that_was_tampered_with_is_not_carried_on(
    house: House, tamper: Callable[[Path], None]
) -> None:
    path = make(house.source / "x.db")
    house.one("1")
    assert house.one("2", "1").linked
    shutil.rmtree(house.folder / "2")
    tamper(house.folder / "1/x.db")
    copy = house.copy("2", "1")[b"x.db"]
    assert (copy.status, copy.linked) == (CopyStatus.OK, False)
    status = (house.folder / "2/x.db").lstat()
    assert (status.st_nlink, status.st_mode) == (1, path.stat().st_mode)
    assert rows(house.folder / "2/x.db") == [(1,), (2,), (3,)]
    assert os.listxattr(house.folder / "2/x.db") == []


# ── What may come in between ─────────────────────────────────────────────────────────────────


def test_where_no_more_links_can_be_made_the_copy_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))

    make(house.source / "x.db")
    house.one("1")
    monkeypatch.setattr(os, "link", full)
    assert not house.one("2", "1").linked
    assert rows(house.folder / "2/x.db") == [(1,), (2,), (3,)]


def test_law_15_killed_once_it_is_linked_nothing_is_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*arguments: object, **options: object) -> None:
        real(*arguments, **options)  # type: ignore[arg-type]  # passed on as they came
        os.kill(os.getpid(), signal.SIGKILL)

    make(house.source / "x.db")
    house.one("1")
    real = os.link
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", link)
        copy = house.copy("2", "1")[b"x.db"]
    assert copy.status is CopyStatus.UNREADABLE
    assert "SIGKILL" in copy.reason
    assert list((house.folder / "2").iterdir()) == []
    assert (house.folder / "1/x.db").stat().st_nlink == 1
    assert rows(house.folder / "1/x.db") == [(1,), (2,), (3,)]
    assert house.one("3", "1").linked
