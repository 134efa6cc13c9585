"""Serving one page on the loopback address, to whoever started the server and nobody else.

A browser is a stranger's tool as well: a site that it visits may send it here under a name of its
own (DNS rebinding), so the name that it asks for is checked. And the loopback address belongs to
every user of the machine, so the owner of each connection is looked at.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from engine.system.host.connection_owner import owner_of

ADDRESS = "127.0.0.1"
_NAMES = (ADDRESS, "localhost")
_PATIENCE = 15.0
"""Seconds in which a request must have come: browsers open connections that they never use."""
_LONGEST_TARGET = 200
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of an answer that is text: it may load nothing, and nobody may frame it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered to one request."""

    content: bytes
    kind: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    policy: str = _NOTHING
    """Its Content-Security-Policy."""


def _refusal(status: HTTPStatus, sentence: str) -> Answer:
    return Answer(content=f"{sentence}\n".encode(), status=status)


class _Server(ThreadingHTTPServer):
    """Answers each request in a thread of its own, so that an idle connection holds up nobody."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        port: int,
        page: Callable[[], Answer],
        owners: frozenset[int],
        say: Callable[[str], None],
    ) -> None:
        self.page, self.owners, self.say = page, owners, say
        self.turn = threading.Lock()
        super().__init__((ADDRESS, port), _Handler)

    def verify_request(self, request: object, client_address: object) -> bool:
        """Whether the process at the other end is one of the user's own."""
        assert isinstance(client_address, tuple)
        owner = owner_of(client=client_address[:2], server=(ADDRESS, self.server_port))
        if owner is None or owner in self.owners:
            return True
        self.say(f"a connection of the user {owner} was refused: the page is not theirs to see")
        return False

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that went away is nobody's fault; anything else is a bug, and is shown."""
        del request, client_address
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            self.say(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: _Server
    timeout = _PATIENCE
    protocol_version = "HTTP/1.0"  # one request a connection
    server_version = "policyctl"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the page."""
        self._answer(self._judged(), body=True)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the page itself."""
        self._answer(self._judged(), body=False)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Tell what was wrong with a request, with nothing of it in the answer."""
        del message, explain
        status = HTTPStatus(code)
        if status is HTTPStatus.NOT_IMPLEMENTED:  # any method that has no `do_…`
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self._answer(_refusal(status, status.phrase), body=self.command != "HEAD")

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads who has looked at a page of his own."""

    def _judged(self) -> Answer:
        names = self.headers.get_all("Host") or []
        if len(names) != 1 or names[0].lower() not in _hosts(self.server.server_port):
            return _refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"ask for http://{ADDRESS}:{self.server.server_port}/ : under another name nothing "
                "is told",
            )
        if self.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            return _refusal(HTTPStatus.FORBIDDEN, "type the address: no other page may ask for it")
        if self.path.partition("?")[0] != "/" or len(self.path) > _LONGEST_TARGET:
            return _refusal(HTTPStatus.NOT_FOUND, "there is one page, and its path is /")
        with self.server.turn:  # ten impatient reloads are one look at a time
            return self.server.page()

    def _answer(self, answer: Answer, *, body: bool) -> None:
        self.send_response(answer.status)
        headers: Mapping[str, str] = {
            **_HEADERS,
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.content)),
            "Content-Security-Policy": answer.policy,
            "Connection": "close",
        }
        if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {**headers, "Allow": "GET, HEAD"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(answer.content)


def _hosts(port: int) -> frozenset[str]:
    return frozenset({*(f"{name}:{port}" for name in _NAMES), *(_NAMES if port == 80 else ())})


def _owners() -> frozenset[int]:
    """Whose connections are answered: who runs this, root, and who became root by sudo for it."""
    found = {0, os.geteuid()}
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isdecimal():
        found.add(int(sudo))
    return frozenset(found)


@contextmanager
def serving(port: int, page: Callable[[], Answer], say: Callable[[str], None]) -> Iterator[str]:
    """Serve the page that `page` makes anew for each request; yields its address.

    Port 0 takes any that is free. Raises `OSError` where the port cannot be had.
    """
    server = _Server(port, page, _owners(), say)
    thread = threading.Thread(target=server.serve_forever, name="page", daemon=True)
    try:
        thread.start()
        yield f"http://{ADDRESS}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
