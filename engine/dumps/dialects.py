"""How each kind of source is asked and dumped: one module a kind, listed here once."""

from __future__ import annotations

from typing import Protocol

from engine.dumps import command, etcd, mysql, postgresql, redis, sqlite, vault
from engine.dumps.artefact import Artefact
from engine.dumps.clients import Client
from engine.dumps.servers import ServerSeen
from policy.legs import DumpLeg
from policy.sources import CommandSource, DumpedSource, ServerKind, SqliteSource


class Dialect(Protocol):
    """What is to be known of one source."""

    def questions(self) -> tuple[Client, ...]:
        """What is asked before a dump."""

    def seen(self, answers: tuple[str, ...]) -> ServerSeen:
        """What the answers come to, in the order of the questions. Raises `Unanswered`."""

    def artefacts(self, leg: DumpLeg, seen: ServerSeen) -> tuple[Artefact, ...]:
        """The files of a dump."""


def dialect_of(source: DumpedSource, *, per_database: bool) -> Dialect:
    """How a source is asked and dumped."""
    match source:
        case SqliteSource():
            return sqlite.Sqlite(source)
        case CommandSource():
            return command.Program(source)
        case _:
            pass
    match source.server:
        case ServerKind.POSTGRESQL:
            return postgresql.Postgresql(source.connect, per_database=per_database)
        case ServerKind.MYSQL:
            return mysql.Mysql(source.connect)
        case ServerKind.REDIS:
            return redis.Redis(source.connect)
        case ServerKind.ETCD:
            return etcd.Etcd(source.connect)
        case ServerKind.VAULT:
            return vault.Vault(source.connect)
