"""Asking a server, before anything is written, what it is and what it has."""

from __future__ import annotations

import os
import shutil

from engine.dumps.clients import Client
from engine.dumps.dialects import dialect_of
from engine.dumps.refusals import with_cause
from engine.dumps.servers import ServerSeen, Unanswered
from engine.system.dumps.client import command_of
from engine.system.host.process import CommandNotStarted, Completed, run
from engine.system.host.secrets import NoSecret
from engine.system.sqlite.search import database_at
from policy.sources import CommandSource, DumpedSource, SqliteSource
from policy.values import display

_PATIENCE = 60.0
"""Seconds for each question."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def server_seen(source: DumpedSource, *, per_database: bool) -> ServerSeen:
    """What a source is now; why it cannot be dumped is in the answer."""
    dialect = dialect_of(source, per_database=per_database)
    try:
        answers = tuple(_answer(one) for one in dialect.questions())
        seen = dialect.seen(answers)
    except Unanswered as error:
        return ServerSeen(problem=with_cause(source, str(error)))
    except (CommandNotStarted, NoSecret) as error:
        return ServerSeen(problem=str(error))
    problem = _problem(source)
    return seen if not problem else ServerSeen(problem=problem)


def _answer(question: Client) -> str:
    with command_of(question, seconds=_PATIENCE) as command:
        told = run(command)
    if told.timed_out:
        raise Unanswered(f"{question.programs[0]} was given no answer within {_PATIENCE:.0f} s")
    if told.code != 0 or (question.complaint and question.complaint in told.stderr):
        raise Unanswered(complaint(told))
    return told.stdout.decode("utf-8", "backslashreplace")


def complaint(told: Completed) -> str:
    """Why a client ended, in its own words."""
    return told.last_words or f"it ended with {told.code}"


def _problem(source: DumpedSource) -> str:
    """What is missing of a source that no server answers for."""
    if isinstance(source, CommandSource) and shutil.which(source.run[0]) is None:
        return f"{source.run[0]} is not there, or may not be run"
    if isinstance(source, SqliteSource):
        return _database_problem(source)
    return ""


def _database_problem(source: SqliteSource) -> str:
    path = source.path
    try:
        folder = os.open(b"/" + b"/".join(path.names[:-1]), _DIRECTORY)
        try:
            found = database_at(folder, path.names[-1])
        finally:
            os.close(folder)
    except OSError as error:
        return f"{display(path.text)} cannot be read: {error.strerror}"
    return "" if found is not None else f"at {display(path.text)} there is no SQLite database"
