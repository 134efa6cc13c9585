"""Artefacts: the files of which a dump consists, and what each must be."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.dumps.clients import Client
from engine.reach.name_folding import Folding, meeting
from policy.encryption import ENDING
from policy.forms import Form
from policy.legs.dump import Compression
from policy.values import AbsolutePath


class Nature(enum.Enum):
    """What an artefact is: by that it is verified, and its rows are counted."""

    POSTGRESQL_TEXT = "a cluster of PostgreSQL as SQL"
    POSTGRESQL_GLOBALS = "the roles and tablespaces of a PostgreSQL cluster"
    POSTGRESQL_ARCHIVE = "a PostgreSQL database in its own archive format"
    MYSQL_TEXT = "databases of MySQL as SQL"
    RDB = "a snapshot of Redis"
    ETCD = "a snapshot of etcd"
    RAFT = "a snapshot of Vault's storage"
    SQLITE = "a SQLite database"
    BESIDE = "files beside a database"
    OUTPUT = "what a program has printed"
    DIRECTORY = "what a program has filled a directory with"

    @property
    def written_by_its_program(self) -> bool:
        """Whether the program writes it by itself; else what it prints is kept."""
        return self in {Nature.ETCD, Nature.DIRECTORY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One file, or folder, of a dump."""

    name: bytes
    """In the generation's folder, with the ending that its compression gives it."""
    nature: Nature
    client: Client
    database: str = ""
    """The one that it holds; empty: it holds them all, or there is none."""
    compression: Compression = Compression.NONE
    form: Form = Form.NONE
    """Of what a program has printed."""
    origin: AbsolutePath | None = None
    """Where it is copied from, if it is a file of this machine."""
    beside: tuple[str, ...] = ()
    """Patterns of names in the directory of the origin."""


_KEPT = ((ENDING,), tuple(one.ending for one in Compression if one.ending), (".tar",))
_MADE = (".dump", ".sql")


def files_meant(typed: bytes, names: Iterable[bytes]) -> tuple[bytes, ...]:
    """Which files of a dump a name may mean: a file's name without endings, or a database's."""
    database = typed.decode("utf-8", "surrogateescape")
    name = file_name(database)
    # Beside one that differs by case alone it has a digest.
    meant = {typed, name, _with_digest(name, database)}
    return tuple(one for one in names if meant & set(_stems(one)))


def _stems(name: bytes) -> Iterator[bytes]:
    """A file's name, less and less of what says how its content is kept and of what sort it is.

    A database may be called `a.sql`, so that one ending of the sort goes and no more.
    """
    yield name
    for endings in (*_KEPT, _MADE):
        ending = next((one for one in endings if name.endswith(one.encode())), "")
        if ending:
            name = name.removesuffix(ending.encode())
            yield name


_LONGEST = 180
"""Bytes of a name before its endings: a file's name has 255 (NAME_MAX)."""

_OF_NO_DATABASE = frozenset({"all", "globals"})
"""Names of files that hold what is of all databases, or of none."""


_ANYWHERE = Folding(case=True, form=True)
"""What some place may not tell apart: dumps are carried on, and a share is asked by nobody."""


def file_names(databases: Sequence[str]) -> Mapping[str, bytes]:
    """The name of the file that holds each database; no two are one on any disk.

    Of several that differ by case or form alone, `orders` keeps its name beside `Orders`: what has
    no capitals, and of that the first.
    """
    found = {one: file_name(one) for one in databases}
    of = {name: database for database, name in found.items()}
    for group in meeting(found.values(), _ANYWHERE):
        plain = min(group, key=lambda name: (name.decode() != name.decode().lower(), name))
        for name in group:
            if name != plain:
                found[of[name]] = _with_digest(name, of[name])
    return found


def file_name(database: str) -> bytes:
    """The name of the file that holds a database: its own, with `%XX` where that is no good name.

    Letters and digits of any script stay; of what else there is only `_`, `-` and a dot within.
    So it is no hidden file, no option and no path, and two databases never share a file; nor does
    one with what belongs to none.
    """
    taken = database in _OF_NO_DATABASE
    parts = []
    for at, one in enumerate(database):
        inside = at > 0 and one in "-."
        if (one.isalnum() or one == "_" or inside) and not (taken and at == 0):
            parts.append(one.encode())
        else:
            parts.append(b"".join(b"%%%02X" % byte for byte in one.encode("utf-8", "replace")))
    name = b"".join(parts)
    return name if len(name) <= _LONGEST else _with_digest(name, database)


def _with_digest(name: bytes, database: str) -> bytes:
    """A name that says which database it is of, whatever becomes of its letters."""
    digest = hashlib.sha256(database.encode("utf-8", "replace")).hexdigest()[:16].encode()
    return name[: _LONGEST - 17].decode("utf-8", "ignore").encode() + b"~" + digest
