"""Carrying out the steps of a restore. Every name is reached through directories held open.

Whatever ends it, the same command goes on: what has come is not fetched again, what was set aside
is known by the note in the folder, and nothing is ever overwritten or removed but that folder.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from engine.exit_codes import meaning_of
from engine.progress import ProgressReader, ProgressSink
from engine.restore.aim import Aim
from engine.restore.fetch import TREE, Fetch
from engine.restore.steps import (
    Check,
    FetchInto,
    MakeStaging,
    OpenEncrypted,
    PutInPlace,
    RemoveStaging,
    RestoreStep,
    SetOldAside,
)
from engine.restore.versions import Version
from engine.rsync.output import parse_figures
from engine.system.dumps.encrypt import ASIDE
from engine.system.host.descent import descending, list_inside, remove_tree
from engine.system.host.directories import flush
from engine.system.host.process import Command, run
from engine.system.host.relocate import NotRenamed, opened_below, rename_below
from engine.system.restore.compare import Compared, Difference, Tree, count
from engine.system.restore.opening import Opened, is_shut, open_encrypted
from engine.system.restore.outcome import Doubtful, NotRestored, Restored, said
from engine.system.restore.staging import (
    Held,
    Note,
    NotOurs,
    open_way,
    read_note,
    staging,
    this_boot,
    writable,
    write_note,
)
from engine.system.restore.ways import remove_empty
from policy.values import display

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SQLITE = b"SQLite format 3\0"
_SIDECARS = (b"-wal", b"-shm", b"-journal")
_LONGEST = 30 * 24 * 3600.0
"""Seconds that a fetch may take: rsync itself ends where the other side is silent."""
Checker = Callable[[Tree], Sequence[Difference]]


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
    _note: Note = field(default_factory=lambda: Note(path="", kept=b"", what="", piece=(TREE,)))
    _counted: Compared = field(default_factory=Compared)
    _told: int | None = None
    _differences: tuple[Difference, ...] = ()
    _kept: bytes = b""
    _instead: str = ""
    _opened: Opened = field(default_factory=Opened)

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
            raise NotRestored(f"{said(error)}; {self._holds}") from None
        return Restored(
            name=self._lies,
            entries=self._counted.entries,
            size=self._counted.bytes,
            kept=self._kept,
            instead=self._instead,
            differences=self._differences,
            opened=self._opened,
        )

    @property
    def _final(self) -> bytes:
        """The name of what is wanted, opened if it is to be."""
        return self.aim.opened(directory=self.version.directory)

    @property
    def _lies(self) -> bytes:
        return self._final if self._opened.files else self.aim.name

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
                self._enter_staging(stack)
            case FetchInto():
                if not self._note.placing:
                    self._fetched()
            case Check():
                self._checked()
            case SetOldAside():
                self._old_aside()
            case PutInPlace():
                self._put()
            case OpenEncrypted() | RemoveStaging():
                self._end(step)

    def _end(self, step: OpenEncrypted | RemoveStaging) -> None:
        """What is left to do once it is in its place."""
        name = self.aim.name
        if isinstance(step, OpenEncrypted):
            self._opened = open_encrypted(self._folder, name, step.identity)
            self._counted = count(Tree(root=self._folder, top=(self._lies,)))
            return
        # Of what is doubted nobody is to hear later that all went well.
        shut = step.unless_shut and not self._differences and is_shut(self._folder, name)
        remove_tree(self._here + b"/" + TREE if shut else self._root + b"/" + self._name)

    @property
    def _name(self) -> bytes:
        return self.aim.staging

    @property
    def _what(self) -> str:
        moment = self.version.moment
        when = f"of {moment.isoformat()}" if moment is not None else f"as of {self.stamp.decode()}"
        return f"{self.version.label} {when}"

    @property
    def _piece_there(self) -> bool:
        *way, name = self._note.piece
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
        own = {self.aim.name, self._final, self._final + ASIDE}
        return own.issuperset(others) and self._is_there(self._name)

    # ── The folder ───────────────────────────────────────────────────────────────────────────

    def _enter_staging(self, stack: ExitStack) -> None:
        where = display(self.aim.folder + b"/" + self._name)
        try:
            self._staging = stack.enter_context(staging(self._folder, self._name))
        except NotOurs:
            raise NotRestored(
                f"{where} is there, and is not ours alone: remove it, or restore to another "
                "folder with --to DIR; nothing was restored"
            ) from None
        except Held:
            raise NotRestored(
                f"{display(self.aim.path)} is being restored already, into {where}: wait for that "
                "to end; this command has changed nothing"
            ) from None
        self._take_up()

    def _take_up(self) -> None:
        """Go on with what an earlier try has begun to put in its place; else fetch anew.

        What came before that is of no use where something else is chosen by now; of the same
        state nothing is fetched again.
        """
        before = read_note(self._staging)
        if before is not None and before.placing:
            self._note = before
            if self._goes_on():
                self._instead = before.what if before.what != self._what else ""
                return
        self._note = Note(
            path=display(self.aim.path),
            kept=self._new_kept(),
            what=self._what,
            piece=self.fetch.piece,
            # Until a fetch has ended, what came in an earlier life stays doubted.
            boot=before.boot if before is not None else this_boot(),
        )
        if before is not None and before.piece != self.fetch.piece:
            remove_tree(self._here + b"/" + TREE)
        write_note(self._staging, self._note)
        # A plain file may be what a try that was killed had opened; that one has left a note.
        own = (self.aim.name, self._final) if before is None else (self.aim.name,)
        there = [name for name in own if self._is_there(name)]
        if not self.aim.in_place and there:
            remove_tree(self._root + b"/" + self._name)
            raise NotRestored(
                f"{display(self.aim.folder + b'/' + there[0])} is there already, and nothing is "
                "overwritten: move it, or restore to another folder with --to DIR; nothing was "
                "restored"
            )

    def _new_kept(self) -> bytes:
        """A folder that keeps nothing yet: a try of this very second may have had one."""
        first = self.aim.kept(self.stamp)
        names = itertools.chain((first,), (first + b"-%d" % one for one in itertools.count(2)))
        return next(name for name in names if not self._is_there(name))

    def _goes_on(self) -> bool:
        """Whether an earlier try is to be ended: the old state is set aside, or what came is there.

        Whoever wrote there since, or took it away, wants it back once more.
        """
        if self._piece_there:
            return self.aim.in_place and self._is_kept(self._note.kept, self.aim.name)
        if not self._is_there(self.aim.name) or self._note.what != self._what:
            return False
        if not self.aim.in_place:
            return True
        tree = Tree(root=self._folder, top=(self.aim.name,))
        return not self.version.far and not self.check(tree)

    def _is_there(self, name: bytes) -> bool:
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=self._folder, follow_symlinks=False)
            return True
        return False

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
        argv = self.fetch.argv(self._here, doubted=self._note.boot != this_boot())
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
        tree = Tree(root=self._staging, top=self._note.piece)
        self._counted = count(tree)
        if self._note.placing:
            return
        if self.pattern and self._counted.entries == 1:
            remove_tree(self._root + b"/" + self._name)
            raise NotRestored(f"{self.version.label} holds nothing that the pattern matches")
        every = count(Tree(root=self._staging, top=self._note.piece[:1])).entries
        if self._told is not None and every != self._told and not self.pattern:
            raise NotRestored(
                f"rsync told of {self._told:,} entries, and {every:,} are here; {self._holds}"
            )
        self._counted.entries -= remove_empty(self._staging, self._note.piece, self.fetch.ways)
        self._differences = tuple(self.check(tree))
        if self._differences and self.aim.in_place:
            raise Doubtful(self._differences)
        flush(self._here)
        self._note.placing = True
        write_note(self._staging, self._note)

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
        *way, name = self._note.piece
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
    def _before(self) -> str:
        """Where the old state lies, as the rest of a sentence."""
        return f", what was there before in {display(self._kept)}" if self._kept else ""

    @property
    def _root(self) -> bytes:
        return b"/proc/self/fd/%d" % self._folder

    def _put(self) -> None:
        if not self._piece_there:  # an earlier try came as far as this
            self._counted = count(Tree(root=self._folder, top=(self.aim.name,)))
            return
        if self._is_there(self.aim.name):
            raise NotRestored(
                f"{display(self.aim.path)}: something lies there already, and nothing is "
                f"overwritten: move it away, and the same command goes on. What came lies in "
                f"{display(self.aim.folder + b'/' + self._name)}{self._before}"
            )
        with descending(self._staging) as descent:
            open_way(descent, self._note.piece)
            with writable(descent, self._note.piece):
                self._rename(self._root, (self._name, *self._note.piece), (self.aim.name,))

    def _rename(self, root: bytes, old: tuple[bytes, ...], new: tuple[bytes, ...]) -> None:
        try:
            rename_below(root, old, new)
        except NotRenamed as error:
            shown = display(self.aim.folder + b"/" + b"/".join(new))
            raise NotRestored(f"{shown}: {error}; {self._holds}") from None
