"""A real Redis on loopback, with a password and a user that may do no more than make backups."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.clients import Refused, ask
from tests.servers.process import Server, new_password
from tests.servers.programs import program

CONFIG = """\
bind {host}
port {port}
unixsocket {directory}/redis.sock
dir {directory}/data
save ""
appendonly {append_only}
appendfsync no
repl-diskless-sync-delay 0
requirepass {password}
user {backup_user} on {backup_password} ~* &* -@all {backup_rights}
"""
BACKUP_RIGHTS = "+ping +info +dbsize +lastsave +bgsave +sync +psync +replconf"


def quoted(text: str) -> str:
    """As a word of its configuration."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(kw_only=True)
class Redis(Server):
    """How to reach it; whatever was answered is in the log that it appends to.

    Without that log (`append_only=False`) it starts from `data/dump.rdb`, as far as that goes.
    """

    user: str = "default"
    password: str = field(default_factory=new_password)
    backup_user: str = "backup"
    backup_password: str = field(default_factory=new_password)
    append_only: bool = True

    name = "redis"
    programs = ("redis-server", "redis-cli", "setpriv")

    @property
    def socket(self) -> Path:
        return self.directory / "redis.sock"

    def command(self, *words: str, user: str | None = None, password: str | None = None) -> str:
        """What a command answers, of the administrator or of who has another password."""
        to = ("-h", self.host, "-p", str(self.port), "--user", user or self.user)
        how = ("--no-auth-warning", "-e")
        secret = self.password if password is None else password
        return ask("redis-cli", *to, *how, *words, REDISCLI_AUTH=secret)

    def make(self) -> None:
        self.data.mkdir()
        self.configuration.write_text(
            CONFIG.format(
                host=self.host,
                port=self.port,
                directory=self.directory,
                append_only="yes" if self.append_only else "no",
                password=quoted(self.password),
                backup_user=self.backup_user,
                backup_password=quoted(">" + self.backup_password),
                backup_rights=BACKUP_RIGHTS,
            )
        )

    def invocation(self) -> list[str]:
        return [program("redis-server"), str(self.configuration)]

    def answers(self) -> bool:
        try:
            return self.command("PING") == "PONG"
        except Refused:
            return False

    @property
    def configuration(self) -> Path:
        return self.directory / "redis.conf"
