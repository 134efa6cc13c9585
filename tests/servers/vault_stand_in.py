"""A stand-in for HashiCorp Vault, which Debian does not have: the part of it that backups use.

It is not Vault. It speaks the HTTP of `sys/health`, `sys/storage/raft/snapshot` and
`snapshot-force` as Vault 1.15 does, with the same answers to a wrong token, a sealed server and a
damaged archive; its snapshots are real archives. What is in their `state.bin` means nothing, there
are no policies, and its seal is a keyed hash. Its folder is looked at anew for each request:

    token, state.bin, index, seal    the one token; the state; raft's index; the seal's key
    sealed                           where this file exists, it is sealed
    cut                              snapshots end after so many bytes, as where Vault fails
                                     on the way: it has promised a whole one by then
    standby                          where this file exists, it is a standby node which cannot
                                     pass on what it is asked: it sends clients elsewhere (307)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from tests.servers.raft_snapshot import NotASnapshot, Snapshot, pack, unpack

VERSION = "1.15.6"
SNAPSHOT = "/v1/sys/storage/raft/snapshot"
FORCE = f"{SNAPSHOT}-force"
HEALTH = "/v1/sys/health"
TERM = 3
CHUNK = 1 << 16
OTHER_KEYS = (
    "could not verify hash file, possibly the snapshot is using a different set of unseal keys; "
    "use the snapshot-force API to bypass this check"
)


class StandIn(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    folder: ClassVar[Path]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == HEALTH:
            self._tell_health()
        elif (self.folder / "standby").exists():
            self._send_on((self.folder / "standby").read_text())
        elif self._may():
            if path == SNAPSHOT:
                self._send_snapshot()
            else:
                self._refuse(HTTPStatus.NOT_FOUND)

    def do_PUT(self) -> None:
        body = self._body()
        if self._may():
            if self.path in (SNAPSHOT, FORCE):
                self._restore(body, force=self.path == FORCE)
            else:
                self._refuse(HTTPStatus.NOT_FOUND)

    do_POST = do_PUT  # noqa: N815 - the name that the server looks for

    def _tell_health(self) -> None:
        sealed = self._is_sealed()
        health = {
            "initialized": True,
            "sealed": sealed,
            "standby": sealed,
            "performance_standby": False,
            "replication_performance_mode": "unknown" if sealed else "disabled",
            "replication_dr_mode": "unknown" if sealed else "disabled",
            **({} if sealed else {"cluster_id": str(UUID(bytes=self._read("seal")[:16]))}),
            "server_time_utc": int(time.time()),
            "version": VERSION,
        }
        fine = not sealed or "sealedcode=200" in self.path
        status = HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, health)

    def _may(self) -> bool:
        if self._is_sealed():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Vault is sealed")
            return False
        token = self.headers.get("X-Vault-Token", "")
        if not hmac.compare_digest(token.encode(), self._read("token")):
            self._refuse(HTTPStatus.FORBIDDEN, "permission denied")
            return False
        return True

    def _send_on(self, active: str) -> None:
        self.send_response(HTTPStatus.TEMPORARY_REDIRECT)
        self.send_header("Location", active + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_snapshot(self) -> None:
        """Its length is not known before: an archive that was cut off ends as a whole one does."""
        index = int(self._read("index"))
        archive = pack(self._read("state.bin"), index=index, term=TERM, seal=self._seal)
        if (self.folder / "cut").exists():
            archive = archive[: int(self._read("cut"))]
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Disposition", "attachment")
        self.send_header("Content-Type", "application/gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(archive), CHUNK):
            part = archive[start : start + CHUNK]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _restore(self, body: bytes, *, force: bool) -> None:
        try:
            snapshot = unpack(body)
        except NotASnapshot as reason:
            error = f"1 error occurred:\n\t* failed to read snapshot file: {reason}\n\n"
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, error)
            return
        if not force and snapshot.sealed != self._seal(snapshot.sums):
            self._refuse(HTTPStatus.BAD_REQUEST, OTHER_KEYS)
            return
        self._become(snapshot)
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def _become(self, snapshot: Snapshot) -> None:
        new = self.folder / "state.new"
        new.write_bytes(snapshot.state)
        new.replace(self.folder / "state.bin")
        (self.folder / "index").write_text(str(snapshot.index))

    def _seal(self, sums: bytes) -> bytes:
        return hmac.digest(self._read("seal"), sums, hashlib.sha256)

    def _is_sealed(self) -> bool:
        return (self.folder / "sealed").exists()

    def _read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _refuse(self, status: HTTPStatus, *errors: str) -> None:
        self._answer(status, {"errors": list(errors)})

    def _answer(self, status: HTTPStatus, content: object) -> None:
        body = json.dumps(content, separators=(",", ":")).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(folder: str, host: str, port: str) -> None:
    """Serve a folder until the end."""
    StandIn.folder = Path(folder)
    ThreadingHTTPServer((host, int(port)), StandIn).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
