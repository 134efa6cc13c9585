"""Carrying out the steps of a restore. Every name is reached through directories held open.

Whatever ends it, the same command goes on: what has come is not fetched again, what was set aside
is known by the note in the folder, and nothing is ever overwritten or removed but that folder.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from engine.exit_codes import meaning_of
from engine.progress import ProgressReader, ProgressSink
from engine.restore.aim import Aim
from engine.restore.fetch import Fetch
from engine.restore.steps import (
    MARKER,
    Check,
    FetchInto,
    MakeStaging,
    PutInPlace,
    RemoveStaging,
    RestoreStep,
    SetOldAside,
)
from engine.restore.versions import Version
from engine.rsync.output import parse_figures
from engine.system.host.descent import Descent, descending, list_inside, remove_tree
from engine.system.host.directories import flush
from engine.system.host.process import Command, run
from engine.system.host.relocate import NotRenamed, opened_below, rename_below
from engine.system.restore.compare import Compared, Difference, Tree, count
from policy.values import display

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = MARKER + b".new"
_SQLITE = b"SQLite format 3\0"
_SIDECARS = (b"-wal", b"-shm", b"-journal")
_WHY = {
    errno.ELOOP: "a symlink is in the place of a directory, and is not followed",
    errno.ENOTDIR: "something else is in the place of a directory",
    errno.ENOENT: "the directory is not there: restore that one, or to a new folder",
}
_LONGEST = 30 * 24 * 3600.0
"""Seconds that a fetch may take: rsync itself ends where the other side is silent."""
Checker = Callable[[Tree], Sequence[Difference]]


class NotRestored(Exception):
    """Nothing was put in its place; the message says why, and what holds now."""


class Doubtful(Exception):
    """It has come, and differs from another copy: it does not take the place of what is there."""

    def __init__(self, differences: tuple[Difference, ...]) -> None:
        super().__init__(f"{len(differences)} differences")
        self.differences = differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What is in its place now."""

    entries: int
    size: int
    """Bytes of all files; each name of a hard link counts."""
    kept: bytes = b""
    """The path of what was there before; empty: nothing was."""
    differences: tuple[Difference, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Note:
    """What the folder says of itself."""

    kept: bytes
    placing: bool = False
    """Whether all has come, and is being put in its place."""

    def text(self, aim: Aim, version: Version) -> bytes:
        said = {
            "path": display(aim.path),
            "from": version.label,
            "kept": self.kept.decode(),
            "placing": self.placing,
        }
        return json.dumps(said, indent=2).encode() + b"\n"


@dataclass(slots=True, kw_only=True)
class RestoreRun:
    """One restore, from its first step to its last."""

    aim: Aim
    version: Version
    fetch: Fetch
    stamp: bytes
    """When it began, as a part of a name."""
    check: Checker
    pattern: bool = False
    """Whether only what a pattern matches is wanted, which may be nothing."""
    sink: ProgressSink | None = None
    limit: float = _LONGEST
    """Seconds that the fetch may take."""
    holds: str = ""
    """What is said of what holds where it fails; empty: what holds for whoever restores a path."""
    _folder: int = -1
    _staging: int = -1
    _note: _Note = field(default_factory=lambda: _Note(kept=b""))
    _counted: Compared = field(default_factory=Compared)
    _told: int | None = None
    _differences: tuple[Difference, ...] = ()
    _kept: bytes = b""

    def go(self, steps: Sequence[RestoreStep]) -> Restored:
        """Carry out all steps. Raises `NotRestored`."""
        try:
            with ExitStack() as stack:
                make = not self.aim.in_place
                here = opened_below(self.aim.base, self.aim.below, make=make)
                self._folder = stack.enter_context(here)
                self._refuse_strange_folder()
                for step in steps:
                    self._carry_out(step, stack)
        except OSError as error:
            raise NotRestored(f"{_said(error)}; {self._holds}") from None
        return Restored(
            entries=self._counted.entries,
            size=self._counted.bytes,
            kept=self._kept,
            differences=self._differences,
        )

    @property
    def _holds(self) -> str:
        if self.holds:
            return self.holds
        if self.aim.in_place and self._note.placing:
            return "nothing is lost: the same command goes on where it was cut off"
        return f"nothing was put at {display(self.aim.path)}; the same command goes on"

    def _carry_out(self, step: RestoreStep, stack: ExitStack) -> None:
        match step:
            case MakeStaging():
                self._staging = stack.enter_context(self._made())
            case FetchInto():
                if not self._note.placing:
                    self._fetched()
            case Check():
                self._checked()
            case SetOldAside():
                self._old_aside()
            case PutInPlace():
                self._put()
            case RemoveStaging():
                remove_tree(self._root + b"/" + self._name)

    @property
    def _name(self) -> bytes:
        return self.aim.staging(self.version)

    @property
    def _piece_there(self) -> bool:
        *way, name = self.fetch.piece
        try:
            with opened_below(self._here, tuple(way), make=False) as parent:
                os.stat(name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    @property
    def _here(self) -> bytes:
        return b"/proc/self/fd/%d" % self._staging

    def _refuse_strange_folder(self) -> None:
        """A new folder is nobody else's, and `--to` names an empty one."""
        if self.aim.in_place:
            return
        where = display(self.aim.folder)
        if os.fstat(self._folder).st_uid != os.geteuid():
            raise NotRestored(
                f"{where} belongs to somebody else, who could change what comes back: name another "
                "folder with --to DIR; nothing was restored"
            )
        others = [name for name, _ in list_inside(self._folder) if name != self._name]
        if self.aim.alone and others and not self._placed_before(others):
            raise NotRestored(
                f"{where} is not empty: it holds {display(others[0])}; name an empty "
                "folder, or one that is not there yet; nothing was restored"
            )

    def _placed_before(self, others: list[bytes]) -> bool:
        """Whether an earlier try was cut off when all was in its place but the folder's end."""
        return others == [self.aim.name] and self._is_there(self._name)

    # ── The folder ───────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _made(self) -> Iterator[int]:
        """The folder to fetch into: ours alone, new or as an earlier try has left it."""
        with suppress(FileExistsError):
            os.mkdir(self._name, 0o700, dir_fd=self._folder)
        descriptor = os.open(self._name, _DIRECTORY, dir_fd=self._folder)
        try:
            self._take_up(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def _take_up(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            where = display(self.aim.folder + b"/" + self._name)
            raise NotRestored(
                f"{where} is there, and is not ours alone: remove it, or restore to another "
                "folder with --to DIR; nothing was restored"
            )
        note = _read_note(descriptor)
        self._note = note or _Note(kept=self.aim.kept(self.version, self.stamp))
        if note is None:
            self._write_note(descriptor)
        if not self._note.placing and not self.aim.in_place and self._is_there(self.aim.name):
            os.unlink(MARKER, dir_fd=descriptor)
            with suppress(OSError):
                os.rmdir(self._name, dir_fd=self._folder)
            raise NotRestored(
                f"{display(self.aim.path)} is there already, and nothing is overwritten: move it, "
                "or restore to another folder with --to DIR; nothing was restored"
            )

    def _write_note(self, directory: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(_NEW, flags, 0o600, dir_fd=directory), "wb") as file:
            file.write(self._note.text(self.aim, self.version))
            file.flush()
            os.fsync(file.fileno())
        os.replace(_NEW, MARKER, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)

    def _is_there(self, name: bytes) -> bool:
        try:
            os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    # ── Fetching and checking ────────────────────────────────────────────────────────────────

    def _fetched(self) -> None:
        reader = ProgressReader()

        def read(chunk: bytes) -> bytes:
            newest, rest = reader.feed(chunk)
            if newest is not None and self.sink is not None:
                self.sink.advance(self.version.label, newest)
            return rest

        if self.sink is not None:
            self.sink.expect(self.version.label, entries=None, size=self.version.size)
        argv = self.fetch.argv(self._here)
        done = run(
            Command(argv=argv, timeout=self.limit, on_output=read, keep_open=(self._staging,))
        )
        if done.code != 0:
            said = f": {done.last_words}" if done.last_words else ""
            how = "its time had passed" if done.timed_out else meaning_of(done.code)
            raise NotRestored(
                f"{self.version.label} could not be brought back as a whole: {how}{said}; "
                f"{self._holds}"
            )
        self._told = parse_figures(done.stdout).entries
        if not self._piece_there:
            raise NotRestored(f"{self.version.label} does not hold it any more; {self._holds}")

    def _checked(self) -> None:
        """What came against what was told, and against the copies that are near."""
        if not self._piece_there:
            return  # it is in its place already
        tree = Tree(root=self._staging, top=self.fetch.piece)
        self._counted = count(tree)
        if self._note.placing:
            return
        if self.pattern and self._counted.entries == 1:
            remove_tree(self._root + b"/" + self._name)
            raise NotRestored(f"{self.version.label} holds nothing that the pattern matches")
        every = count(Tree(root=self._staging, top=self.fetch.piece[:1])).entries
        if self._told is not None and every != self._told and not self.pattern:
            raise NotRestored(
                f"rsync told of {self._told:,} entries, and {every:,} are here; {self._holds}"
            )
        self._differences = tuple(self.check(tree))
        if self._differences and self.aim.in_place:
            raise Doubtful(self._differences)
        flush(self._here)
        self._note.placing = True
        self._write_note(self._staging)

    # ── Putting it in its place ──────────────────────────────────────────────────────────────

    def _old_aside(self) -> None:
        """Rename what is there now, once: what came is never taken for it."""
        kept = self._note.kept
        if self._piece_there:
            names = [self.aim.name, *self._sidecars()]
            for name in names:
                if self._is_there(name) and not self._is_kept(kept, name):
                    self._rename(self._root, (name,), (kept, name))
        if self._is_kept(kept, self.aim.name):
            self._kept = self.aim.folder.rstrip(b"/") + b"/" + kept + b"/" + self.aim.name

    def _sidecars(self) -> list[bytes]:
        """Of a database that comes, the files beside the old one: they would be taken for its."""
        *way, name = self.fetch.piece
        with opened_below(self._here, tuple(way), make=False) as parent:
            try:
                with os.fdopen(os.open(name, _NOTE, dir_fd=parent), "rb") as file:
                    begins = file.read(len(_SQLITE))
            except OSError:  # no file, or none that this user may read
                return []
        return [self.aim.name + end for end in _SIDECARS] if begins == _SQLITE else []

    def _is_kept(self, kept: bytes, name: bytes) -> bool:
        try:
            os.stat(kept + b"/" + name, dir_fd=self._folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    @property
    def _root(self) -> bytes:
        return b"/proc/self/fd/%d" % self._folder

    def _put(self) -> None:
        if not self._piece_there:  # an earlier try came as far as this
            self._counted = count(Tree(root=self._folder, top=(self.aim.name,)))
            return
        with descending(self._staging) as descent:
            _open_way(descent, self.fetch.piece)
            with _writable(descent, self.fetch.piece):
                self._rename(self._root, (self._name, *self.fetch.piece), (self.aim.name,))

    def _rename(self, root: bytes, old: tuple[bytes, ...], new: tuple[bytes, ...]) -> None:
        try:
            rename_below(root, old, new)
        except NotRenamed as error:
            shown = display(self.aim.folder + b"/" + b"/".join(new))
            raise NotRestored(f"{shown}: {error}; {self._holds}") from None


def _said(error: OSError) -> str:
    """What went wrong with which file."""
    name = (
        error.filename if isinstance(error.filename, bytes) else os.fsencode(error.filename or "")
    )
    where = f"{display(name)}: " if name else ""
    return where + (_WHY.get(error.errno or 0) or error.strerror or str(error))


def _open_way(descent: Descent, piece: tuple[bytes, ...]) -> None:
    """Open the directories above it for renaming: they have the modes of their originals."""
    for depth in range(1, len(piece)):
        here = descent.enter(piece[:depth])
        os.chmod(b"/proc/self/fd/%d" % here, 0o700)  # noqa: PTH101 - bytes


@contextmanager
def _writable(descent: Descent, piece: tuple[bytes, ...]) -> Iterator[None]:
    """A directory is renamed into another one only by who may write it; its mode comes back."""
    parent = descent.enter(piece[:-1])
    status = os.stat(piece[-1], dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IWUSR:
        yield
        return
    inner = os.open(piece[-1], _DIRECTORY, dir_fd=parent)
    try:
        os.fchmod(inner, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
        yield
    finally:
        os.fchmod(inner, stat.S_IMODE(status.st_mode))
        os.close(inner)


def _read_note(directory: int) -> _Note | None:
    try:
        with os.fdopen(os.open(MARKER, _NOTE, dir_fd=directory), "rb") as file:
            found = json.loads(file.read(1 << 16))
        return _Note(kept=str(found["kept"]).encode(), placing=found["placing"] is True)
    except (OSError, ValueError, KeyError, TypeError):
        return None
