"""Redis: the server makes a snapshot and sends it, as it does to a replica (`redis-cli --rdb`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.dumps.artefact import Artefact, Nature
from engine.dumps.clients import Client, InVariable, Opens
from engine.dumps.servers import ServerSeen, Unanswered, version_in
from policy.connect import Connect
from policy.legs import DumpLeg

_SERVER = re.compile(r"^redis_version:([0-9.]+)", re.MULTILINE)
_DAMAGE = "--- RDB ERROR DETECTED ---"
"""The line of redis-check-rdb after which it says what is wrong; how far it came follows."""


def damage(said: str) -> str:
    """What redis-check-rdb finds wrong with a snapshot, of all that it prints."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    after = lines[lines.index(_DAMAGE) + 1 :] if _DAMAGE in lines else []
    return next(iter(after), lines[-1] if lines else "no word")


class Redis:
    """One server."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def questions(self) -> tuple[Client, ...]:
        """The version of what verifies a snapshot, and the server's."""
        check = Client(programs=("redis-check-rdb",), arguments=(b"--version",))
        return (check, self._client(b"INFO", b"server"))

    def seen(self, answers: tuple[str, ...]) -> ServerSeen:
        """From two answers. Raises `Unanswered`."""
        program, said = answers
        found = _SERVER.search(said)
        if found is None:
            # redis-cli ends with 0 also where the server lets it do nothing.
            raise Unanswered(said.strip().splitlines()[0][:200] if said.strip() else "no answer")
        server, client = version_in(found[1]), version_in(program)
        return ServerSeen(
            server=f"Redis {found[1]}",
            client=program.strip(),
            older=client[:2] < server[:2],
        )

    def artefacts(self, leg: DumpLeg, seen: ServerSeen) -> tuple[Artefact, ...]:
        """One snapshot."""
        del leg, seen
        # `-` is the standard output (redis-cli --help).
        client = self._client(b"--rdb", b"-")
        return (Artefact(name=b"dump.rdb", nature=Nature.RDB, client=client),)

    def _client(self, *arguments: bytes) -> Client:
        secret = self._connect.password
        return Client(
            programs=("redis-cli",),
            arguments=(*self._reached(), *arguments),
            opens=Opens(secret=secret, way=InVariable(name="REDISCLI_AUTH")) if secret else None,
            # It goes on without a password then, and what is told last is NOAUTH.
            complaint=b"AUTH failed",
        )

    def _reached(self) -> Iterator[bytes]:
        one = self._connect
        if one.host is not None:
            yield from (b"-h", one.host.encode())
        if one.port is not None:
            yield from (b"-p", b"%d" % one.port)
        if one.socket is not None:
            yield from (b"-s", one.socket.text)
        if one.user is not None:
            yield from (b"--user", one.user.encode())
        if one.authority is not None:
            yield from (b"--tls", b"--cacert", one.authority.text)
