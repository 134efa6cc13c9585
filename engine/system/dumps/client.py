"""Running the clients of servers: each gets what opens the server, and nobody else does."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.dumps.clients import OUTPUT, Client, InOptionFile, InVariable, Opens
from engine.dumps.vault import PYTHON
from engine.system.host.process import Command, CommandNotStarted
from engine.system.host.secrets import read_secret

_PACKAGES = {
    "psql": "postgresql-client",
    "pg_dump": "postgresql-client",
    "pg_dumpall": "postgresql-client",
    "pg_restore": "postgresql-client",
    "mariadb": "mariadb-client",
    "mariadb-dump": "mariadb-client",
    "redis-cli": "redis-tools",
    "redis-check-rdb": "redis-tools",
    "etcdctl": "etcd-client",
}
"""Packages of Debian that have a program."""


@contextmanager
def command_of(
    client: Client,
    *,
    seconds: float,
    output: bytes | None = None,
    on_output: Callable[[bytes], bytes] | None = None,
) -> Iterator[Command]:
    """The command that runs a client; what it needs to read a secret is there until the end.

    `output`: the path that stands for `OUTPUT` in its arguments; None: nothing stands for it.
    Raises `CommandNotStarted` and `NoSecret`.
    """
    arguments = client.arguments
    if output is not None:
        arguments = tuple(word.replace(OUTPUT, output) for word in arguments)
    with _opening(client.opens, client.account) as (variables, first, opened):
        yield Command(
            argv=(_program(client.programs), *first, *arguments),
            timeout=seconds,
            env={**dict(client.variables), **variables},
            on_output=on_output,
            keep_open=opened,
            account=client.account,
        )


def _program(names: tuple[str, ...]) -> bytes:
    """The first of some programs that is installed."""
    if names == (PYTHON,):
        return os.fsencode(sys.executable)
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return os.fsencode(found)
    package = next((_PACKAGES[name] for name in names if name in _PACKAGES), None)
    hint = f": install Debian's {package}, or the package of your system that has it"
    raise CommandNotStarted(f"{names[0]} is not installed{hint if package else ''}")


_Opened = tuple[dict[str, str], tuple[bytes, ...], tuple[int, ...]]


@contextmanager
def _opening(opens: Opens | None, account: str | None) -> Iterator[_Opened]:
    """Variables, first arguments and open descriptors that hand on a secret."""
    if opens is None:
        yield {}, (), ()
        return
    text = read_secret(opens.secret)
    match opens.way:
        case InVariable(name=name, before=before):
            yield {name: before + text}, (), ()
        case InOptionFile():
            file = _option_file(text, account)
            try:
                # Its own descriptor's name: whoever else might list processes sees no more.
                yield {}, (b"--defaults-file=/proc/self/fd/%d" % file,), (file,)
            finally:
                os.close(file)


def _option_file(password: str, account: str | None) -> int:
    """A file without a name that only its reader may read (MySQL, "Using Option Files")."""
    # Without that a quotation mark would end the value for whatever looks for a comment in it.
    escaped = password.replace("\\", "\\\\").replace('"', '\\"')
    file = os.memfd_create("options", os.MFD_CLOEXEC)
    os.fchmod(file, 0o600)
    os.write(file, f'[client]\npassword="{escaped}"\n'.encode())
    if account is not None:
        try:
            os.fchown(file, pwd.getpwnam(account).pw_uid, -1)
        except KeyError:
            raise CommandNotStarted(f"this machine has no account {account!r}") from None
    return file
