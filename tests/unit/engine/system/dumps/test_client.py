"""How a client gets what opens its server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.dumps.clients import OUTPUT, Client, InOptionFile, InVariable, Opens
from engine.system.dumps.client import command_of
from engine.system.host.process import CommandNotStarted, run
from engine.system.host.secrets import NoSecret
from policy.secrets import SecretFile
from policy.values import parse_absolute_path

CANARY = "a b'\"#c\\$d"


@pytest.fixture
def secret(tmp_path: Path) -> SecretFile:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text(CANARY)
    return SecretFile(path=parse_absolute_path(str(path)))


def test_law_22_by_a_variable_of_that_process_alone(secret: SecretFile) -> None:
    opens = Opens(secret=secret, way=InVariable(name="PASS", before="me:"))
    client = Client(programs=("no-such-program", "env"), arguments=(), opens=opens)
    with command_of(client, seconds=9) as command:
        assert CANARY not in repr(command.argv)
        assert f"PASS=me:{CANARY}\n".encode() in run(command).stdout
    assert "PASS" not in os.environ


def test_law_22_by_a_file_that_has_no_name(secret: SecretFile) -> None:
    opens = Opens(secret=secret, way=InOptionFile())
    client = Client(programs=("cat",), arguments=(), opens=opens)
    with command_of(client, seconds=9) as command:
        first, option = command.argv
        assert option.startswith(b"--defaults-file=/proc/self/fd/")
        (file,) = command.keep_open
        assert os.fstat(file).st_mode & 0o777 == 0o600
        assert os.pread(file, 999, 0).decode() == ('[client]\npassword="a b\'\\"#c\\\\$d"\n')
        del first
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_the_path_of_what_it_writes_is_put_in() -> None:
    client = Client(programs=("echo",), arguments=(b"--to=" + OUTPUT,))
    with command_of(client, seconds=9, output=b"/a\xff") as command:
        assert command.argv[1:] == (b"--to=/a\xff",)


def test_what_is_missing_is_told(secret: SecretFile) -> None:
    for programs, said in (
        (("no-such-program",), "no-such-program is not installed"),
        (("pg_dumpall",), "install Debian's postgresql-client"),
    ):
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PATH", "/nonexistent")
            with (
                pytest.raises(CommandNotStarted, match=said),
                command_of(Client(programs=programs, arguments=()), seconds=9),
            ):
                pass
    Path(str(secret.path)).unlink()
    client = Client(
        programs=("env",), arguments=(), opens=Opens(secret=secret, way=InVariable(name="P"))
    )
    with pytest.raises(NoSecret, match="No such file"), command_of(client, seconds=9):
        pass


@pytest.mark.root
def test_an_account_that_this_machine_lacks_is_told(secret: SecretFile) -> None:
    client = Client(
        programs=("env",), arguments=(), account="no-such-account",
        opens=Opens(secret=secret, way=InOptionFile()),
    )  # fmt: skip
    with (
        pytest.raises(CommandNotStarted, match="no account 'no-such-account'"),
        command_of(client, seconds=9),
    ):
        pass
