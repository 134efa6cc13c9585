"""PostgreSQL: `pg_dumpall` for a whole cluster, `pg_dump` for each database.

A dump is one transaction of the server's, so it is of one moment (pg_dump(1)); a cluster's is one
of each database.
"""

from __future__ import annotations

import json
from dataclasses import replace

from engine.dumps.artefact import Artefact, Nature, file_names
from engine.dumps.clients import Client, InVariable, Opens
from engine.dumps.servers import ServerSeen, Unanswered, version_in
from policy.connect import Connect
from policy.legs import DumpLeg

# `postgres` is there for those who connect (initdb(1)); template1 would keep others from making
# databases for as long as it is asked.
_ASKED = b"postgres"
_QUESTION = (
    b"SELECT json_build_object("
    b"'version', current_setting('server_version_num')::int, "
    b"'text', current_setting('server_version'), "
    b"'identity', (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), "
    b"'databases', (SELECT json_agg(datname) FROM pg_catalog.pg_database "
    b"WHERE datallowconn AND datname NOT IN ('template0', 'template1')), "
    b"'closed', (SELECT json_agg(datname) FROM pg_catalog.pg_database "
    b"WHERE NOT datallowconn AND datname <> 'template0'))"
)
_PATIENCE = "30"
"""Seconds until a server that does not answer is given up."""


class Postgresql:
    """One cluster."""

    def __init__(self, connect: Connect, *, per_database: bool) -> None:
        self._connect = connect
        self._per_database = per_database

    def questions(self) -> tuple[Client, ...]:
        """The program's version; the server's, and its databases."""
        program = "pg_dump" if self._per_database else "pg_dumpall"
        return (
            # As it is dumped: Debian's pg_wrapper(1) takes another version for another server.
            replace(self._client(program), arguments=(b"--version",), opens=None),
            self._client(
                "psql",
                *(b"--no-psqlrc", b"--no-align", b"--tuples-only", b"--quiet"),
                *(b"--command", _QUESTION, b"--dbname", _ASKED),
            ),
        )

    def seen(self, answers: tuple[str, ...]) -> ServerSeen:
        """From two answers. Raises `Unanswered`."""
        program, said = answers
        try:
            answer = json.loads(said)
            number, text = int(answer["version"]), str(answer["text"])
            databases = tuple(sorted(answer["databases"] or ()))
            closed = sorted(answer.get("closed") or ())
        except (ValueError, TypeError, KeyError):
            raise Unanswered("psql has given no answer that can be read") from None
        client = version_in(program.partition(")")[2])
        return ServerSeen(
            server=f"PostgreSQL {text}",
            client=program.strip(),
            # Of the first number each counts as another version; pg_dump(1) takes older servers.
            older=client[0] < number // 10_000,
            identity=str(answer["identity"]),
            databases=databases,
            remarks=tuple(f"{one!r} lets nobody in, and is in no dump" for one in closed),
        )

    def artefacts(self, leg: DumpLeg, seen: ServerSeen) -> tuple[Artefact, ...]:
        """One file of SQL; or the roles, and an archive for each database."""
        if not self._per_database:
            return (self._text("all", Nature.POSTGRESQL_TEXT, leg),)
        roles = self._text("globals", Nature.POSTGRESQL_GLOBALS, leg, b"--globals-only")
        names = file_names(seen.databases).items()
        return (roles, *(self._archive(database, name) for database, name in names))

    def _text(self, name: str, nature: Nature, leg: DumpLeg, *options: bytes) -> Artefact:
        return Artefact(
            name=f"{name}.sql{leg.compression.ending}".encode(),
            nature=nature,
            client=self._client("pg_dumpall", *options),
            compression=leg.compression,
        )

    def _archive(self, database: str, name: bytes) -> Artefact:
        return Artefact(
            name=name + b".dump",
            nature=Nature.POSTGRESQL_ARCHIVE,
            # A name with an = in it would be read as a connection string (libpq, "Connection
            # Strings"); as the value of one it is a name and nothing else.
            client=self._client(
                "pg_dump", b"--format=custom", b"--dbname", _connection_string(database)
            ),
            database=database,
        )

    def _client(self, program: str, *arguments: bytes) -> Client:
        one = self._connect
        variables = {"PGCONNECT_TIMEOUT": _PATIENCE, "PGAPPNAME": "policyctl"}
        if one.host is not None:
            variables["PGHOST"] = one.host
        if one.socket is not None:
            variables["PGHOST"] = one.socket.text.decode("utf-8", "surrogateescape")
        if one.port is not None:
            variables["PGPORT"] = str(one.port)
        if one.user is not None:
            variables["PGUSER"] = one.user
        if one.authority is not None:
            authority = one.authority.text.decode("utf-8", "surrogateescape")
            variables |= {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": authority}
        secret = one.password
        return Client(
            programs=(program,),
            arguments=(b"--no-password", *arguments),
            variables=tuple(sorted(variables.items())),
            opens=Opens(secret=secret, way=InVariable(name="PGPASSWORD")) if secret else None,
            account=one.account,
        )


def _connection_string(database: str) -> bytes:
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{quoted}'".encode()
