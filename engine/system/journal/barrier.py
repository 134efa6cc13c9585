"""Asking the tracker to catch up: once it answers, whatever happened before is in the journal.

A UNIX socket in the state directory. Its path may be longer than a socket's address may be, so both
sides reach it through a descriptor of the directory.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.system.host.places import Places

NAME = "track.sock"
_OK = b"ok\n"


def synchronize(places: Places, timeout: float) -> bool:
    """Wait until the tracker has noted all that has happened up to now; False where it does not."""
    try:
        with _address(places) as address, _stream() as client:
            client.settimeout(timeout)
            client.connect(address)  # to connect is to ask
            return client.recv(16) == _OK
    except OSError:
        return False


@contextmanager
def listening(places: Places) -> Iterator[socket.socket]:
    """Listen for questions; only who holds the tracker's lock may, for a stale socket goes."""
    with _address(places) as address, _stream() as server:
        with suppress(FileNotFoundError):
            os.unlink(address)  # noqa: PTH108 - a path through a descriptor
        before = os.umask(0o177)
        try:
            server.bind(address)
        finally:
            os.umask(before)
        server.listen(128)  # to ask while more than these wait is to be refused
        server.settimeout(0)
        try:
            yield server
        finally:
            with suppress(FileNotFoundError):
                os.unlink(address)  # noqa: PTH108 - a path through a descriptor


def answer(client: socket.socket) -> None:
    """Tell who asked that all is noted."""
    with client, suppress(OSError):
        client.settimeout(1.0)
        client.sendall(_OK)


def questions(server: socket.socket) -> list[socket.socket]:
    """Who asks now."""
    found = []
    with suppress(BlockingIOError):
        while True:
            client, _ = server.accept()
            found.append(client)
    return found


def _stream() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)


@contextmanager
def _address(places: Places) -> Iterator[str]:
    directory = os.open(places.state_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{NAME}"
    finally:
        os.close(directory)
