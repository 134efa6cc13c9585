"""Asking SQLite whether live databases are sound, without changing a byte of them."""

from __future__ import annotations

import os
import sqlite3
import time

from engine.checks.judge import failed, named
from engine.checks.outcome import Status, Verdict
from engine.sqlite.copies import QUICK_ABOVE, NotCopied, choose_check
from engine.sqlite.files import DatabaseFile
from engine.system.host.descent import Descent, NotThere, descending, opened_root
from engine.system.sqlite.reading import find_problems, said
from engine.system.sqlite.search import database_at, search
from engine.system.sqlite.source import opened_source
from policy.values import AbsolutePath, display


def look_at_one(path: AbsolutePath, root: bytes) -> Verdict:
    """Ask the one database at a path."""
    *above, name = path.names
    try:
        with opened_root(root + AbsolutePath(tuple(above)).text) as directory:
            database = database_at(directory, name)
            if database is None:
                return failed(_missing(directory, path))
            with descending(directory) as descent:
                problem = _problem(descent, database)
    except FileNotFoundError:
        return failed(f"{path}: it is not there")
    except OSError as error:
        return failed(f"{path}: it cannot be read: {error.strerror}")
    if problem:
        return failed(f"{path}: {problem}", looked=1)
    return Verdict(status=Status.OK, reason=f"{path} is sound", looked=1)


def _missing(directory: int, path: AbsolutePath) -> str:
    try:
        size = os.stat(path.names[-1], dir_fd=directory).st_size
    except FileNotFoundError:
        return f"{path}: it is not there"
    return f"{path}: it is empty" if size == 0 else f"{path}: it is no database"


def look_at_all(path: AbsolutePath, root: bytes, seconds: float) -> Verdict:
    """Ask each database in a tree."""
    try:
        with opened_root(root + path.text) as top, descending(top) as descent:
            found = search(top, time.monotonic() + seconds)
            faults = [f"{display(b'/'.join(names))}: {reason}" for names, reason in found.closed]
            for database in found.databases:
                problem = _problem(descent, database)
                if problem:
                    faults.append(f"{display(b'/'.join(database.names))}: {problem}")
    except OSError as error:
        return failed(f"{path}: it cannot be read: {error.strerror}")
    looked = len(found.databases)
    if not looked and not faults:
        return failed(f"{path}: no database lies in it")
    if faults:
        return failed(f"{path}: {named(faults)}", looked=looked)
    return Verdict(status=Status.OK, reason=f"{looked:,} in {path} are sound", looked=looked)


def _problem(descent: Descent, database: DatabaseFile) -> str:
    """What is wrong with one; empty: nothing, or it has gone meanwhile."""
    try:
        parent = descent.enter(database.names[:-1])
        # No copy of it is made for a look: SQLite's own locks are held, and no byte is written.
        with opened_source(database, parent, -1, frozen=False) as source:
            check, problems = find_problems(source.reader, choose_check(database.size, QUICK_ABOVE))
    except (NotThere, FileNotFoundError):
        return ""
    except NotCopied as error:
        return error.reason
    except sqlite3.Error as error:
        return f"SQLite says: {said(error)}"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return f"{check.value} finds: {problems}" if problems else ""
