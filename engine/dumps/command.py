"""A program of this machine that exports data: it prints them, or fills a directory."""

from __future__ import annotations

from engine.dumps.artefact import Artefact, Nature
from engine.dumps.clients import OUTPUT, Client
from engine.dumps.servers import ServerSeen
from policy.legs import DumpLeg
from policy.sources import DIRECTORY, CommandSource

FOLDER = b"files"
"""The folder of a generation that a program has filled."""


class Program:
    """One program."""

    def __init__(self, source: CommandSource) -> None:
        self._source = source

    def questions(self) -> tuple[Client, ...]:
        """None: nothing is known of it."""
        return ()

    def seen(self, answers: tuple[str, ...]) -> ServerSeen:
        """Always the same."""
        del answers
        return ServerSeen(server=self._source.run[0], client=self._source.run[0])

    def artefacts(self, leg: DumpLeg, seen: ServerSeen) -> tuple[Artefact, ...]:
        """One file, or one folder."""
        del leg, seen
        first, *others = self._source.run
        if self._source.file is not None:
            return (
                Artefact(
                    name=self._source.file.encode(),
                    nature=Nature.OUTPUT,
                    client=Client(
                        programs=(first,), arguments=tuple(word.encode() for word in others)
                    ),
                    form=self._source.form,
                ),
            )
        words = tuple(word.encode().replace(DIRECTORY.encode(), OUTPUT) for word in others)
        client = Client(programs=(first,), arguments=words)
        return (Artefact(name=FOLDER, nature=Nature.DIRECTORY, client=client),)
