"""A stand-in for Vault on loopback: `tests.servers.vault_stand_in` says what it is and is not."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request

from tests.servers.clients import DIRECT, PATIENCE, Refused
from tests.servers.process import Server
from tests.servers.vault_stand_in import FORCE, HEALTH, SNAPSHOT, VERSION

ROOT = Path(__file__).resolve().parents[2]


def new_token() -> str:
    return f"hvs.{secrets.token_urlsafe(18)}"


@dataclass(kw_only=True)
class VaultStandIn(Server):
    """How to reach it; and what it keeps, which is a row of bytes."""

    token: str = field(default_factory=new_token)
    version: str = VERSION

    name = "vault-stand-in"
    programs = ("setpriv",)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def state(self) -> bytes:
        return (self.data / "state.bin").read_bytes()

    @property
    def index(self) -> int:
        """How many changes it has seen, as raft counts."""
        return int((self.data / "index").read_text())

    def change(self, state: bytes) -> None:
        """What clients of Vault do to it."""
        (self.data / "state.bin").write_bytes(state)
        (self.data / "index").write_text(str(self.index + 1))

    def seal(self) -> None:
        """As an operator does, or a start without auto-unseal."""
        (self.data / "sealed").touch()

    def unseal(self) -> None:
        (self.data / "sealed").unlink()

    def stand_by(self, active: str) -> None:
        """As a node that is not the active one, and cannot reach that."""
        (self.data / "standby").write_text(active)

    def cut(self, after: int | None) -> None:
        """Let snapshots end after so many bytes, as if they were whole; with None no more."""
        path = self.data / "cut"
        path.unlink(missing_ok=True)
        if after is not None:
            path.write_text(str(after))

    def snapshot(self, token: str | None = None) -> bytes:
        return self.request("GET", SNAPSHOT, token=token)

    def restore(self, archive: bytes, token: str | None = None, *, force: bool = True) -> None:
        self.request("PUT", FORCE if force else SNAPSHOT, archive, token)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        token: str | None = None,
    ) -> bytes:
        """What it answers to the token it knows, or to another."""
        headers = {"X-Vault-Token": self.token if token is None else token}
        request = Request(self.url + path, data=body, headers=headers, method=method)
        try:
            with DIRECT.open(request, timeout=PATIENCE) as answer:
                content = answer.read()
        except HTTPError as error:
            with error:
                raise Refused(f"{error.code} {error.read().decode()}") from error
        except (URLError, ConnectionError) as error:
            raise Refused(str(error)) from error
        assert isinstance(content, bytes)
        return content

    def make(self) -> None:
        self.data.mkdir(mode=0o700)
        (self.data / "token").write_text(self.token)
        (self.data / "seal").write_bytes(os.urandom(32))
        (self.data / "state.bin").write_bytes(os.urandom(100_000))
        (self.data / "index").write_text("1")

    def invocation(self) -> list[str]:
        program = [sys.executable, "-u", "-m", "tests.servers.vault_stand_in"]
        return [*program, str(self.data), self.host, str(self.port)]

    def variables(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}

    def answers(self) -> bool:
        try:
            self.request("GET", HEALTH)
        except Refused as reason:
            return str(reason).startswith("503 ")  # sealed, but there
        return True
