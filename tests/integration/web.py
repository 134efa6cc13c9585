"""A web server on loopback, plain or with a certificate of an authority of its own."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_ODD = {
    "/leak": b"HTTP/1.0 403 bad token %(token)s\x9b\r\n\r\n",
    "/cut": b"HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\nshort",
    "/broken": b"HTTP/1.1 404 Gone\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "/none": b"hello, this is no HTTP\r\n",
}
"""Answers that some server may give, byte by byte."""
TOKEN = "canary-token-5d21"


@dataclass
class Site:
    """How it is reached, and what it was asked."""

    url: str
    authority: Path | None = None
    seen: list[tuple[str, str]] = field(default_factory=list)
    """(path, the token that came with it)."""


class _Handler(BaseHTTPRequestHandler):
    asked: Site

    def do_GET(self) -> None:
        token = self.headers.get("Authorization", "")
        self.asked.seen.append((self.path, token))
        if self.path in _ODD:
            self.wfile.write(_ODD[self.path] % {b"token": token.encode()})
        elif not self._as_asked():
            closed = self.path == "/closed" and token != TOKEN
            self._answer(401 if closed else 200, b'{"maintenance":false}')

    def _as_asked(self) -> bool:
        first, _, rest = self.path[1:].partition("/")
        if first == "slow":
            threading.Event().wait(8)
        elif first == "to":
            self._answer(302, location=rest)
        elif first == "status":
            self._answer(int(rest))
        return first in {"slow", "to", "status"}

    def _answer(self, status: int, body: bytes = b"", location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests say what was asked."""


@contextmanager
def site(folder: Path | None = None) -> Iterator[Site]:
    """Serve until the block ends; with a certificate where a folder for it is given."""
    found = Site(url="")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"asked": found}))
    server.daemon_threads = True
    port = server.server_address[1]
    found.url = f"http://127.0.0.1:{port}"
    if folder is not None:
        certificate, key = _certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        found.url, found.authority = f"https://127.0.0.1:{port}", certificate
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
