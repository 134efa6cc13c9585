"""A real sshd on loopback, with a host key, a user key and a known_hosts file of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.processes import parents

CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
SetEnv SHLVL=2
"""
"""By SHLVL a bash takes itself for an inner one, and reads no .bashrc of whoever runs the tests."""


@dataclass
class Server:
    """How to reach the server."""

    directory: Path
    port: int
    child: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> int:
        """The id of the server's process."""
        assert self.child is not None
        return self.child.pid

    def start(self) -> None:
        """Listen, until `stop`."""
        sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        assert sshd is not None
        with (self.directory / "log").open("ab") as log:
            self.child = subprocess.Popen(
                [sshd, "-D", "-e", "-f", str(self.directory / "config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        _wait_for(self.port, self.child, self.directory / "log")

    def stop(self) -> None:
        """Listen no more, and end the open connections."""
        if self.child is not None:
            self.drop_connections()
            self.child.terminate()
            self.child.wait()
            self.child = None

    @property
    def account(self) -> str:
        return f"{getpass.getuser()}@127.0.0.1"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    @property
    def connections(self) -> int:
        """How many connections it has accepted."""
        return self.log.count("Accepted publickey")

    def yaml(self) -> str:
        """The keys of a destination that lies there."""
        return (
            f"ssh: {self.account}, port: {self.port}, key: {self.directory}/key, "
            f"known_hosts: {self.directory}/known_hosts"
        )

    def drop_connections(self) -> None:
        """End what serves the open connections, but not the server."""
        for process, parent in parents():
            if parent == self.process:
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)

    def forget_host(self) -> None:
        (self.directory / "known_hosts").write_text("")


def _make_key(path: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)
    return path.with_suffix(".pub").read_text()


@contextmanager
def serving(directory: Path) -> Iterator[Server]:
    """Run a server for the length of the block; it is a child, and is ended by its id."""
    directory.mkdir(mode=0o700, parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host = _make_key(directory / "host_key")
    (directory / "authorized_keys").write_text(_make_key(directory / "key"))
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
    (directory / "config").write_text(CONFIG.format(port=port, directory=directory))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd insists on it, and packages may not make it
    server = Server(directory=directory, port=port)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _wait_for(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert child.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "sshd does not listen"
            time.sleep(0.05)
        else:
            return
