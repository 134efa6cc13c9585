"""What SQLite's files say of themselves, read from real ones."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sqlite.files import (
    FRAME_HEADER,
    HEADER,
    JOURNAL,
    JOURNAL_TAIL,
    LONGEST_PATH,
    MAGIC,
    WAL,
    WAL_HEADER,
    DatabaseFile,
    Way,
    committed_frames,
    header_problem,
    is_hot,
    is_whole,
    names_super_journal,
    names_without_companions,
    page_size,
    read_wal_header,
    way_to_open,
)
from tests.databases import beside, flip, make, make_cut, make_cut_across, make_in_log


def database(
    *names: bytes, companions: tuple[bytes, ...] = (), inode: int = 1, links: int = 1
) -> DatabaseFile:
    return DatabaseFile(
        names=names, size=4096, inode=(1, inode), links=links, companions=companions
    )


@pytest.mark.parametrize("size", [1 << bits for bits in range(9, 17)])
def test_a_header_is_sound_for_each_page_size(tmp_path: Path, size: int) -> None:
    path = make(tmp_path / "x.db", f"PRAGMA page_size = {size}", "CREATE TABLE t (a)")
    header = path.read_bytes()[:HEADER]
    assert header.startswith(MAGIC)
    assert page_size(header) == size
    assert header_problem(header) == ""


@pytest.mark.parametrize("place", [*range(16, 24), *range(44, 48)])
def test_a_header_that_sqlite_refuses_is_refused(tmp_path: Path, place: int) -> None:
    path = make(tmp_path / "x.db")
    flip(path, place)
    with closing(sqlite3.connect(path)) as connection:
        try:
            connection.execute("SELECT count(*) FROM t")
            refused = False
        except sqlite3.DatabaseError:
            refused = True
    assert bool(header_problem(path.read_bytes()[:HEADER])) is refused
    # The version for writing, what a page leaves unused, and all but the lowest byte of a number.
    assert refused is (place not in {18, 20, 44, 45, 46})


def test_what_lies_beside_a_frozen_database_is_never_overlooked() -> None:
    alone = database(b"x")
    for companions in ((WAL,), (JOURNAL,), (WAL, JOURNAL)):
        one = database(b"x", companions=companions)
        assert way_to_open(one, frozen=True, path_length=1) is Way.RECOVERED
        assert way_to_open(one, frozen=False, path_length=1) is Way.LOCKED
    assert way_to_open(alone, frozen=True, path_length=LONGEST_PATH) is Way.IMMUTABLE
    assert way_to_open(alone, frozen=True, path_length=LONGEST_PATH + 1) is Way.RECOVERED
    assert way_to_open(alone, frozen=False, path_length=1) is Way.LOCKED


def test_the_longest_path_is_sqlites(tmp_path: Path) -> None:
    deep = tmp_path
    while len(str(deep)) < LONGEST_PATH - 200:
        deep /= "d" * 100
    deep.mkdir(parents=True)
    fits = deep / ("x" * (LONGEST_PATH - 1 - len(str(deep))))
    assert len(bytes(fits)) == LONGEST_PATH
    make(fits)
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        make(fits.with_name(fits.name + "x"))


def test_a_name_without_the_companions_that_another_name_has() -> None:
    used = database(b"a", companions=(WAL,), links=2)
    bare = database(b"b", b"c", links=2)
    assert names_without_companions([used, bare]) == {(b"b", b"c"): (b"a",)}
    assert names_without_companions([bare, database(b"d", links=2)]) == {}
    assert names_without_companions([used, database(b"e", inode=2, links=2)]) == {}
    assert names_without_companions([used, database(b"f", companions=(WAL,), links=2)]) == {}


# ── Write-ahead logs ─────────────────────────────────────────────────────────────────────────


def frames(path: Path) -> tuple[int, list[bytes]]:
    """How many frames must be found, and all frame headers."""
    data = path.read_bytes()
    wal = read_wal_header(data[:WAL_HEADER])
    assert wal is not None
    step = FRAME_HEADER + wal.page_size
    headers = [data[at : at + FRAME_HEADER] for at in range(WAL_HEADER, len(data), step)]
    return committed_frames(wal, headers), headers


def frames_for_sqlite(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        _, log, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert isinstance(log, int)
    return log


def test_frames_are_counted_as_sqlite_counts_them(tmp_path: Path) -> None:
    path = make_in_log(tmp_path / "x.db")
    expected, headers = frames(beside(path, "-wal"))
    assert expected == len(headers) > 10
    assert frames_for_sqlite(path) == expected


def test_frames_of_a_transaction_that_was_cut_do_not_count(tmp_path: Path) -> None:
    path = make_in_log(tmp_path / "x.db")
    expected, headers = frames(beside(path, "-wal"))
    wal = beside(path, "-wal")
    data = bytearray(wal.read_bytes())
    wal.write_bytes(data[: -(FRAME_HEADER + 4096)])  # the frame that ends the last one
    shorter, fewer = frames(wal)
    assert len(fewer) == len(headers) - 1 > shorter
    assert frames_for_sqlite(path) == shorter < expected


def test_frames_from_before_the_log_was_begun_anew_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    copied = tmp_path / "copied.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for one in ("PRAGMA journal_mode = WAL", "CREATE TABLE t (a)"):
            connection.execute(one)
        for _ in range(20):
            connection.execute("INSERT INTO t VALUES (randomblob(4000))")
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("INSERT INTO t VALUES (1)")
        for suffix in ("", "-wal"):
            beside(copied, suffix).write_bytes(beside(path, suffix).read_bytes())
    expected, headers = frames(beside(copied, "-wal"))
    assert 0 < expected < 5 < len(headers)
    assert frames_for_sqlite(copied) == expected


@given(st.integers(0, WAL_HEADER - 1), st.integers(1, 255))
def test_no_damage_to_the_header_of_a_log_goes_unseen(place: int, mask: int) -> None:
    """SQLite takes a log with a damaged header as empty, and says nothing."""
    header = bytes.fromhex("377f0682002de218000010000000000000000001deadbeef")
    first = second = 0
    for at in range(0, 24, 8):
        first = (first + int.from_bytes(header[at : at + 4], "little") + second) % 2**32
        second = (second + int.from_bytes(header[at + 4 : at + 8], "little") + first) % 2**32
    good = header + first.to_bytes(4, "big") + second.to_bytes(4, "big")
    assert read_wal_header(good) is not None
    bad = good[:place] + bytes((good[place] ^ mask,)) + good[place + 1 :]
    assert read_wal_header(bad) is None
    assert read_wal_header(good[:place]) is None


# ── Rollback journals ────────────────────────────────────────────────────────────────────────


def whole(journal: bytes) -> bool:
    return is_whole(lambda place, length: journal[place : place + length])


@pytest.mark.parametrize("synced", [True, False])
def test_a_hot_journal_is_whole(tmp_path: Path, synced: bool) -> None:
    path = make_cut(tmp_path / "x.db", synced=synced)
    journal = beside(path, "-journal").read_bytes()
    assert is_hot(journal)
    assert (journal[8:12] == b"\xff\xff\xff\xff") is not synced
    assert journal.count(journal[:8]) > 1 or not synced  # it was synced more than once
    assert whole(journal)


def test_a_journal_that_was_ended_is_cold(tmp_path: Path) -> None:
    path = make(tmp_path / "x.db", "PRAGMA journal_mode = PERSIST", "CREATE TABLE t (a)")
    journal = beside(path, "-journal").read_bytes()
    assert journal
    assert not is_hot(journal)
    assert not is_hot(b"")


def test_a_damaged_journal_is_seen(tmp_path: Path) -> None:
    journal = beside(make_cut(tmp_path / "x.db"), "-journal").read_bytes()
    records, sector = (int.from_bytes(journal[at : at + 4], "big") for at in (8, 20))
    record = 4 + 4096 + 4
    assert records > 1
    ends = [sector + number * record for number in range(1, records + 1)]
    sampled = [end - 4 - 200 for end in ends]
    in_header = [*range(16), *range(20, 28)]
    for place in (*in_header, *sampled, *(end - 1 for end in ends)):
        bad = journal[:place] + bytes((journal[place] ^ 0x81,)) + journal[place + 1 :]
        assert not whole(bad), place
    again = journal.index(journal[:8], 8)  # it was synced a second time
    place = again + sector + record - 1
    assert not whole(journal[:place] + bytes((journal[place] ^ 0x81,)) + journal[place + 1 :])
    for length in (*range(28), sector, ends[0] - 1, ends[-1] - 1):
        assert not whole(journal[:length]), length


def test_a_journal_of_several_databases_is_recognised(tmp_path: Path) -> None:
    alone = beside(make_cut(tmp_path / "x.db"), "-journal").read_bytes()
    across = beside(make_cut_across(tmp_path / "y.db"), "-journal").read_bytes()
    assert not names_super_journal(alone[-JOURNAL_TAIL:])
    assert names_super_journal(across[-JOURNAL_TAIL:])
    assert not names_super_journal(b"")
