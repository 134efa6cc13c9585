"""A SQLite database with the files beside it, without which it is of no use."""

from __future__ import annotations

from engine.dumps.artefact import Artefact, Nature
from engine.dumps.clients import Client
from engine.dumps.servers import ServerSeen
from engine.dumps.vault import PYTHON
from policy.legs import DumpLeg
from policy.sources import SqliteSource


class Sqlite:
    """One database."""

    def __init__(self, source: SqliteSource) -> None:
        self._source = source

    def questions(self) -> tuple[Client, ...]:
        """None: there is no server."""
        return ()

    def seen(self, answers: tuple[str, ...]) -> ServerSeen:
        """Always the same."""
        del answers
        return ServerSeen(server="SQLite", client="its own interface")

    def artefacts(self, leg: DumpLeg, seen: ServerSeen) -> tuple[Artefact, ...]:
        """The database first: what it refers to was there by then."""
        del leg, seen
        path = self._source.path
        copied = Client(programs=(PYTHON,), arguments=(b"-m", b"engine.system.sqlite.worker"))
        database = Artefact(name=path.names[-1], nature=Nature.SQLITE, client=copied, origin=path)
        if not self._source.companions:
            return (database,)
        beside = Artefact(
            name=b"",
            nature=Nature.BESIDE,
            client=Client(programs=("rsync",), arguments=()),
            origin=path,
            beside=self._source.companions,
        )
        return (database, beside)
