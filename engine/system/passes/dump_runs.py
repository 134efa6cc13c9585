"""Dumps while a run lasts: each artefact is made aside, read back, and judged with the others."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO

from engine.dumps.artefact import Artefact, Nature
from engine.dumps.figures import NotWhole, Part
from engine.dumps.judgement import is_another, judge_dump, with_history
from engine.dumps.record import NAME, DumpRecord, FileRecord, record_to_json
from engine.records.reports import FeedReport, RunStatus
from engine.runs.observation import Waiver
from engine.steps.dumps import JudgeDump, MakeArtefact
from engine.steps.generations import STAGING, inside
from engine.system.dumps.asking import complaint
from engine.system.dumps.client import command_of
from engine.system.dumps.copied import copy_beside, copy_database
from engine.system.dumps.encrypt import encrypt, pack
from engine.system.dumps.folders import reading_folders
from engine.system.dumps.read_back import Reading, read_back
from engine.system.dumps.streams import sha256_of, writing
from engine.system.host.descent import remove_tree
from engine.system.host.process import Command, CommandNotStarted, Completed
from engine.system.host.secrets import NoSecret
from engine.system.passes.feed_runs import NO_ROOM, FeedRuns, FeedStopped
from engine.system.passes.in_the_clear import in_the_clear, room_in
from engine.system.passes.transfers import OutOfTime
from policy.encryption import ENDING, Encryption
from policy.values import display

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_TOLD = 5
"""So many failures are told one by one."""
_FOREVER = float("inf")
_DIGEST = 64
"""Characters of a digest of a content."""


@dataclass(slots=True)
class _Made:
    """What has become of the artefacts of one feed."""

    files: list[FileRecord] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    sums: str = ""
    """The sum of the list of sums; empty: there is none."""


@dataclass(slots=True)
class DumpRuns:
    """The dumps of one run."""

    feeds: FeedRuns
    directory: bytes
    """The private one of the run."""
    _made: dict[str, _Made] = field(default_factory=dict)

    def make(self, step: MakeArtefact) -> None:
        """Make one artefact; one that cannot be is told later. Raises `FeedStopped`, `OutOfTime`.

        And `ItemOutOfTime`.
        """
        made = self._made.setdefault(step.feed, _Made())
        label = display(step.artefact.name) or "what lies beside it"
        try:
            with _no_room(label):
                files = self._kept(step)
                made.files += files
                self._tell_database(step, RunStatus.OK, "", files)
        except (NotWhole, CommandNotStarted, NoSecret) as error:
            made.failed.append(f"{label}: {error}")
            self._tell_database(step, RunStatus.FAILED, str(error))

    def _tell_database(
        self, step: MakeArtefact, status: RunStatus, reason: str, files: Sequence[FileRecord] = ()
    ) -> None:
        """Each database is told by itself: a known failure of one hides no other (law 35)."""
        database = step.artefact.database
        if not database:
            return
        size = sum(one.size for one in files)
        rows = [part.rows for one in files for part in one.parts if part.rows is not None]
        self.feeds.put(
            FeedReport(
                feed=f"{step.feed}:{display(database.encode())}",
                status=status,
                reason=reason,
                entries=sum(rows) if rows else None,
                size=size,
                place=self.feeds.report(step.feed).place,
            )
        )

    def _kept(self, step: MakeArtefact) -> list[FileRecord]:
        """What was made and read back, encrypted if it is to be; nothing where that fails."""
        staging = inside(step.target, STAGING).path
        if step.encryption is not None:
            with in_the_clear(self.directory) as plain:
                with room_in(plain):
                    files = self._files(step, plain)
                return list(self._encrypted(step, files, plain, step.encryption))
        try:
            return self._files(step, staging)
        except BaseException as error:
            # What lies there already is another artefact's, where names differ by case alone.
            if step.artefact.nature is Nature.BESIDE:
                self._remove_unknown(step.feed, staging)
            elif not isinstance(error, FileExistsError):
                _remove(staging + b"/" + step.artefact.name)
            raise

    def _remove_unknown(self, feed: str, staging: bytes) -> None:
        """Of what lies beside a database nothing is left, where not all of it could be read."""
        kept = {one.name for one in self._made[feed].files}
        for name in os.listdir(staging):  # noqa: PTH208 - bytes
            if name not in kept:
                _remove(staging + b"/" + name)

    def _encrypted(
        self, step: MakeArtefact, files: list[FileRecord], plain: bytes, encryption: Encryption
    ) -> Iterator[FileRecord]:
        """The same files for those who have a key; folders become one archive.

        What stands for the content goes then: of a small secret it might tell what that is.
        """
        run, names = self._reading(step.feed).run, [one.name for one in files]
        folders = step.artefact.nature in {Nature.BESIDE, Nature.DIRECTORY}
        if folders and files:
            part = Part(database="", size=sum(one.size for one in files))
            files = [
                replace(files[0], name=_archive_name(step.artefact), parts=(part,), files=None)
            ]
        staging = inside(step.target, STAGING).path
        for one in files:
            name = one.name + ENDING.encode()
            if os.path.lexists(staging + b"/" + name):
                raise NotWhole(f"{display(name)} is in it already")
            if folders:
                pack(plain, names, staging + b"/" + name, encryption, run)
            else:
                encrypt(plain + b"/" + one.name, staging + b"/" + name, encryption, run)
            told = "" if len(one.content) == _DIGEST else one.content
            with _opened(staging, name, _OLD, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                yield replace(one, name=name, size=size, sha256=sha256_of(file), content=told)

    def _files(self, step: MakeArtefact, staging: bytes) -> list[FileRecord]:
        artefact = step.artefact
        run = self._reading(step.feed)
        match artefact.nature:
            case Nature.SQLITE:
                return [copy_database(artefact, staging, step.former, run.run)]
            case Nature.BESIDE:
                found = copy_beside(artefact, staging, step.former, run.run)
                if found.missing:
                    said = f"nothing beside it is named {', '.join(found.missing)}"
                    self.feeds.note(step.feed, RunStatus.NOTED, said)
                return self._folders(step, staging, found.names)
            case Nature.DIRECTORY:
                os.mkdir(staging + b"/" + artefact.name, 0o700)  # noqa: PTH102 - bytes
                self._run_program(step, staging)
                return self._folders(step, staging, (artefact.name,))
            case _:
                return [self._file(step, staging, run)]

    def _folders(
        self, step: MakeArtefact, staging: bytes, names: Sequence[bytes]
    ) -> list[FileRecord]:
        """Read folders back. Of what is encrypted no sum is kept: it tells a small secret."""
        if not names:
            return []
        before = inside(step.target, step.former).path if step.former is not None else None
        check_time, listed = self._reading(step.feed).check_time, step.encryption is None
        with reading_folders(staging, before, check_time, listed=listed) as folders:
            files = [folders.record(name, step.artefact.nature) for name in names]
        self._made[step.feed].sums = folders.digest
        return files

    def _file(self, step: MakeArtefact, staging: bytes, run: Reading) -> FileRecord:
        artefact = step.artefact
        if artefact.nature.written_by_its_program:
            self._run_program(step, staging)
            opened = _opened(staging, artefact.name, _OLD, "rb")
        else:
            opened = _opened(staging, artefact.name, _NEW, "w+b")
        with opened as file:
            if not artefact.nature.written_by_its_program:
                self._keep_output(step, file)
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise NotWhole("it would be empty")
            found = read_back(artefact, file, staging + b"/" + artefact.name, run)
            return FileRecord(
                name=artefact.name,
                size=size,
                sha256=sha256_of(file),
                nature=artefact.nature.value,
                database=artefact.database,
                parts=found.parts,
                content=found.content,
            )

    def _run_program(self, step: MakeArtefact, staging: bytes) -> None:
        path = staging + b"/" + step.artefact.name
        client = step.artefact.client
        with command_of(client, seconds=_FOREVER, output=path) as command:
            _must_succeed(self.feeds.transfers.command(step.feed, command))

    def _keep_output(self, step: MakeArtefact, file: IO[bytes]) -> None:
        write, end = writing(file, step.artefact.compression)
        with command_of(step.artefact.client, seconds=_FOREVER, on_output=write) as command:
            told = self.feeds.transfers.command(step.feed, command)
        end()
        file.flush()
        _must_succeed(told)

    def _reading(self, feed: str) -> Reading:
        transfers = self.feeds.transfers

        def check_time() -> None:
            if transfers.left <= 0:
                raise OutOfTime

        def run(command: Command) -> Completed:
            return transfers.command(feed, command)

        return Reading(run=run, check_time=check_time)

    # ── Judging ──────────────────────────────────────────────────────────────────────────────

    def judge(self, step: JudgeDump) -> None:
        """Leave the record, and tell what is wrong with the dump. Raises `FeedStopped`."""
        made = self._made.pop(step.feed, _Made())
        if not made.files:
            why = _several(made.failed)
            raise FeedStopped(RunStatus.FAILED, why or "there is nothing to dump")
        # Where the disk is full, what is on it of this dump is for nobody, and takes others' room.
        full = [one for one in made.failed if any(words in one.casefold() for words in NO_ROOM)]
        if full:
            raise FeedStopped(RunStatus.FAILED, _several(full))
        # What a person says is right is so from now on.
        history = None if step.smaller_allowed else step.before
        files = with_history(tuple(made.files), history, step.began)
        told = list(_told(step, made.failed, files))
        try:
            self._leave_record(step, files, tuple(told), made.sums)
        except NotWhole as error:  # such as where an artefact has its name
            raise FeedStopped(RunStatus.FAILED, str(error)) from None
        self._count(step.feed, files)
        for said in told:
            self.feeds.note(step.feed, RunStatus.DEGRADED, said)

    def _leave_record(
        self, step: JudgeDump, files: tuple[FileRecord, ...], told: tuple[str, ...], sums: str
    ) -> None:
        record = DumpRecord(
            source=step.feed,
            server=step.server.server,
            client=step.server.client,
            identity=step.server.identity,
            began=step.began.isoformat(),
            files=files,
            told=told,
            sums=sums,
        )
        staging = inside(step.target, STAGING).path
        with _no_room(display(NAME)), _opened(staging, NAME, _NEW, "w+b") as file:
            file.write(record_to_json(record).encode())

    def _count(self, feed: str, files: tuple[FileRecord, ...]) -> None:
        size = sum(one.size for one in files)
        report = self.feeds.report(feed)
        self.feeds.put(
            replace(
                report,
                files=report.files + len(files),
                entries=len(files),
                size=size,
                bytes_sent=report.bytes_sent + size,
            )
        )


def _archive_name(artefact: Artefact) -> bytes:
    """What a packed folder is called; never as the database is that it lies beside."""
    if artefact.name:
        return artefact.name + b".tar"
    database = artefact.origin.names[-1] if artefact.origin is not None else b""
    return b"beside.tar" if database != b"beside.tar" else b"beside-it.tar"


def _told(step: JudgeDump, failed: list[str], files: tuple[FileRecord, ...]) -> Iterator[str]:
    """Why nothing older goes for a dump, a sentence each."""
    if failed:
        yield f"not all of it could be dumped, and nothing older goes: {_several(failed)}"
    if not step.other_allowed and is_another(step.server.identity, step.before):
        said = "another server answers than the one whose dump was verified last"
        hint = f"if that is right, run it once with --allow {Waiver.OTHER_SERVER.value}"
        yield f"{said}: nothing older goes; {hint}"
    if step.record_lost and not step.smaller_allowed:
        hint = f"if that is right, run it once with --allow {Waiver.SMALLER_SOURCE.value}"
        said = (
            "the record of no earlier dump can be read, so that nothing says what should be in it"
        )
        yield f"{said}: nothing older goes; {hint}"
    if failed or step.smaller_allowed:
        return
    found = list(judge_dump(files, step.before, step.limits, step.began, vouched=step.vouched))
    if found:
        hint = f"if that is right, run it once with --allow {Waiver.SMALLER_SOURCE.value}"
        yield f"{_several(found)}: nothing older goes; {hint}"


def _must_succeed(told: Completed) -> None:
    if told.code != 0:
        raise NotWhole(complaint(told))


def _several(reasons: list[str]) -> str:
    more = len(reasons) - _TOLD
    return "; ".join(reasons[:_TOLD]) + (f"; and {more:,} more" if more > 0 else "")


def _opened(folder: bytes, name: bytes, flags: int, mode: str) -> IO[bytes]:
    directory = os.open(folder, _DIRECTORY)
    try:
        return os.fdopen(os.open(name, flags, 0o600, dir_fd=directory), mode)
    finally:
        os.close(directory)


@contextmanager
def _no_room(label: str) -> Iterator[None]:
    """Where it cannot be written, no other artefact can be either."""
    try:
        yield
    except FileExistsError:
        said = f"{label} cannot be written: another artefact lies there under that name"
        raise NotWhole(said) from None
    except OSError as error:
        said = f"{label} cannot be written: {error.strerror}"
        if error.errno in _NO_ROOM:
            raise FeedStopped(RunStatus.FAILED, said) from None
        raise NotWhole(said) from None


def _remove(path: bytes) -> None:
    """Remove what is no whole artefact, be it a file or a folder."""
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - bytes
        remove_tree(path)
    elif os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108 - bytes
