"""Small trees for rsync, made of nothing but what changed.

In the tree that is sent, a directory is a real one with the attributes of its original, and a
regular file is a symlink to a descriptor that this process holds open: rsync is told to follow
symlinks, and reads the very file that was looked at, whoever swaps which name for what meanwhile
(law 41). Symlinks and devices are made again in a second tree, from which rsync follows nothing.

The tree for deletions holds only names: what is missing in it may go.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from engine.system.descent import Descent, NotThere, descending, list_inside, opened_root
from policy.parts import Attribute

_SPARE = 256
"""Descriptors left for everything else."""
_ACLS = ("system.posix_acl_access", "system.posix_acl_default")
Names = tuple[bytes, ...]


def pins_at_once() -> int:
    """How many files can be held open at a time; the soft limit is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    # Names of one file are held together, so that a lot may grow past this.
    return max(_SPARE, (min(soft, 131_072) - _SPARE) // 2)


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
        for number in itertools.count():
            self._clear()
            with _Filling(self._root, self._files, self._others, self._preserve) as filling:
                if not filling.fill(rest, most) and number > 0:
                    return
                yield filling.finish()

    def _clear(self) -> None:
        for path in (self._files, self._others):
            shutil.rmtree(path, ignore_errors=True)


class _Filling:
    """One lot while it is made and held."""

    def __init__(
        self, root: int, files: bytes, others: bytes, preserve: frozenset[Attribute]
    ) -> None:
        self._root = root
        self._paths = (files, others)
        self._preserve = preserve
        self._stack = ExitStack()
        self._descriptors: list[int] = []
        self._others = False
        self._made: dict[tuple[int, int], bytes] = {}
        """Symlinks and devices with several names, and where the first one was made."""

    def __enter__(self) -> _Filling:
        self._source = self._stack.enter_context(descending(self._root))
        self._files = self._stack.enter_context(_making(self._paths[0]))
        self._specials = self._stack.enter_context(_making(self._paths[1]))
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._stack.close()

    def fill(self, rest: Iterator[bytes], most: int) -> bool:
        """Take paths until as many files are held as may be; whether there were any."""
        taken = False
        for path in rest:
            taken = True
            # What has gone since it was looked at comes again, as a change of its own.
            with suppress(NotThere, FileNotFoundError):
                alone = self._add(tuple(path.split(b"/")))
                if len(self._descriptors) >= most and alone:
                    break
        return taken

    def finish(self) -> Lot:
        """Give all directories the attributes of their originals."""
        for made in (self._files, self._specials):
            for names in sorted(made.entered, key=len, reverse=True):
                with suppress(NotThere):
                    self._copy_attributes(self._source.enter(names), made.path(names))
        return Lot(files=True, others=self._others)

    def _add(self, names: Names) -> bool:
        """Take one path; whether it is the only name of what it names."""
        parent = self._source.enter(names[:-1])
        pin = os.open(names[-1], os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        held = False
        try:
            status = os.fstat(pin)
            if stat.S_ISDIR(status.st_mode):
                self._files.enter(names)
            elif stat.S_ISREG(status.st_mode):
                place = self._files.enter(names[:-1])
                with suppress(FileExistsError):
                    os.symlink(b"/proc/%d/fd/%d" % (os.getpid(), pin), names[-1], dir_fd=place)
                    self._descriptors.append(pin)
                    held = True
            else:
                self._special(names, pin, status)
        finally:
            if not held:
                os.close(pin)
        return status.st_nlink == 1 or stat.S_ISDIR(status.st_mode)

    def _special(self, names: Names, pin: int, status: os.stat_result) -> None:
        if not stat.S_ISLNK(status.st_mode) and Attribute.DEVICES not in self._preserve:
            # It is not sent, but its arrival has changed the times of the directory it is in.
            self._files.enter(names[:-1])
            return
        place = self._specials.enter(names[:-1])
        inode = (status.st_dev, status.st_ino)
        with suppress(FileExistsError):
            if inode in self._made:
                os.link(self._made[inode], names[-1], dst_dir_fd=place, follow_symlinks=False)
                return
            if stat.S_ISLNK(status.st_mode):
                os.symlink(os.readlink(b"", dir_fd=pin), names[-1], dir_fd=place)
            else:
                os.mknod(names[-1], status.st_mode, status.st_rdev, dir_fd=place)
            self._others = True
            if status.st_nlink > 1:
                self._made[inode] = b"/".join((self._paths[1], *names))
            if os.geteuid() == 0:
                os.chown(
                    names[-1], status.st_uid, status.st_gid, dir_fd=place, follow_symlinks=False
                )
            times = (status.st_atime_ns, status.st_mtime_ns)
            os.utime(names[-1], ns=times, dir_fd=place, follow_symlinks=False)

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


class _Making:
    """A tree being made, directory by directory."""

    def __init__(self, path: bytes, root: int) -> None:
        self._path = path
        self._descent = Descent(root)
        self.entered: set[Names] = {()}

    def enter(self, names: Names) -> int:
        """A descriptor of that directory, made where it is missing, with all above it."""
        if names not in self.entered:
            for depth in range(1, len(names) + 1):
                if names[:depth] not in self.entered:
                    parent = self._descent.enter(names[: depth - 1])
                    os.mkdir(names[depth - 1], 0o700, dir_fd=parent)
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
) -> None:
    """Make a tree of names: some directories, and all that is below others of them at the source.

    A name that is here is not deleted at the destination, whatever lies there under it.
    """
    with descending(root) as source, _making(path) as made:
        for names in shallow:
            made.enter(names)
        for names in whole:
            _make_whole(source, made, names, without)
        for names in sorted(made.entered, key=len, reverse=True):
            with suppress(NotThere):
                status = os.fstat(source.enter(names))
                copy = made.path(names)
                if os.geteuid() == 0:
                    os.chown(copy, status.st_uid, status.st_gid)
                os.chmod(copy, stat.S_IMODE(status.st_mode))  # noqa: PTH101 - bytes
                os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


def _make_whole(source: Descent, made: _Making, top: Names, without: frozenset[bytes]) -> None:
    waiting = [top]
    while waiting:
        here = waiting.pop()
        place = made.enter(here)
        try:
            original = source.enter(here)
        except NotThere:
            continue
        for name, directory in list_inside(original):
            if directory:
                waiting.append((*here, name))
            elif b"/".join((*here, name)) not in without:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                os.close(os.open(name, flags, 0o600, dir_fd=place))
