"""etcd: `etcdctl snapshot save` of one member, which knows all that the cluster has agreed on."""

from __future__ import annotations

import json
from collections.abc import Iterator

from engine.dumps.artefact import Artefact, Nature
from engine.dumps.clients import OUTPUT, Client, InVariable, Opens
from engine.dumps.servers import ServerSeen, Unanswered, version_in
from policy.connect import Connect
from policy.legs import DumpLeg

API = ("ETCDCTL_API", "3")
"""Of what etcdctl is asked; before 3.4 it was another one by itself."""


class Etcd:
    """One member."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def questions(self) -> tuple[Client, ...]:
        """The program's version, and the member's."""
        version = Client(programs=("etcdctl",), arguments=(b"version",), variables=(API,))
        return (version, self._client(b"endpoint", b"status", b"--write-out=json"))

    def seen(self, answers: tuple[str, ...]) -> ServerSeen:
        """From two answers. Raises `Unanswered`."""
        program, said = answers
        try:
            status = json.loads(said)[0]["Status"]
            text, cluster = str(status["version"]), str(status["header"]["cluster_id"])
        except (ValueError, LookupError, TypeError):
            raise Unanswered("etcdctl has given no answer that can be read") from None
        client = version_in(program)
        return ServerSeen(
            server=f"etcd {text}",
            client=program.splitlines()[0].strip(),
            identity=cluster,
            older=client[:2] < version_in(text)[:2],
        )

    def artefacts(self, leg: DumpLeg, seen: ServerSeen) -> tuple[Artefact, ...]:
        """One snapshot."""
        del leg, seen
        client = self._client(b"snapshot", b"save", OUTPUT)
        return (Artefact(name=b"snapshot.db", nature=Nature.ETCD, client=client),)

    def _client(self, *arguments: bytes) -> Client:
        one = self._connect
        opens = None
        if one.password is not None:
            way = InVariable(name="ETCDCTL_USER", before=f"{one.user or 'root'}:")
            opens = Opens(secret=one.password, way=way)
        return Client(
            programs=("etcdctl",),
            arguments=(*self._reached(), *arguments),
            variables=(API,),
            opens=opens,
        )

    def _reached(self) -> Iterator[bytes]:
        one = self._connect
        yield f"--endpoints={one.endpoint}".encode()
        for option, path in (
            (b"--cacert=", one.authority),
            (b"--cert=", one.certificate),
            (b"--key=", one.key),
        ):
            if path is not None:
                yield option + path.text
