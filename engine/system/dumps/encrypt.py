"""Encrypting what was read back, and opening it again, by age (https://age-encryption.org/v1).

What is encrypted was whole before: nobody without a key could tell afterwards. For that long it
lies in the clear, in the private directory of the run.
"""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from engine.dumps.figures import NotWhole
from engine.system.dumps.asking import complaint
from engine.system.host.process import (
    Command,
    Completed,
    abandon,
    complete,
    first_ended,
    start,
)
from policy.encryption import Encryption
from policy.values import display

_FOREVER = float("inf")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
ASIDE = b".policyctl-opening"
"""How a name ends for as long as something is written under it that is being opened."""
_HEAD = b"age-encryption.org/v1\n"
_ERROR = b"age: error: "
_REPORT = b"age: report unexpected or unhelpful errors at "
Running = Callable[[Command], Completed]
"""Runs a command within the time of the run that it is part of."""


def encrypt(path: bytes, target: bytes, encryption: Encryption, run: Running) -> None:
    """Encrypt a file. Raises `NotWhole`, `OSError` and `CommandNotStarted`."""
    size = os.stat(path).st_size  # noqa: PTH116 - bytes
    _encrypt(path, target, size, encryption, run)


def pack(
    folder: bytes, names: Sequence[bytes], target: bytes, encryption: Encryption, run: Running
) -> None:
    """Encrypt entries of a directory as one archive, which is made on the way and lies nowhere.

    Holes stay holes. Raises `NotWhole`, `OSError` and `CommandNotStarted`.
    """
    out, into = os.pipe2(os.O_CLOEXEC)
    try:
        argv = (*_PACK, b"--file=/proc/self/fd/%d" % into, b"--directory=" + folder, b"--", *names)
        packing = start(Command(argv=argv, timeout=_FOREVER, keep_open=(into,)))
        try:
            os.close(into)  # or it would never end
            into = -1
            _encrypt(b"/proc/self/fd/%d" % out, target, 0, encryption, run)
            first_ended((packing,))
        except BaseException:
            abandon((packing,))
            raise
    finally:
        os.close(out)
        if into >= 0:
            os.close(into)
    packed = complete(packing)
    if packed.code != 0:
        os.unlink(target)  # noqa: PTH108 - bytes
        raise NotWhole(f"it could not be packed: {complaint(packed)}")


_PACK = (
    *(b"tar", b"--create", b"--format=posix", b"--sparse", b"--acls", b"--xattrs"),
    # A name is a name: no machine before a colon, no escapes; sockets stay behind without a word.
    *(b"--numeric-owner", b"--force-local", b"--no-unquote", b"--warning=no-file-ignored"),
)
"""tar(1) of GNU."""


def _encrypt(plain: bytes, target: bytes, size: int, encryption: Encryption, run: Running) -> None:
    os.close(os.open(target, _NEW, 0o600))  # its mode is ours before there is anything in it
    named = [word for one in encryption.recipients for word in (b"--recipient", one.encode())]
    argv = (b"age", b"--encrypt", *named, b"--output", target)
    try:
        told = run(Command(argv=argv, timeout=_FOREVER, stdin=plain))
        if told.code == 0 and _is_encrypted(target, size):
            return
    except BaseException:
        os.unlink(target)  # noqa: PTH108 - bytes
        raise
    os.unlink(target)  # noqa: PTH108 - bytes
    raise NotWhole(f"it could not be encrypted: {_said(told)}")


def decrypt(path: bytes, target: bytes, identity: bytes, run: Running) -> None:
    """Open an encrypted file as another one, which is there whole or not at all.

    What a try that was killed had opened is good where it is the same. `identity`: the file that
    holds the key. Raises `NotWhole`, `OSError`, `CommandNotStarted`.
    """
    aside = target + ASIDE
    with suppress(FileNotFoundError):
        os.unlink(aside)  # noqa: PTH108 - bytes
    os.close(os.open(aside, _NEW, 0o600))
    argv = (b"age", b"--decrypt", b"--identity", identity, b"--output", aside, path)
    try:
        told = run(Command(argv=argv, timeout=_FOREVER))
        if told.code == 0:
            _name(aside, target)
            return
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)  # noqa: PTH108 - bytes
    raise NotWhole(f"it could not be opened with that key: {_said(told)}")


def _said(told: Completed) -> str:
    """Why age ended, without what it says of itself."""
    lines = told.stderr.splitlines(keepends=True)
    own = (line.removeprefix(_ERROR) for line in lines if not line.startswith(_REPORT))
    return complaint(replace(told, stderr=b"".join(own)))


def _name(aside: bytes, target: bytes) -> None:
    """Give it its name; nothing is overwritten."""
    if not os.path.lexists(target):
        os.rename(aside, target)  # noqa: PTH104 - bytes
        return
    regular = stat.S_ISREG(os.lstat(target).st_mode)
    if not regular or not filecmp.cmp(aside, target, shallow=False):
        name = display(target.rpartition(b"/")[2])
        raise NotWhole(f"{name} is there already, and holds something else")


def _is_encrypted(path: bytes, plain: int) -> bool:
    """Whether it begins as it must, and is longer than what is in it."""
    with open(path, "rb") as file:  # noqa: PTH123 - bytes
        return file.read(len(_HEAD)) == _HEAD and os.fstat(file.fileno()).st_size > plain
