"""Vault: a snapshot of its integrated storage, by its HTTP interface alone.

That is what `vault operator raft snapshot save` asks too (`/sys/storage/raft/snapshot`), so the
client need not be installed; nor can it be older than the server.
"""

from __future__ import annotations

from engine.dumps.artefact import Artefact, Nature
from engine.dumps.clients import Client, InVariable, Opens
from engine.dumps.servers import ServerSeen, version_in
from policy.connect import Connect
from policy.legs import DumpLeg

PYTHON = "python"
"""Stands for the interpreter that runs this very process."""
TOKEN = "VAULT_TOKEN"  # noqa: S105 - the name of a variable


class Vault:
    """One server."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def questions(self) -> tuple[Client, ...]:
        """The server's version, and whether it is sealed."""
        return (self._client(b"version"),)

    def seen(self, answers: tuple[str, ...]) -> ServerSeen:
        """From one answer. Raises `Unanswered`."""
        (said,) = answers
        text, _, cluster = said.strip().partition("\n")
        version_in(text)
        return ServerSeen(server=f"Vault {text}", client="its HTTP interface", identity=cluster)

    def artefacts(self, leg: DumpLeg, seen: ServerSeen) -> tuple[Artefact, ...]:
        """One snapshot."""
        del leg, seen
        client = self._client(b"snapshot")
        return (Artefact(name=b"raft.snap", nature=Nature.RAFT, client=client),)

    def _client(self, what: bytes) -> Client:
        one = self._connect
        authority = (one.authority.text,) if one.authority is not None else ()
        opens = Opens(secret=one.token, way=InVariable(name=TOKEN)) if one.token else None
        address = (one.address or "").encode()
        return Client(
            programs=(PYTHON,),
            arguments=(b"-m", b"engine.system.dumps.vault", what, address, *authority),
            opens=opens,
        )
