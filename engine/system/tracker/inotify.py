"""inotify through pyinotify: the only module that imports it, and only when the tracker runs.

Its own reading of events and its way of adding watches decode names, and one name that is no UTF-8
ends them (law 34). So events are read here, as the kernel lays them out in inotify(7), and watches
are set on `/proc/self/fd/N`: a descriptor is what was looked at, whatever its name means by then.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import struct
import termios
from pathlib import Path

from engine.system.tracker.watcher import Kind, NoMoreWatches, Seen

_HEAD = struct.Struct("iIII")
"""Watch, mask, cookie, and the length of the name that follows, padded with NULs."""
_NAMELESS = frozenset({Kind.OVERFLOW, Kind.DROPPED, Kind.UNMOUNTED})
_LIMITS = Path("/proc/sys/fs/inotify")


def limit(name: str) -> int | None:
    """A limit of inotify as the kernel has it now, such as `max_user_watches`."""
    try:
        return int((_LIMITS / name).read_text())
    except (OSError, ValueError):
        return None


class Inotify:
    """One inotify instance. Raises `NoMoreWatches` where the kernel grants none."""

    def __init__(self) -> None:
        import pyinotify

        self._calls = pyinotify.INotifyWrapper.create()
        self._descriptor: int = self._calls.inotify_init()
        if self._descriptor < 0:
            code = self._calls.get_errno()
            if code == errno.EMFILE:
                raise NoMoreWatches("fs.inotify.max_user_instances is used up")
            raise OSError(code, os.strerror(code))
        os.set_inheritable(self._descriptor, False)  # noqa: FBT003 - the call has no names
        names = (
            "CREATE CLOSE_WRITE MODIFY MOVED_FROM MOVED_TO DELETE ATTRIB DELETE_SELF MOVE_SELF "
            "ONLYDIR"
        )
        self._mask = sum(getattr(pyinotify, f"IN_{name}") for name in names.split())
        self._directory = pyinotify.IN_ISDIR
        self._kinds = (
            (pyinotify.IN_Q_OVERFLOW, Kind.OVERFLOW),
            (pyinotify.IN_UNMOUNT, Kind.UNMOUNTED),
            (pyinotify.IN_IGNORED, Kind.DROPPED),
            (pyinotify.IN_CREATE | pyinotify.IN_MOVED_TO, Kind.CAME),
            (pyinotify.IN_DELETE | pyinotify.IN_MOVED_FROM, Kind.WENT),
            (pyinotify.IN_CLOSE_WRITE | pyinotify.IN_MODIFY | pyinotify.IN_ATTRIB, Kind.CHANGED),
        )

    def add(self, descriptor: int) -> int:
        """Watch the directory that is open there."""
        path = f"/proc/self/fd/{descriptor}"
        watch: int = self._calls.inotify_add_watch(self._descriptor, path, self._mask)
        if watch >= 0:
            return watch
        code = self._calls.get_errno()
        if code == errno.ENOSPC:
            raise NoMoreWatches("fs.inotify.max_user_watches is used up")
        raise OSError(code, os.strerror(code))

    def remove(self, watch: int) -> None:
        """Give a watch up."""
        self._calls.inotify_rm_watch(self._descriptor, watch)

    def read(self) -> list[Seen]:
        """What is queued now: what comes in while it is read waits for the next time."""
        waiting = array.array("i", [0])
        fcntl.ioctl(self._descriptor, termios.FIONREAD, waiting)
        left, found = waiting[0], []
        while left > 0:
            data = os.read(self._descriptor, max(left, 4096))
            left -= len(data)
            found += self._events(data)
        return found

    def _events(self, data: bytes) -> list[Seen]:
        found, at = [], 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            name = data[at : at + length].rstrip(b"\0")
            at += length
            kind = next((kind for bits, kind in self._kinds if mask & bits), None)
            # An event without a name is about the directory itself: its parent tells of it.
            if kind is not None and (name or kind in _NAMELESS):
                found.append(Seen(watch, kind, name, bool(mask & self._directory)))
        return found

    def fileno(self) -> int:
        """A descriptor that is readable once something has happened."""
        return self._descriptor

    def close(self) -> None:
        """Give up all watches."""
        os.close(self._descriptor)
