"""One page on the loopback address, over real sockets."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from engine.system.host.page_server import Answer, serving

PAGE = b"<!doctype html><title>x</title>"
NOBODY = 65534


class Served:
    """A server, what it answered from, and what it said."""

    def __init__(self) -> None:
        self.made = 0
        self.said: list[str] = []
        self.port = 0

    def page(self) -> Answer:
        self.made += 1
        return Answer(content=PAGE, kind="text/html; charset=utf-8", policy="default-src 'none'")

    def ask(
        self, method: str = "GET", path: str = "/", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=given)
        answer = connection.getresponse()
        return answer, answer.read()

    def raw(self, content: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as one:
            one.sendall(content)
            found = b""
            while part := one.recv(65536):
                found += part
        return found


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()
    with serving(0, found.page, found.said.append) as address:
        assert address.startswith("http://127.0.0.1:")
        found.port = int(address.rstrip("/").rpartition(":")[2])
        yield found


def test_the_page_is_made_anew_at_each_load(served: Served) -> None:
    for count in (1, 2):
        answer, body = served.ask()
        assert (answer.status, body, served.made) == (200, PAGE, count)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Python" not in answer.headers["Server"]


def test_head_is_answered_without_the_page(served: Served) -> None:
    answer, body = served.ask("HEAD")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(PAGE))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "X"])
def test_nothing_but_reading(served: Served, method: str) -> None:
    answer, _ = served.ask(method)
    assert (answer.status, served.made) == (405, 0)
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", ""],
)
def test_under_another_name_nothing_is_told(served: Served, host: str) -> None:
    answer, body = served.ask(Host=host.format(port=served.port))
    assert (answer.status, served.made) == (421, 0)
    assert PAGE not in body
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_its_own_names_are_known(served: Served) -> None:
    for name in ("localhost", "127.0.0.1", "LOCALHOST"):
        assert served.ask(Host=f"{name}:{served.port}")[0].status == 200


def test_no_name_or_two_are_none(served: Served) -> None:
    own = b"Host: 127.0.0.1:%d\r\n" % served.port
    assert b" 421 " in served.raw(b"GET / HTTP/1.1\r\n\r\n").splitlines()[0]
    assert b" 421 " in served.raw(b"GET / HTTP/1.1\r\n" + own + own + b"\r\n").splitlines()[0]
    assert served.made == 0


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_other_page_may_ask_for_it(served: Served, site: str) -> None:
    assert served.ask(Sec_Fetch_Site=site)[0].status == 403
    assert served.ask(Sec_Fetch_Site="none")[0].status == 200


@pytest.mark.parametrize("path", ["/x", "/../etc/passwd", "/index.html", "/%2e", "/" + "?" * 999])
def test_there_is_one_page(served: Served, path: str) -> None:
    assert served.ask(path=path)[0].status == 404
    assert served.ask(path="/?again")[0].status == 200


def test_nonsense_is_refused_and_not_repeated(served: Served) -> None:
    for content in (b"\x00\xff\r\n\r\n", b"GET <script> HTTP/9.9\r\n\r\n", b"GET " + b"/" * 70_000):
        assert b"<script>" not in served.raw(content + b"\r\n\r\n")
    assert served.ask()[0].status == 200


def test_a_connection_that_says_nothing_holds_up_nobody(served: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(8)]
    begun = time.monotonic()
    assert served.ask()[0].status == 200
    assert time.monotonic() - begun < 5
    for one in silent:
        one.close()


def test_impatient_reloads_are_one_look_at_a_time() -> None:
    inside, most = 0, 0

    def page() -> Answer:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.05)
        inside -= 1
        return Answer(content=PAGE)

    found = Served()
    with serving(0, page, found.said.append) as address:
        found.port = int(address.rstrip("/").rpartition(":")[2])
        threads = [threading.Thread(target=found.ask) for _ in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert most == 1


def test_a_bug_is_shown_and_ends_nothing() -> None:
    def page() -> Answer:
        raise RuntimeError("not foreseen")

    found = Served()
    with serving(0, page, found.said.append) as address:
        found.port = int(address.rstrip("/").rpartition(":")[2])
        with pytest.raises(http.client.RemoteDisconnected):
            found.ask()
        with pytest.raises(http.client.RemoteDisconnected):
            found.ask()
    assert "RuntimeError: not foreseen" in found.said[0]


def test_it_listens_on_the_loopback_address_alone(served: Served) -> None:
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [
        one[1] for one in table if one[1].endswith(f":{served.port:04X}") and one[3] == "0A"
    ]
    assert len(listening) == 1
    assert listening[0].startswith("0100007F" if sys.byteorder == "little" else "7F000001")


def test_afterwards_the_port_is_free() -> None:
    found = Served()
    with serving(0, found.page, found.said.append) as address:
        port = int(address.rstrip("/").rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with serving(port, found.page, found.said.append):
        pass


def test_a_port_that_is_taken_is_an_error(served: Served) -> None:
    with pytest.raises(OSError, match="in use"), serving(served.port, served.page, print):
        pass


ASK = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
address = ("::ffff:127.0.0.1" if sys.argv[3] == "6" else "127.0.0.1", int(sys.argv[1]))
one = socket.socket(socket.AF_INET6 if sys.argv[3] == "6" else socket.AF_INET)
one.settimeout(10)
one.connect(address)
try:
    one.sendall(b"GET / HTTP/1.1\\r\\nHost: 127.0.0.1:%d\\r\\n\\r\\n" % address[1])
    sys.stdout.buffer.write(one.recv(65536) or b"nothing")
except ConnectionError:
    print("nothing")
"""


@pytest.mark.root
@pytest.mark.parametrize("family", ["4", "6"])
def test_another_user_of_the_machine_is_told_nothing(served: Served, family: str) -> None:
    def ask(user: int) -> bytes:
        command = [sys.executable, "-c", ASK, str(served.port), str(user), family]
        return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout

    if family == "6" and not Path("/proc/net/if_inet6").exists():
        family = "4"
    assert ask(os.geteuid()).startswith(b"HTTP/1.0 200")
    assert ask(NOBODY).strip() == b"nothing"
    assert served.said == [
        f"a connection of the user {NOBODY} was refused: the page is not theirs to see"
    ]
    assert served.made == 1


@pytest.mark.root
def test_who_became_root_by_sudo_may_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    found = Served()
    with serving(0, found.page, found.said.append) as address:
        port = address.rstrip("/").rpartition(":")[2]
        command = [sys.executable, "-c", ASK, port, str(NOBODY), "4"]
        done = subprocess.run(command, check=True, capture_output=True, timeout=30)
    assert done.stdout.startswith(b"HTTP/1.0 200")


def test_an_answer_that_is_no_page() -> None:
    found = Served()
    text = Answer(content=b"policyctl: nothing is applied\n", status=HTTPStatus.SERVICE_UNAVAILABLE)
    with serving(0, lambda: text, found.said.append) as address:
        found.port = int(address.rstrip("/").rpartition(":")[2])
        answer, body = found.ask()
    assert (answer.status, body) == (503, text.content)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
