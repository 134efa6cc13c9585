"""The command line in a process that has it imported already, forked anew for each command.

Starting Python costs more than most commands do, and the tests type hundreds. What runs is the real
program, in a process of its own with the environment, the directory and the streams that it is
given; what depends on how Python itself starts is asked of a real start instead.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
_STARTED = ("policyctl.running", "policyctl.planning", "policyctl.standing", "policyctl.explaining")
"""What commands import once they know what they are to do."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: bytes
    err: bytes


class CliServer:
    """Runs commands one after another."""

    def __init__(self) -> None:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.cli_server", str(theirs.fileno())],
                cwd=CHECKOUT,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._socket = mine

    def run(
        self, arguments: tuple[bytes, ...], cwd: str, environment: dict[str, str], timeout: float
    ) -> Ended:
        """Run a command with nothing to read. Raises `TimeoutError`."""
        words = [os.fsdecode(one) for one in arguments]
        request = json.dumps([words, cwd, environment]).encode()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            self._socket.settimeout(timeout)
            with tempfile.TemporaryFile() as told:  # a packet may be too small for it
                told.write(request)
                told.flush()
                streams = [told.fileno(), out.fileno(), err.fileno()]
                socket.send_fds(self._socket, [b"run"], streams)
                code = int(self._socket.recv(16))
            out.seek(0)
            err.seek(0)
            return Ended(code, out.read(), err.read())

    def close(self) -> None:
        """End the server."""
        self._socket.close()
        self._child.wait(20)


@cache
def _server() -> CliServer:
    server = CliServer()
    atexit.register(server.close)
    return server


def run_cli(
    *arguments: str | bytes,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    timeout: float = 60,
) -> Ended:
    """Run a command as `policyctl` does; where none is told, in the environment of this process."""
    words = tuple(os.fsencode(one) for one in arguments)
    around = {**os.environ, "PYTHONPATH": str(CHECKOUT)} if environment is None else environment
    return _server().run(words, str(cwd or Path.cwd()), around, timeout)


def _serve(server: socket.socket) -> None:
    while True:
        word, streams, _, _ = socket.recv_fds(server, 16, 3)
        if not word:
            return
        pid = os.fork()
        if pid == 0:
            server.close()
            _become(*streams)
        for one in streams:
            os.close(one)
        _, status = os.waitpid(pid, 0)
        server.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(told: int, out: int, err: int) -> None:
    """Be the command that is asked for; never comes back."""
    with open(told, closefd=False) as file:
        file.seek(0)
        words, cwd, environment = json.load(file)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for one in (told, out, err):
        os.close(one)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["policyctl", *words]
    code = 1
    try:
        from policyctl.main import main

        main(words)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # as Python itself would: the traceback, and 1
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    for name in ("policyctl.main", *_STARTED):
        __import__(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))
