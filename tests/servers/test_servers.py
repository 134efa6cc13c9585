"""What holds for each server: it answers, refuses, survives a crash, and leaves nothing behind."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.clients import Refused
from tests.servers.etcd import Etcd
from tests.servers.fixtures import served
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import DidNotStart, Server, descendants, serving
from tests.servers.redis import Redis
from tests.servers.vault import VaultStandIn

ALL = ("postgresql", "mariadb", "redis", "etcd", "etcd_that_asks", "vault")
ROOT = Path(__file__).resolve().parents[2]
STARTED = """
import sys, time
from tests.servers.{module} import {kind}
from tests.servers.process import serving
with serving({kind}) as server:
    print(server.port, server.directory, flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=ALL)
def server(request: pytest.FixtureRequest) -> Server:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Server)
    return found


def put(server: Server, value: str, **who: str) -> None:
    match server:
        case PostgreSQL():
            server.sql(f"CREATE DATABASE d; \\c d\nCREATE TABLE t AS SELECT '{value}' AS v", **who)
        case MariaDB():
            server.sql(f"CREATE DATABASE d; CREATE TABLE d.t AS SELECT '{value}' AS v", **who)
        case Redis():
            server.command("SET", "key", value, **who)
        case Etcd():
            server.command("put", "key", value, **who)
        case VaultStandIn():
            server.change(value.encode())
        case _:
            raise NotImplementedError


def got(server: Server, **who: str) -> str:
    match server:
        case PostgreSQL():
            return server.sql("SELECT v FROM t", "d", **who)
        case MariaDB():
            return server.sql("SELECT v FROM d.t", **who)
        case Redis():
            return server.command("GET", "key", **who)
        case Etcd():
            return server.command("get", "key", "--print-value-only", **who)
        case VaultStandIn():
            return server.state.decode()
        case _:
            raise NotImplementedError


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def alive(process: int) -> bool:
    """Whether it can still do something: the dead may wait for a new parent to notice."""
    try:
        text = Path("/proc", str(process), "stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def test_what_was_written_survives_a_crash(server: Server) -> None:
    put(server, "kept")
    family = [server.process, *descendants(server.process)]
    server.kill()
    assert not server.running
    assert not listens(server.port)
    assert [one for one in family if alive(one)] == []
    server.start()
    assert got(server) == "kept"


def test_what_was_written_survives_a_stop(server: Server) -> None:
    put(server, "kept")
    server.stop()
    assert not server.running
    assert not listens(server.port)
    server.start()
    assert got(server) == "kept"


@pytest.mark.parametrize(
    "server", [one for one in ALL if one not in ("etcd", "vault")], indirect=True
)
def test_a_password_opens_it_and_a_wrong_one_does_not(server: Server) -> None:
    put(server, "kept")
    assert isinstance(server, PostgreSQL | MariaDB | Redis | Etcd)
    assert got(server, user=server.user, password=server.password) == "kept"
    for wrong in (server.password + "x", server.password[:-1]):
        with pytest.raises(Refused, match=r"(?i)password|denied|invalid user"):
            got(server, user=server.user, password=wrong)
    with pytest.raises(Refused):
        got(server, user="stranger", password=server.password)


@pytest.mark.parametrize("server", ["redis", "vault"], indirect=True)
def test_nobody_is_given_its_port_while_it_is_down(server: Server) -> None:
    server.kill()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", server.port))
    server.start()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("kind", [Redis, Etcd, VaultStandIn])
def test_two_stand_side_by_side(kind: type[Server]) -> None:
    with ExitStack() as stack:
        one, other = (stack.enter_context(serving(kind)) for _ in range(2))
        put(one, "of the one")
        put(other, "of the other")
        assert got(one) == "of the one"
        assert one.port != other.port
    assert not one.directory.exists()
    assert not other.directory.exists()


@pytest.mark.parametrize(
    ("module", "kind"),
    [("postgresql", PostgreSQL), ("mariadb", MariaDB), ("redis", Redis), ("vault", VaultStandIn)],
)
def test_it_ends_with_who_started_it(module: str, kind: type[Server]) -> None:
    program = STARTED.format(module=module, kind=kind.__name__)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as starter:
        assert starter.stdout is not None
        port, directory = starter.stdout.readline().split()
        family = descendants(starter.pid)
        assert family
        assert listens(int(port))
        starter.kill()
    try:
        wait_until(lambda: not any(map(alive, family)) and not listens(int(port)))
    finally:
        shutil.rmtree(directory)


@pytest.mark.parametrize("kind", [Redis, VaultStandIn])
def test_it_ends_when_a_test_fails(kind: type[Server]) -> None:
    found: list[Server] = []

    def fail() -> None:
        with serving(kind) as server:
            found.append(server)
            processes.append(server.process)
            raise ZeroDivisionError

    processes: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert not any(map(alive, processes))
    assert not any(server.directory.exists() for server in found)


def test_where_a_program_is_missing_the_skip_names_it() -> None:
    class Absent(Server):
        programs = ("redis-cli", "no-such-server")

    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"):
        next(served(Absent))


def test_a_server_that_does_not_start_says_why() -> None:
    with serving(Redis) as server:
        server.stop()
        with server.configuration.open("a") as file:
            file.write("no-such-setting 1\n")
        with pytest.raises(DidNotStart, match=r"(?s)redis ended at once:.*no-such-setting"):
            server.start()
        assert not server.running
    assert not server.directory.exists()
