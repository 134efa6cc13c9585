"""Runs a command with something mounted that nobody else sees: a program of its own.

    mounted_worker.py SECONDS KIND OPTIONS SOURCE AT MEANT COMMAND…

In a mount namespace of its own it mounts SOURCE on AT, read-only, and becomes COMMAND: once the
last process of the namespace has ended, by SIGKILL too, nothing is mounted any more. KIND is a file
system, or empty for a directory. MEANT is `device:inode` of that directory, or empty: what is
mounted must be that one, whatever its path led to (law 41).

It imports nothing of the project, so that it starts at once and from anywhere;
`engine.system.host.mounted` calls it and knows how it ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
import time

FAILED = 125
"""How it ends where it could not mount, or not start the command."""
LATE = frozenset({errno.ENOENT, errno.ENXIO})
"""What mount(2) says where a device's node is there before its device, or not yet."""
PAUSE = 5.0
"""Seconds before the second try."""

_NEWNS = 0x00020000  # CLONE_NEWNS, sched.h
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096  # sys/mount.h
_REC, _SLAVE = 16384, 1 << 19
_HARMLESS = _RDONLY | _NOSUID | _NODEV | _NOEXEC
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(words: list[bytes]) -> None:
    """Mount, and become the command."""
    seconds, kind, options, source, at, meant, *command = words
    try:
        _leave()
        # Its default action ends this process, and the kernel's own waiting in mount(2) too.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.setitimer(signal.ITIMER_REAL, float(seconds))
        _mount_twice(source, at, kind, options)
        signal.setitimer(signal.ITIMER_REAL, 0)
        found = os.stat(at)  # noqa: PTH116 - bytes
    except OSError as error:
        _fail(f"{os.fsdecode(source)} cannot be mounted: {_words(error)}")
    # Here, where nobody else can mount or rename anything any more.
    if meant and meant != b"%d:%d" % (found.st_dev, found.st_ino):
        _fail(f"{os.fsdecode(source)} is not the directory any more that was looked at")
    try:
        os.execvp(command[0], command)  # noqa: S606 - an argument list, and no shell
    except OSError as error:
        _fail(f"{os.fsdecode(command[0])} cannot be run: {error.strerror}")


def _leave() -> None:
    """Get a mount namespace in which nothing that is done reaches the machine's own.

    The other way it does (a slave, mount_namespaces(7)): what is unmounted there meanwhile is not
    kept in use here.
    """
    if _LIBC.unshare(_NEWNS) != 0:
        raise _error()
    _mount(b"none", b"/", b"", _REC | _SLAVE, b"")


def _mount_twice(source: bytes, at: bytes, kind: bytes, options: bytes) -> None:
    try:
        _mount_read_only(source, at, kind, options)
    except OSError as error:
        if error.errno not in LATE:
            raise
        time.sleep(PAUSE)
        _mount_read_only(source, at, kind, options)


def _mount_read_only(source: bytes, at: bytes, kind: bytes, options: bytes) -> None:
    if kind:
        _mount(source, at, kind, _HARMLESS, options)
        return
    _mount(source, at, b"", _BIND, b"")
    # A bind mount takes its flags from a second call (mount(2)).
    _mount(b"none", at, b"", _BIND | _REMOUNT | _HARMLESS, b"")


def _mount(source: bytes, at: bytes, kind: bytes, flags: int, options: bytes) -> None:
    if _LIBC.mount(source, at, kind or None, ctypes.c_ulong(flags), options or None) != 0:
        raise _error()


def _error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def _words(error: OSError) -> str:
    """What the kernel means by the errors that it has for several things (mount(2))."""
    match error.errno:
        case errno.EINVAL | errno.EUCLEAN:
            return f"{error.strerror}: the file system is damaged, or is none of this kind"
        case errno.EEXIST:
            return "another device with the same file system is mounted on this machine"
        case errno.ENODEV:
            return "this kernel does not know the file system"
        case errno.EACCES | errno.EROFS:
            return f"{error.strerror}: its journal must be replayed, and the device is read-only"
        case _:
            return str(error.strerror)


def _fail(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.exit(FAILED)


if __name__ == "__main__":
    main([os.fsencode(one) for one in sys.argv[1:]])
