"""Reading an artefact back to its end, by its kind: whether it is whole, and what is in it.

What was written counts for nothing until it was read (law 18): a program may end well and leave a
header only, a disk may hold other bytes than it was given.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO

from engine.dumps.artefact import Artefact, Nature
from engine.dumps.clients import Client
from engine.dumps.etcd import API
from engine.dumps.figures import Figures, NotWhole, Part
from engine.dumps.redis import damage
from engine.dumps.sql_text import reader_named
from engine.system.dumps.asking import complaint
from engine.system.dumps.client import command_of
from engine.system.dumps.streams import reading, sha256_of
from engine.system.host.process import Command, Completed
from policy.forms import Form

_KEYS = re.compile(rb"(?<!\d)(\d+) keys read")
_READERS = {
    Nature.POSTGRESQL_TEXT: "cluster",
    Nature.POSTGRESQL_GLOBALS: "cluster",
    Nature.POSTGRESQL_ARCHIVE: "archive",
    Nature.MYSQL_TEXT: "mysql",
}
_FOREVER = float("inf")
_SECTOR, _SUM = 512, hashlib.sha256().digest_size
"""Bytes: a database of etcd has whole sectors, and its sum follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading needs of the run that it is part of."""

    run: Callable[[Command], Completed]
    """Within the run's time."""
    check_time: Callable[[], None]
    """Raises where that has passed."""


def read_back(artefact: Artefact, file: IO[bytes], path: bytes, reading: Reading) -> Figures:
    """What is in an artefact that lies at a path, and is open. Raises `NotWhole`.

    And `CommandNotStarted` where the program that reads it is missing.
    """
    file.seek(0)
    match artefact.nature:
        case Nature.POSTGRESQL_TEXT | Nature.POSTGRESQL_GLOBALS | Nature.MYSQL_TEXT:
            return _text(artefact, file, reading)
        case Nature.POSTGRESQL_ARCHIVE:
            return _archive(artefact, path, reading)
        case Nature.RDB:
            return _rdb(file, path, reading)
        case Nature.ETCD:
            return _etcd(file, path, reading)
        case Nature.RAFT:
            return _raft(file, reading)
        case _:
            return _output(artefact, file, reading)


def _text(artefact: Artefact, file: IO[bytes], run: Reading) -> Figures:
    reader = reader_named(_READERS[artefact.nature], artefact.database)()
    for chunk in reading(file, artefact.compression):
        reader.feed(chunk)
        run.check_time()
    found = reader.finish()
    if artefact.nature is Nature.POSTGRESQL_GLOBALS:
        # Rows are in none; that it holds none says nothing.
        parts = tuple(Part(database="", size=one.size) for one in found.parts)
        return Figures(parts=parts, content=found.content)
    return found


def _archive(artefact: Artefact, path: bytes, run: Reading) -> Figures:
    """As SQL once more: so all of it is unpacked, not its table of contents alone."""
    reader = reader_named(_READERS[artefact.nature], artefact.database)()

    def feed(chunk: bytes) -> bytes:
        reader.feed(chunk)
        return b""

    # As the client that made it, by its account and for its server: an archive is somebody else's
    # data, and Debian's pg_wrapper(1) takes another version for another server.
    client = replace(
        artefact.client, programs=("pg_restore",), arguments=(b"--file=-",), opens=None
    )
    with command_of(client, seconds=_FOREVER, on_output=feed) as command:
        told = run.run(replace(command, stdin=path))
    if told.code != 0:
        raise NotWhole(f"pg_restore cannot read it: {complaint(told)}")
    return reader.finish()


def _rdb(file: IO[bytes], path: bytes, run: Reading) -> Figures:
    told = _asked(Client(programs=("redis-check-rdb",), arguments=(path,)), run)
    found = _KEYS.search(told.stdout)
    if told.code != 0 or found is None:
        said = damage(told.stdout.decode("utf-8", "backslashreplace"))
        raise NotWhole(f"redis-check-rdb finds it damaged: {said}")
    size = os.fstat(file.fileno()).st_size
    return Figures(parts=(Part(database="", rows=int(found[1]), size=size),))


def _etcd(file: IO[bytes], path: bytes, run: Reading) -> Figures:
    _compare_with_sum(file)
    arguments = (b"snapshot", b"status", path, b"--write-out=json")
    # etcdctl has it up to 3.5, etcdutl from then on.
    client = Client(programs=("etcdutl", "etcdctl"), arguments=arguments, variables=(API,))
    told = _asked(client, run)
    if told.code != 0:
        raise NotWhole(f"it is no whole snapshot: {complaint(told)}")
    try:
        said = json.loads(told.stdout)
        keys, revision, size = int(said["totalKey"]), int(said["revision"]), int(said["totalSize"])
    except (ValueError, LookupError, TypeError):
        raise NotWhole("the program that reads it back has given no answer") from None
    part = Part(database="", rows=keys, size=size)
    return Figures(parts=(part,), content=f"revision {revision}")


def _compare_with_sum(file: IO[bytes]) -> None:
    """`snapshot status` looks at no sum; `snapshot restore` does, and refuses (etcd's source)."""
    size = os.fstat(file.fileno()).st_size
    if size % _SECTOR != _SUM or sha256_of(file, size - _SUM) != file.read(_SUM).hex():
        raise NotWhole("it is no whole snapshot: its content is not what its sum says")


def _raft(file: IO[bytes], run: Reading) -> Figures:
    argv = (os.fsencode(sys.executable), b"-m", b"engine.system.dumps.raft")
    told = run.run(Command(argv=argv, timeout=_FOREVER, stdin=b"/proc/self/fd/%d" % file.fileno()))
    if told.code != 0:
        raise NotWhole(complaint(told))
    said = json.loads(told.stdout)
    part = Part(database="", size=int(said["size"]))
    return Figures(parts=(part,), content=f"index {said['index']}")


def _output(artefact: Artefact, file: IO[bytes], run: Reading) -> Figures:
    size = os.fstat(file.fileno()).st_size
    if artefact.form is not Form.NONE:
        argv = (os.fsencode(sys.executable), b"-m", b"engine.system.fetch.worker")
        told = run.run(
            Command(
                argv=(*argv, artefact.form.value.encode()),
                timeout=_FOREVER,
                stdin=b"/proc/self/fd/%d" % file.fileno(),
            )
        )
        if told.code != 0:
            raise NotWhole(complaint(told))
    return Figures(parts=(Part(database="", size=size),))


def _asked(client: Client, run: Reading) -> Completed:
    with command_of(client, seconds=_FOREVER) as command:
        return run.run(command)
