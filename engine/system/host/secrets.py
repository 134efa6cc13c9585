"""Reading a secret from where the manifest says that it is found.

It goes to whoever needs it and nowhere else: no message, log, argument or record has it (law 22).
"""

from __future__ import annotations

import os
import stat

from engine.system.host.process import Command, CommandNotStarted, run
from policy.secrets import (
    Secret,
    SecretCommand,
    SecretCredential,
    SecretFile,
    SecretVariable,
    place_of,
)

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where a service finds its credentials (systemd.exec(5))."""
_MOST = 64 * 1024
_PATIENCE = 30.0
"""Seconds that a command may take which prints one."""
_GRACE = 0.5
"""Seconds between asking such a command to end and killing it."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class NoSecret(Exception):
    """There is none, or it lies open; the message says where, and never what."""


def read_secret(secret: Secret, root: bytes = b"", *, patience: float = _PATIENCE) -> str:
    """The secret, without the end of its line; `root` stands before a file's path.

    `patience`: seconds that a command which prints it may take. Raises `NoSecret`.
    """
    match secret:
        case SecretFile():
            handed = _handed_on(secret.credential)
            data = handed if handed is not None else _closed_file(root + secret.path.text)
        case SecretCredential():
            data = _credential(secret.name)
        case SecretVariable():
            data = _variable(secret.name)
        case SecretCommand():
            data = _printed(secret.run, min(patience, _PATIENCE))
    return _text(data, place_of(secret))


def variables_for(secret: Secret | None) -> dict[str, str]:
    """What another process must find in its environment to read it."""
    names = [CREDENTIALS, *((secret.name,) if isinstance(secret, SecretVariable) else ())]
    return {name: os.environ[name] for name in names if name in os.environ}


def _text(data: bytes, where: str) -> str:
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise NoSecret(f"{where}: it is no UTF-8") from None
    if not text:
        raise NoSecret(f"{where}: it is empty")
    if not text.isprintable():
        raise NoSecret(f"{where}: it is more than one line, or holds what cannot be typed")
    return text


def _handed_on(name: str) -> bytes | None:
    """The credential of that name, where systemd has handed one on."""
    folder = os.environ.get(CREDENTIALS)
    if folder is None:
        return None
    try:
        return _read(os.fsencode(folder) + b"/" + name.encode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NoSecret(f"the credential {name}: {error.strerror}") from None


def _credential(name: str) -> bytes:
    data = _handed_on(name)
    if data is None:
        raise NoSecret(f"the credential {name} is not handed on: a service of systemd has it")
    return data


def _closed_file(path: bytes) -> bytes:
    """The content of a file that not everybody may read."""
    shown = path.decode("utf-8", "backslashreplace")
    try:
        if stat.S_IMODE(os.stat(path).st_mode) & stat.S_IROTH:  # noqa: PTH116 - bytes
            raise NoSecret(f"{shown}: everybody may read it: `chmod o= {shown}`, then change it")
        return _read(path)
    except OSError as error:
        raise NoSecret(f"{shown}: {error.strerror}") from None


def _read(path: bytes) -> bytes:
    with os.fdopen(os.open(path, _READ), "rb") as file:
        return file.read(_MOST)


def _variable(name: str) -> bytes:
    value = os.environ.get(name)
    if value is None:
        raise NoSecret(f"the variable {name} is not set")
    return os.fsencode(value)


def _printed(argv: tuple[str, ...], seconds: float) -> bytes:
    command = Command(argv=tuple(os.fsencode(one) for one in argv), timeout=seconds)
    try:
        done = run(command, grace=_GRACE)
    except CommandNotStarted as error:
        raise NoSecret(str(error)) from None
    if done.timed_out:
        raise NoSecret(f"{argv[0]}: no answer within {seconds:.0f} s")
    if done.code:
        # What it said may hold the secret.
        raise NoSecret(f"{argv[0]}: it ended with {done.code}")
    return done.stdout
