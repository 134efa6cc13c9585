"""Real SQLite databases in every state that a snapshot can catch them in."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_KILLED = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
run = connection.execute
{body}
os.kill(os.getpid(), signal.SIGKILL)
"""
_IN_LOG = """
run("PRAGMA journal_mode = WAL")
run("PRAGMA wal_autocheckpoint = 0")
run("CREATE TABLE t (id INTEGER PRIMARY KEY, text)")
run("PRAGMA wal_checkpoint(TRUNCATE)")
for part in range({transactions}):
    run("BEGIN")
    for _ in range(100):
        run("INSERT INTO t (text) VALUES (hex(randomblob(100)))")
    run("COMMIT")
"""
_CUT = """
run("PRAGMA journal_mode = PERSIST")
run("CREATE TABLE t (id INTEGER PRIMARY KEY, text)")
run("BEGIN")
for _ in range(1000):
    run("INSERT INTO t (text) VALUES (hex(zeroblob(100)))")
run("COMMIT")
run("UPDATE t SET text = hex(zeroblob(100))")
run("PRAGMA cache_size = 5")
run("PRAGMA synchronous = {synchronous}")
run("BEGIN")
run("UPDATE t SET text = 'never committed' WHERE id <= {most}")
if {most} == 1000:
    run("DELETE FROM t WHERE id % 2")
    for _ in range(2000):
        run("INSERT INTO t (text) VALUES (hex(zeroblob(200)))")
"""
_WRITER = """
import os, sqlite3, sys, threading, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
over, told = threading.Event(), False
threading.Thread(target=lambda: (sys.stdin.read(), over.set())).start()
while not over.is_set():
    connection.execute("BEGIN IMMEDIATE")
    many = [(1, os.urandom(2000)), (2, os.urandom(2000))]
    connection.executemany("INSERT INTO t VALUES (?, ?)", many)
    connection.execute("COMMIT")
    if not told:
        print("committed", flush=True)
        told = True
    time.sleep(0.005)
connection.close()
"""
_KILLED_ANY_TIME = """
import os, random, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
run = connection.execute
for setting in sys.argv[2:]:
    run("PRAGMA " + setting)
run("CREATE TABLE t (id INTEGER PRIMARY KEY, side, text)")
print("made", flush=True)
while True:
    run("BEGIN")
    for side in [1, 2] * random.choice([1, 5, 50, 400]):
        run("INSERT INTO t (side, text) VALUES (?, ?)", (side, os.urandom(random.randrange(3000))))
    pair = random.choice(run("SELECT id / 2 FROM t WHERE id % 2 = 0").fetchall())[0]
    run("DELETE FROM t WHERE (id + 1) / 2 = ?", (pair,))
    run(random.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))
"""
_LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def _in_killed_process(path: Path, body: str) -> None:
    command = [sys.executable, "-c", _KILLED.format(body=body), str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


def make(path: Path, *statements: str) -> Path:
    """A database that was closed in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for one in statements or ("CREATE TABLE t (id)", "INSERT INTO t VALUES (1), (2), (3)"):
            connection.execute(one)
    return path


def make_in_log(path: Path, transactions: int = 10) -> Path:
    """100 rows a transaction, all of them in `-wal` alone, as a killed writer leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _in_killed_process(path, _IN_LOG.format(transactions=transactions))
    assert beside(path, "-wal").stat().st_size > transactions * 4096
    return path


def make_cut(path: Path, *, synced: bool = True) -> Path:
    """1,000 rows; a transaction that changed them was cut once the main file had been written.

    Where nothing was synced, its journal does not say where it ends, and older records follow.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    synchronous, most = ("FULL", 1000) if synced else ("OFF", 500)
    _in_killed_process(path, _CUT.format(synchronous=synchronous, most=most))
    assert beside(path, "-journal").read_bytes()[:1] != b"\0"
    return path


def make_killed(path: Path, seconds: float, *settings: str) -> Path:
    """Rows of two sides, as many of the one as of the other; the writer was killed at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", _KILLED_ANY_TIME, str(path), *settings]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(seconds)
        process.kill()
    return path


def make_cut_across(path: Path) -> Path:
    """The same, of a transaction over two databases that was being committed."""
    make_cut(path)
    other = str(path.with_name("gone.db-mj12345678")).encode()
    tail = len(other).to_bytes(4, "big") + sum(other).to_bytes(4, "big")
    with beside(path, "-journal").open("ab") as journal:
        journal.write((1 << 20).to_bytes(4, "big") + other + tail)
        journal.write(bytes.fromhex("d9d505f920a163d7"))
    return path


@contextmanager
def _other_process(program: str, path: Path) -> Iterator[None]:
    """Another program that has the database open: SQLite's locks are those of a process."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline()
        yield
        process.stdin.close()
        process.stdout.read()
    assert process.returncode == 0


@contextmanager
def in_use(path: Path, mode: str) -> Iterator[None]:
    """An application adds two rows a transaction, again and again, and none of them fails."""
    make(path, f"PRAGMA journal_mode = {mode}", "CREATE TABLE t (a, b)", "CREATE INDEX i ON t (a)")
    with _other_process(_WRITER, path):
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """An application keeps everybody else out."""
    with _other_process(_LOCKER, path):
        yield


def beside(path: Path, suffix: str) -> Path:
    """A companion of a database."""
    return path.with_name(path.name + suffix)


def flip(path: Path, place: int) -> None:
    """Damage one byte."""
    with path.open("r+b") as file:
        file.seek(place)
        old = file.read(1)
        file.seek(place)
        file.write(bytes((old[0] ^ 0xFF,)))


def rows(path: Path, table: str = "t") -> list[tuple[object, ...]]:
    """What a copy holds: nothing lies beside it, and nothing is left there."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
