"""Small trees for rsync, made of nothing but what changed.

In the tree that is sent, a directory is a real one with the attributes of its original, and a
regular file is a symlink to a descriptor that this process holds open: rsync is told to follow
symlinks, and reads the very file that was looked at, whoever swaps which name for what meanwhile
(law 41). Symlinks and devices are made again in a second tree, from which rsync follows nothing.

The tree for deletions holds only names: what is missing in it may go.
"""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from engine.system.host.descent import (
    Descent,
    NotThere,
    descending,
    list_inside,
    opened_root,
    remove_tree,
)
from policy.parts import Attribute

_SPARE = 128
"""Descriptors left for everything else, and as many for three ways down."""
_ACLS = ("system.posix_acl_access", "system.posix_acl_default")
Names = tuple[bytes, ...]
Inode = tuple[int, int]


def pins_at_once() -> int:
    """How many files can be held open at a time; the soft limit is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    # Symlinks and devices with several names may need as many again.
    return max(1, (min(soft, 131_072) - 2 * _SPARE) // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """As much as is sent at a time."""

    files: bool
    """Whether the tree of files and directories holds anything."""
    others: bool
    """Whether the tree of symlinks and devices does."""


class SendTree:
    """The two trees of what is sent, filled lot by lot."""

    def __init__(
        self, root: int, trees: tuple[bytes, bytes], preserve: frozenset[Attribute]
    ) -> None:
        self._root = root
        self._files, self._others = trees
        self._preserve = preserve
        self.unreadable: list[bytes] = []
        """Paths that this user may not look at, or make again."""

    @contextmanager
    def lots(self, paths: Iterable[bytes], most: int) -> Iterator[Iterator[Lot]]:
        """Fill the trees again and again until all paths have had their turn, at least once.

        The root is in each tree: also where no path is left to send, its attributes arrive.
        """
        rest = iter(paths)
        try:
            yield self._lots(rest, most)
        finally:
            self._clear()

    def _lots(self, rest: Iterator[bytes], most: int) -> Iterator[Lot]:
        path = next(rest, None)
        while True:
            self._clear()
            with _Filling(self._root, self._files, self._others, self._preserve) as filling:
                while path is not None and filling.take(path, most, self.unreadable):
                    path = next(rest, None)
                yield filling.finish()
            if path is None:
                return

    def _clear(self) -> None:
        for path in (self._files, self._others):
            remove_tree(path)


class _Filling:
    """One lot while it is made and held."""

    def __init__(
        self, root: int, files: bytes, others: bytes, preserve: frozenset[Attribute]
    ) -> None:
        self._root = root
        self._paths = (files, others)
        self._preserve = preserve
        self._stack = ExitStack()
        self._held: dict[Inode, int] = {}
        """Descriptors of the files that rsync is to read, one for all names of a file."""
        self._others = False
        self._made: dict[Inode, tuple[int, bytes]] = {}
        """Symlinks and devices with several names, and where the first one was made."""

    def __enter__(self) -> _Filling:
        self._source = self._stack.enter_context(descending(self._root))
        self._files = self._stack.enter_context(_making(self._paths[0]))
        self._specials = self._stack.enter_context(_making(self._paths[1]))
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (*self._held.values(), *(place for place, _ in self._made.values())):
            os.close(descriptor)
        self._stack.close()

    def take(self, path: bytes, most: int, unreadable: list[bytes]) -> bool:
        """Take a path; False where as many files are held as may be, and this is one more."""
        # What has gone since it was looked at comes again, as a change of its own.
        with suppress(NotThere, FileNotFoundError):
            try:
                return self._add(tuple(path.split(b"/")), most)
            except PermissionError:
                unreadable.append(path)
        return True

    def finish(self) -> Lot:
        """Give all directories the attributes of their originals."""
        for made in (self._files, self._specials):
            for names in sorted(made.entered, key=len, reverse=True):
                with suppress(NotThere, PermissionError):
                    self._copy_attributes(self._source.enter(names), made.path(names))
        return Lot(files=True, others=self._others)

    def _add(self, names: Names, most: int) -> bool:
        parent = self._source.enter(names[:-1])
        pin = os.open(names[-1], os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            status = os.fstat(pin)
            inode = (status.st_dev, status.st_ino)
            held = self._held.get(inode)
            if stat.S_ISDIR(status.st_mode):
                self._files.enter(names)
            elif not stat.S_ISREG(status.st_mode):
                if status.st_nlink > 1 and inode not in self._made and len(self._made) >= most:
                    return False
                self._special(names, pin, status)
            elif held is None and len(self._held) >= most:
                return False
            else:
                place = self._files.enter(names[:-1])
                number = pin if held is None else held
                with suppress(FileExistsError):
                    os.symlink(b"/proc/%d/fd/%d" % (os.getpid(), number), names[-1], dir_fd=place)
                    if held is None:
                        self._held[inode], pin = pin, -1
        finally:
            if pin >= 0:
                os.close(pin)
        return True

    def _special(self, names: Names, pin: int, status: os.stat_result) -> None:
        if not stat.S_ISLNK(status.st_mode) and Attribute.DEVICES not in self._preserve:
            # It is not sent, but its arrival has changed the times of the directory it is in.
            self._files.enter(names[:-1])
            return
        place = self._specials.enter(names[:-1])
        inode = (status.st_dev, status.st_ino)
        with suppress(FileExistsError):
            if inode in self._made:
                there, first = self._made[inode]
                os.link(first, names[-1], src_dir_fd=there, dst_dir_fd=place, follow_symlinks=False)
                return
            _make_again(pin, status, names[-1], place)
            self._others = True
            if status.st_nlink > 1:
                self._made[inode] = (os.dup(place), names[-1])

    def _copy_attributes(self, original: int, copy: bytes) -> None:
        status = os.fstat(original)
        if os.geteuid() == 0:
            os.chown(copy, status.st_uid, status.st_gid)
        if Attribute.ACLS in self._preserve:
            for name in _ACLS:
                with suppress(OSError):
                    value = os.getxattr(b"/proc/self/fd/%d" % original, name)
                    os.setxattr(copy, name, value)
        os.chmod(copy, stat.S_IMODE(status.st_mode))  # noqa: PTH101 - bytes
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


def _make_again(pin: int, status: os.stat_result, name: bytes, place: int) -> None:
    """Make a symlink or a device like the one that is held, attributes included."""
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(b"", dir_fd=pin), name, dir_fd=place)
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=place)
    if os.geteuid() == 0:
        os.chown(name, status.st_uid, status.st_gid, dir_fd=place, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=place)  # what the umask took away
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(name, ns=times, dir_fd=place, follow_symlinks=False)


class _Making:
    """A tree being made, directory by directory."""

    def __init__(self, path: bytes, root: int) -> None:
        self._path = path
        self._descent = Descent(root)
        self.entered: set[Names] = {()}

    def enter(self, names: Names) -> int:
        """A descriptor of that directory, made where it is missing. Raises `NotThere`."""
        there = len(names)
        while names[:there] not in self.entered:
            there -= 1
        for depth in range(there + 1, len(names) + 1):
            parent = self._descent.enter(names[: depth - 1])
            try:
                os.mkdir(names[depth - 1], 0o700, dir_fd=parent)
            except FileExistsError:
                # Taken as a file already: at the source its type has changed since.
                raise NotThere(depth, other=True) from None
            self.entered.add(names[:depth])
        return self._descent.enter(names)

    def path(self, names: Names) -> bytes:
        """A path to that directory that is never too long."""
        return b"/proc/self/fd/%d" % self._descent.enter(names)

    def close(self) -> None:
        """Close what is open."""
        self._descent.close()


@contextmanager
def _making(path: bytes) -> Iterator[_Making]:
    os.mkdir(path, 0o700)  # noqa: PTH102 - bytes
    with opened_root(path) as root:
        made = _Making(path, root)
        try:
            yield made
        finally:
            made.close()


def make_names(
    root: int,
    path: bytes,
    shallow: Iterable[Names],
    whole: Iterable[Names],
    without: frozenset[bytes],
) -> tuple[Names, ...]:
    """Make a tree of names: some directories, and all that is below others of them at the source.

    A name that is here is not deleted at the destination, whatever lies there under it. What comes
    back are directories that this user may not list: nothing is known of what is in them.
    """
    unreadable: list[Names] = []
    with descending(root) as source, _making(path) as made:
        for names in shallow:
            made.enter(names)
        for names in whole:
            unreadable += _make_whole(source, made, names, without)
        for names in sorted(made.entered, key=len, reverse=True):
            with suppress(NotThere, PermissionError):
                status = os.fstat(source.enter(names))
                copy = made.path(names)
                if os.geteuid() == 0:
                    os.chown(copy, status.st_uid, status.st_gid)
                os.chmod(copy, stat.S_IMODE(status.st_mode))  # noqa: PTH101 - bytes
                os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    return tuple(unreadable)


def _make_whole(
    source: Descent, made: _Making, top: Names, without: frozenset[bytes]
) -> Iterator[Names]:
    waiting = [top]
    while waiting:
        here = waiting.pop()
        try:
            place = made.enter(here)
            listing = list_inside(source.enter(here))
        except NotThere:
            continue
        except PermissionError:
            yield here
            continue
        for name, directory in listing:
            if directory:
                waiting.append((*here, name))
            elif b"/".join((*here, name)) not in without:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                with suppress(FileExistsError):
                    os.close(os.open(name, flags, 0o600, dir_fd=place))
