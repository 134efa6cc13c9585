"""A real etcd of one member on loopback, with or without passwords."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from tests.servers.clients import DIRECT, ask
from tests.servers.process import Server, new_password
from tests.servers.programs import program

# The other members' way in is a socket in its folder: there are none, and no second port is needed.
PEERS = "unix://peers:1"
QUICK = ("--heartbeat-interval=20", "--election-timeout=200", "--bcrypt-cost=4")


@dataclass(kw_only=True)
class Etcd(Server):
    """How to reach it; with `asks` nobody does anything without a password."""

    asks: bool = False
    user: str = "root"
    password: str = field(default_factory=new_password)
    protected: bool = field(default=False, init=False)

    name = "etcd"
    programs = ("etcd", "etcdctl", "setpriv")

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def command(self, *words: str, user: str | None = None, password: str | None = None) -> str:
        """What `etcdctl` prints for the administrator, or for who has another password."""
        secret = self.password if password is None else password
        if self.asks or password is not None:
            return self._etcdctl(*words, ETCDCTL_USER=f"{user or self.user}:{secret}")
        return self._etcdctl(*words)

    def restore(self, snapshot: Path) -> None:
        """Make its data of a snapshot, while it is down and has none."""
        ask(
            *("etcdctl", "snapshot", "restore", snapshot, f"--data-dir={self.data}"),
            *(f"--initial-cluster=default={PEERS}", f"--initial-advertise-peer-urls={PEERS}"),
            ETCDCTL_API="3",
        )

    def start(self) -> None:
        super().start()
        if self.asks and not self.protected:
            self._etcdctl("user", "add", f"{self.user}:{self.password}")
            self._etcdctl("user", "grant-role", self.user, "root")
            self._etcdctl("auth", "enable")
            self.protected = True

    def make(self) -> None:
        self.data.mkdir(mode=0o700)

    def invocation(self) -> list[str]:
        return [
            *(program("etcd"), f"--data-dir={self.data}", "--logger=zap", *QUICK),
            *(f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}"),
            *(f"--listen-peer-urls={PEERS}", f"--initial-advertise-peer-urls={PEERS}"),
            f"--initial-cluster=default={PEERS}",
        ]

    def answers(self) -> bool:
        try:
            with DIRECT.open(f"{self.url}/health", timeout=5) as answer:
                return json.load(answer).get("health") == "true"
        except (OSError, HTTPException):
            return False

    def _etcdctl(self, *words: str, **variables: str) -> str:
        return ask("etcdctl", *words, ETCDCTL_API="3", ETCDCTL_ENDPOINTS=self.url, **variables)
