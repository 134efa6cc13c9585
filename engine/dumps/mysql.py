"""MySQL and MariaDB: one `mysqldump` for all databases, or one for each.

`--single-transaction` makes a dump of one moment, of tables that know transactions (mysqldump(1)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.dumps.artefact import Artefact, Nature, file_names
from engine.dumps.clients import Client, InOptionFile, Opens
from engine.dumps.servers import ServerSeen, Unanswered, Version, version_in
from policy.connect import Connect
from policy.legs import DumpLeg

_DUMPS = ("mariadb-dump", "mysqldump")
_ASKS = ("mariadb", "mysql")
_SYSTEM = b"'information_schema', 'performance_schema', 'mysql', 'sys'"
# In hexadecimal digits, since a name may hold whatever separates answers.
_QUESTION = (
    b"SELECT 'version', VERSION() "
    b"UNION ALL SELECT 'database', HEX(CONVERT(schema_name USING utf8mb4)) "
    b"FROM information_schema.schemata WHERE schema_name NOT IN (" + _SYSTEM + b") "
    b"UNION ALL SELECT 'torn', COUNT(*) FROM information_schema.tables AS t "
    b"JOIN information_schema.engines AS e ON e.engine = t.engine "
    b"WHERE t.table_type = 'BASE TABLE' AND e.transactions = 'NO' "
    b"AND t.table_schema NOT IN (" + _SYSTEM + b")"
)
_OPTIONS = (
    b"--single-transaction",
    b"--quick",
    b"--routines",
    b"--events",
    b"--triggers",
    b"--hex-blob",  # a blob as text depends on who reads it
    b"--skip-dump-date",  # so that equal data are an equal dump
    b"--default-character-set=utf8mb4",
)
_OWN_VERSION = re.compile(r"(?:Distrib|from) ([0-9.]+)")
_ONLY_VERSION = re.compile(r"Ver ([0-9.]+)")
_PATIENCE = b"--connect-timeout=30"


class Mysql:
    """One server."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def questions(self) -> tuple[Client, ...]:
        """The program's version; the server's, its databases, and what it cannot hold still."""
        return (
            Client(programs=_DUMPS, arguments=(b"--version",)),
            self._client(
                _ASKS,
                *(b"--batch", b"--skip-column-names", _PATIENCE),
                *(b"--default-character-set=utf8mb4", b"--execute", _QUESTION),
            ),
        )

    def seen(self, answers: tuple[str, ...]) -> ServerSeen:
        """From two answers. Raises `Unanswered`."""
        program, said = answers
        facts = [line.partition("\t") for line in said.splitlines()]
        text = next((value for key, _, value in facts if key == "version"), "")
        server, theirs = version_in(text)[:2], "MariaDB" in text
        client, ours = _client_version(program)
        torn = sum(int(value) for key, _, value in facts if key == "torn" and value.isdigit())
        return ServerSeen(
            server=f"{'MariaDB' if theirs else 'MySQL'} {text}",
            client=program.strip(),
            older=theirs == ours and client[:2] < server,
            databases=tuple(sorted(_name(value) for key, _, value in facts if key == "database")),
            remarks=tuple(_remarks(torn, theirs=theirs, ours=ours)),
        )

    def artefacts(self, leg: DumpLeg, seen: ServerSeen) -> tuple[Artefact, ...]:
        """One file of SQL for all databases with the accounts, or one for each."""
        ending = f".sql{leg.compression.ending}".encode()
        gtid = () if "MariaDB" in seen.server else (b"--set-gtid-purged=OFF",)
        if not leg.per_database:
            whole = self._client(_DUMPS, *_OPTIONS, *gtid, b"--all-databases")
            found = [(b"all", "", whole)]
        else:
            found = [
                (
                    name,
                    one,
                    self._client(_DUMPS, *_OPTIONS, *gtid, b"--databases", b"--", one.encode()),
                )
                for one, name in file_names(seen.databases).items()
            ]
        return tuple(
            Artefact(
                name=name + ending,
                nature=Nature.MYSQL_TEXT,
                client=client,
                database=database,
                compression=leg.compression,
            )
            for name, database, client in found
        )

    def _client(self, programs: tuple[str, ...], *arguments: bytes) -> Client:
        secret = self._connect.password
        return Client(
            programs=programs,
            # First, and no other options but these: those of the machine may change what is dumped.
            arguments=(*(() if secret else (b"--no-defaults",)), *self._reached(), *arguments),
            opens=Opens(secret=secret, way=InOptionFile()) if secret is not None else None,
            account=self._connect.account,
        )

    def _reached(self) -> Iterator[bytes]:
        one = self._connect
        if one.host is not None:
            # `localhost` would be the socket, whatever the port (mysql(1), --protocol).
            yield from (b"--host=" + one.host.encode(), b"--protocol=TCP")
        if one.port is not None:
            yield b"--port=%d" % one.port
        if one.socket is not None:
            yield b"--socket=" + one.socket.text
        if one.user is not None:
            yield b"--user=" + one.user.encode()
        if one.authority is not None:
            yield from (b"--ssl-ca=" + one.authority.text, b"--ssl-verify-server-cert")


def _name(digits: str) -> str:
    try:
        return bytes.fromhex(digits).decode()
    except ValueError:
        raise Unanswered(f"the name of a database cannot be read: {digits[:80]}") from None


def _client_version(program: str) -> tuple[Version, bool]:
    """The version, and whether it is MariaDB's.

    `Ver` is that of the program's own options where `Distrib` or `from` follows: so in MariaDB, and
    in MySQL before 8.
    """
    found = _OWN_VERSION.search(program) or _ONLY_VERSION.search(program)
    if found is None:
        raise Unanswered(f"no version is told: {program.strip()[:200]}")
    return version_in(found[1]), "MariaDB" in program


def _remarks(torn: int, *, theirs: bool, ours: bool) -> Iterator[str]:
    if theirs != ours:
        names = ("MariaDB" if ours else "MySQL", "MariaDB" if theirs else "MySQL")
        yield f"the client is of {names[0]} and the server of {names[1]}: try to load such a dump"
    if torn:
        tables = "1 table knows" if torn == 1 else f"{torn:,} tables know"
        yield f"{tables} no transactions, so that it may be torn; `ALTER TABLE … ENGINE=InnoDB`"
