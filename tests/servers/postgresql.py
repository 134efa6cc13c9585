"""A real PostgreSQL on loopback: passwords over TCP, peer on its socket."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.clients import Refused, ask
from tests.servers.process import Server, new_password
from tests.servers.programs import program

SETTINGS = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = '{socket}'
max_connections = 20
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
fsync = off
autovacuum = off
"""
"""Nobody pulls the plug on a test: what the kernel has is safe. A killed server loses no commit."""

ACCESS = """\
local all         all              peer map=tests
local replication all              peer map=tests
host  all         all 127.0.0.1/32 scram-sha-256
host  replication all 127.0.0.1/32 scram-sha-256
"""
NAMES = r"""
tests {runner} {user}
tests /^(.*)$ \1
"""
"""Peer: everybody under the own name, and whoever runs the tests as the administrator too."""

SWEEP = r"""
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
    WHERE datname NOT IN ('postgres', 'template0', 'template1') \gexec
SELECT format('DROP OWNED BY %I; DROP ROLE %1$I', rolname) FROM pg_roles
    WHERE rolname <> current_user AND rolname !~ '^pg_' \gexec
"""


@dataclass(kw_only=True)
class PostgreSQL(Server):
    """How to reach it. Root's tests run it as `postgres`, as it never runs as root."""

    user: str = "postgres"
    password: str = field(default_factory=new_password)

    name = "postgresql"
    programs = ("initdb", "postgres", "psql", "setpriv", "ipcrm")
    stopping = signal.SIGINT  # as it calls "fast": connections are ended
    orphaned = signal.SIGQUIT  # so that its children end with it

    @property
    def socket(self) -> Path:
        """The folder of its socket, which is what libpq takes for a host."""
        return self.directory / "socket"

    @property
    def binaries(self) -> Path:
        """The programs of its version: `psql`, `pg_dump`, …"""
        return Path(program("initdb")).resolve().parent

    def sql(
        self,
        text: str,
        database: str = "postgres",
        *,
        user: str | None = None,
        password: str | None = None,
    ) -> str:
        """What statements answer, a line for a row, `|` between columns.

        The administrator asks through the socket; who has a password, over TCP.
        """
        host = self.socket if password is None else self.host
        to = ("-h", host, "-p", str(self.port), "-U", user or self.user, "-d", database)
        how = ("-X", "-q", "-A", "-t", "--no-password", "-v", "ON_ERROR_STOP=1")
        return ask(self.binaries / "psql", *how, *to, stdin=text, PGPASSWORD=password or "")

    def sweep(self) -> None:
        """Remove databases and roles that tests have made."""
        self.sql(SWEEP)

    def account(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None

    def make(self) -> None:
        for path in (self.data, self.socket):
            self._give(path, mode=0o755 if path == self.socket else 0o700)
        secret = self.directory / "password"
        secret.write_text(self.password + "\n")
        self._own(secret, mode=0o600)
        ask(
            *(self.binaries / "initdb", "-D", self.data, "-U", self.user, "--no-sync"),
            *("-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8"),
            account=self.account(),
        )
        names = NAMES.format(runner=getpass.getuser(), user=self.user)
        settings = SETTINGS.format(host=self.host, port=self.port, socket=self.socket)
        (self.data / "pg_hba.conf").write_text(ACCESS)
        (self.data / "pg_ident.conf").write_text(names)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)

    def invocation(self) -> list[str]:
        return [str(self.binaries / "postgres"), "-D", str(self.data)]

    def answers(self) -> bool:
        try:
            ask(self.binaries / "pg_isready", "-q", "-h", self.socket, "-p", str(self.port))
        except Refused:
            return False
        return True

    def discard(self) -> None:
        """A server that was killed has left a piece of shared memory, and says which."""
        self.stop()
        left = self.data / "postmaster.pid"
        lines = left.read_text().splitlines() if left.exists() else []
        if len(lines) > 6:
            identity = lines[6].split()[1]
            subprocess.run([program("ipcrm"), "-m", identity], check=False, capture_output=True)

    def _give(self, path: Path, *, mode: int) -> None:
        path.mkdir()
        self._own(path, mode=mode)

    def _own(self, path: Path, *, mode: int) -> None:
        path.chmod(mode)
        account = self.account()
        if account is not None:
            shutil.chown(path, account, account)
