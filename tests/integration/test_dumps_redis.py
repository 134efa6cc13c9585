"""`dump` legs of a real Redis."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.dumping import (
    House,
    holding,
    instead,
    killed_amid,
    secret,
    typed,
    watched,
)
from tests.servers.process import serving
from tests.servers.redis import Redis

pytestmark = pytest.mark.tool("redis-server", "redis-cli", "redis-check-rdb")


def source(server: Redis, folder: Path) -> str:
    password = secret(folder, server.backup_password)
    return (
        f"kind: redis, connect: {{host: {server.host}, port: {server.port},"
        f" user: {server.backup_user}, password: {password}}}"
    )


@pytest.fixture
def house(tmp_path: Path, redis: Redis) -> House:
    return House(tmp_path, source(redis, tmp_path))


def content(server: Redis) -> list[str]:
    keys = sorted(server.command("KEYS", "*").splitlines())
    return [f"{key} {server.command('DUMP', key)} {server.command('PTTL', key)}" for key in keys]


def test_all_keys_come_back(tmp_path: Path, house: House, redis: Redis) -> None:
    redis.command("SET", "a", "new\nline")
    redis.command("HSET", "h", "f", "1", "g", "2")
    redis.command("ZADD", "z", "1", "one", "2", "two")
    before = content(redis)
    house.good()
    assert house.names == ["dump.rdb"]
    (part,) = house.record.files[0].parts
    assert part.rows == 3
    redis.kill()
    folder, commands = house.restore()
    for one in commands:
        typed(one, folder)
    with serving(Redis, append_only=False, password=redis.password) as fresh:
        fresh.stop()
        shutil.copy(folder / "dump.rdb", fresh.data / "dump.rdb")
        fresh.start()
        assert content(fresh) == before


def test_by_its_socket_and_its_administrator(house: House, redis: Redis, tmp_path: Path) -> None:
    redis.command("SET", "a", "1")
    password = secret(tmp_path, redis.password)
    house.source = f"kind: redis, connect: {{socket: {redis.socket}, password: {password}}}"
    house.good()


def test_what_the_server_refuses_is_told(tmp_path: Path, house: House, redis: Redis) -> None:
    redis.command("SET", "a", "1")
    secret(tmp_path, "wrong")
    report = house.refused(f"the server refuses the password from {tmp_path}/secret: ")
    assert "WRONGPASS" in report.reason
    assert "NOAUTH" not in report.reason
    named, house.source = house.source, f"kind: redis, connect: {{socket: {redis.socket}}}"
    house.refused("the server asks for a password, and `connect` names none: NOAUTH")
    house.source = named
    secret(tmp_path, redis.backup_password)
    redis.command("ACL", "SETUSER", redis.backup_user, "-psync", "-sync")
    house.refused("dump.rdb: ")
    redis.stop()
    house.refused("it cannot be dumped: ")


def test_a_server_that_dies_amid_a_dump_leaves_the_older_ones(
    tmp_path: Path, house: House, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis.command("SET", "a", "1")
    first = house.good()
    redis.command("CONFIG", "SET", "rdbcompression", "no")
    redis.command("EVAL", "for n = 1, 9 do redis.call('SET', n, string.rep(n, 900000)) end", "0")
    body = 'case "$*" in *INFO*) real "$@"; exit;; esac\n'
    with killed_amid(redis, monkeypatch, tmp_path, "redis-cli"):
        program = tmp_path / "bin/redis-cli"
        program.write_text(program.read_text().replace("case", body + "case", 1))
        house.refused("dump.rdb: ")
    assert house.generations == [first]


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        ("head -c 11", "Unexpected EOF reading RDB file"),
        ("head -c -60", "Unexpected EOF reading RDB file"),
        ("sed s/value/Value/", "RDB CRC error"),
        ("cat /dev/null", "dump.rdb: "),
    ],
)
def test_law_18_what_is_cut_or_damaged_is_no_dump(
    tmp_path: Path,
    house: House,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    cut: str,
    said: str,
) -> None:
    redis.command("SET", "a", "value")
    first = house.good()
    body = f'case "$*" in *--rdb*) real "$@" | {cut};; *) real "$@";; esac'
    instead(monkeypatch, tmp_path, "redis-cli", body)
    assert said in house.refused("dump.rdb: ").reason
    assert house.generations == [first]


def test_law_18_a_server_that_lost_its_keys_is_told_each_night(house: House, redis: Redis) -> None:
    for number in range(30):
        redis.command("SET", str(number), "1")
    first = house.good()
    redis.command("FLUSHALL")
    for night in range(1, 4):
        report = house.degraded("not one row is in it; dump.rdb has 0 rows, and had 30")
        assert "--allow smaller-source" in report.reason
        assert len(house.generations) == night + 1
    assert first in house.generations


def test_law_19_a_checker_older_than_the_server_is_refused(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "redis-check-rdb 5.0.3 (git:00000000)"
    body = f'case "$1" in --version) echo "{said}";; *) real "$@";; esac'
    instead(monkeypatch, tmp_path, "redis-check-rdb", body)
    house.refused("which is older")


def test_law_22_the_password_is_nowhere(
    tmp_path: Path, house: House, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis.command("SET", "a", "1")
    seen = watched(monkeypatch, tmp_path, "redis-cli", "redis-check-rdb")
    house.good()
    canary = redis.backup_password.split(":")[0]
    assert b"--rdb" in seen.read_bytes()
    assert canary.encode() not in seen.read_bytes()
    assert holding(canary, house.top / "state", house.disk) == []
    assert canary not in house.explain()
