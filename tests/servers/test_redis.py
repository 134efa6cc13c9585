"""Redis: its user for backups, and what it starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.clients import Refused, ask
from tests.servers.process import serving
from tests.servers.redis import Redis


def test_the_user_for_backups_makes_them_and_no_more(redis: Redis, tmp_path: Path) -> None:
    redis.command("SET", "key", "value")
    who = {"user": redis.backup_user, "password": redis.backup_password}
    for command in (("GET", "key"), ("SET", "key", "other"), ("CONFIG", "GET", "*")):
        with pytest.raises(Refused, match="NOPERM"):
            redis.command(*command, **who)
    redis.command("--rdb", str(tmp_path / "dump.rdb"), **who)
    assert (tmp_path / "dump.rdb").read_bytes().startswith(b"REDIS")


def test_a_dump_is_what_another_starts_from(redis: Redis, tmp_path: Path) -> None:
    redis.command("SET", "key", "value")
    redis.command("--rdb", str(tmp_path / "dump.rdb"))
    with serving(Redis, append_only=False) as other:
        other.stop()
        (other.data / "dump.rdb").write_bytes((tmp_path / "dump.rdb").read_bytes())
        other.start()
        assert other.command("GET", "key") == "value"


def test_its_socket_answers(redis: Redis) -> None:
    to = ("redis-cli", "-s", redis.socket, "--no-auth-warning")
    assert ask(*to, "PING", REDISCLI_AUTH=redis.password) == "PONG"
    assert ask(*to, "PING").startswith("NOAUTH")
