"""Carrying out a change set, so that an interruption at any instant is completed by the next.

Owns the applied plan and the record of what was written. The record goes first, with what each
file holds before and will hold after; then the files, the plan, and the record as it is from then
on. Whatever instant a run dies at, the next one knows every file of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from engine.changes.changes import ChangeSet, FileChange, Refusal
from engine.changes.files import SETTLED, AppliedRecord, OwnedFile, Pending, RenderedFile, digest
from engine.changes.plan_changes import Action
from engine.plan import layout
from engine.plan.model import Plan
from engine.plan.stored import plan_to_json
from engine.system.apply.applied import (
    load_record,
    previous_plan,
    read_state,
    record_text,
)
from engine.system.host.files import (
    Unobservable,
    error_sentence,
    make_directories,
    observe_files,
    remove_file,
    remove_leftover,
    write_atomically,
)
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.host.run_directory import clear_left
from policy.values import AbsolutePath

_STATE_MODE = 0o700
_STATE_FILE_MODE = 0o600
_PATIENCE = 30.0
"""Seconds to wait for another apply, only to note something."""


class ApplyRefused(Exception):
    """The change set holds what is not done without being told to. Nothing was touched."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        self.refusals = refusals
        super().__init__("\n".join(f"{one.message} ({one.hint})" for one in refusals))


class ApplyFailed(Exception):
    """The machine refused something; what was begun is completed by the next apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyReport:
    """What an apply did."""

    written: tuple[AbsolutePath, ...]
    removed: tuple[AbsolutePath, ...]
    kept: int
    """Files that already held what they should."""
    applied_at: str
    """When what is applied was; UTC, ISO 8601."""
    plan_digest: str
    changed: bool
    """Whether anything was written at all, the plan and the record included."""
    completed: bool = False
    """Whether an interrupted apply was completed."""


def _nothing() -> None:
    """What there is to do before files go, where nothing is."""


def apply_changes(
    change_set: ChangeSet,
    rendered: tuple[RenderedFile, ...],
    plan: Plan,
    root: Path,
    now: datetime,
    *,
    pending: Pending = SETTLED,
    before_files_go: Callable[[], None] = _nothing,
    rollback: bool = False,
) -> ApplyReport:
    """Carry out a change set. Raises `ApplyRefused` and `ApplyFailed`.

    Where everything is as it should be already, nothing at all is written. `pending` is what is
    left to make take effect; it stays in the record until `note_active`. `before_files_go` is
    called once new files are in place; where it raises `ApplyFailed`, none is removed.
    """
    if change_set.refused:
        raise ApplyRefused(change_set.refused)
    try:
        _prepare_state(root)
        with hold(_lock_file(root)):
            work = _Apply(change_set, rendered, plan, root, now, pending, before_files_go, rollback)
            return work.run()
    except Locked as locked:
        raise ApplyRefused((_busy(locked),)) from None
    except (OSError, Unobservable) as error:
        raise ApplyFailed(f"{_sentence(error)}; {completed_by(rollback=rollback)}") from error


def completed_by(*, rollback: bool) -> str:
    """What to type after a failure, as a sentence's end."""
    command = "policyctl apply --rollback" if rollback else "policyctl apply"
    return f"once that is mended, run `{command}` again: it completes what was begun"


def note_active(root: Path, applied_at: str) -> None:
    """Note that all of an apply has taken effect. Raises `ApplyFailed`.

    Where another apply came in between, what is left is that one's business.
    """
    try:
        with hold(_lock_file(root), wait=_PATIENCE):
            record = load_record(root)
            if record is None or not record.complete or record.applied_at != applied_at:
                return
            if record.pending != SETTLED:
                text = record_text(replace(record, pending=SETTLED))
                path = Path(os.fsdecode(Places(root=root).below_root(layout.RECORD_FILE)))
                write_atomically(path, text, _STATE_FILE_MODE, root=root)
    except Locked:
        return
    except (OSError, Unobservable) as error:
        raise ApplyFailed(
            f"{_sentence(error)}: that all of it has taken effect could not be noted. The next "
            "`policyctl apply` runs these commands once more"
        ) from error


def _lock_file(root: Path) -> Path:
    return Places(root=root).lock_dir / "apply.lock"


def _sentence(error: Exception) -> str:
    return error_sentence(error) if isinstance(error, OSError) else str(error)


def _busy(locked: Locked) -> Refusal:
    return Refusal(code="busy", message=f"another apply is running: {locked}", hint="wait for it")


def _prepare_state(root: Path) -> None:
    """Make the state directory, closed to everybody else whoever made it."""
    state = os.fsencode(Places(root=root).state_dir)
    make_directories(state, _STATE_MODE)
    if os.stat(state).st_mode & 0o777 != _STATE_MODE:  # noqa: PTH116 - bytes
        os.chmod(state, _STATE_MODE)  # noqa: PTH101 - bytes


@dataclass(frozen=True, slots=True)
class _Apply:
    """One apply, under its lock."""

    change_set: ChangeSet
    rendered: tuple[RenderedFile, ...]
    plan: Plan
    root: Path
    now: datetime
    pending: Pending
    before_files_go: Callable[[], None]
    rollback: bool

    def run(self) -> ApplyReport:
        self._check_unchanged()
        before = load_record(self.root)
        self._remove_leftovers(before)
        clear_left(Places(root=self.root), {one.name for one in self.plan.legs})
        text = plan_to_json(self.plan).encode()
        after = self._final_record(digest(text))
        if before is not None and self._is_done(before, after, text):
            return self._report(before, changed=False, completed=False)
        self._keep_replaced(before, text)
        self._store(layout.RECORD_FILE, record_text(_intent(before, after)))
        self._change_files()
        self._store(layout.PLAN_FILE, text)
        self._settle_previous(text)
        self._store(layout.RECORD_FILE, record_text(after))
        interrupted = before is not None and not before.complete
        return self._report(after, changed=True, completed=interrupted)

    def _check_unchanged(self) -> None:
        """What was shown to the user is what is done, or nothing is."""
        seen = observe_files(self.root, (one.path for one in self.change_set.files))
        changed = [one for one in self.change_set.files if seen[one.path] != one.before]
        if changed:
            raise ApplyRefused(tuple(_moved(one) for one in changed))

    def _remove_leftovers(self, record: AppliedRecord | None) -> None:
        ours = {one.path for one in record.files} if record else set()
        ours |= {one.path for one in self.rendered} | {layout.PLAN_FILE, layout.RECORD_FILE}
        ours |= {layout.PREVIOUS_PLAN_FILE, layout.REPLACED_PLAN_FILE}
        for path in ours:
            remove_leftover(self._path(path), root=self.root)

    def _final_record(self, plan_digest: str) -> AppliedRecord:
        return AppliedRecord(
            applied_at=self.now.astimezone(UTC).isoformat(timespec="seconds"),
            complete=True,
            plan_digest=plan_digest,
            files=tuple(
                OwnedFile(path=one.path, sha256=(digest(one.content),)) for one in self.rendered
            ),
            pending=self.pending,
            rolled_back=self.rollback,
        )

    def _is_done(self, before: AppliedRecord, after: AppliedRecord, text: bytes) -> bool:
        same_record = before == replace(after, applied_at=before.applied_at)
        untouched = all(one.action is Action.KEEP for one in self.change_set.files)
        return same_record and untouched and read_state(self.root, layout.PLAN_FILE) == text

    def _keep_replaced(self, before: AppliedRecord | None, text: bytes) -> None:
        """Keep the plan that is to be replaced, for a rollback; one that was not applied is not.

        It is kept aside: until another one has taken its place, the one before stays that.
        """
        now = read_state(self.root, layout.PLAN_FILE)
        if now is None or before is None:
            return
        self._settle_previous(now)
        if now != text and not (before.complete and digest(now) != before.plan_digest):
            self._store(layout.REPLACED_PLAN_FILE, now)

    def _settle_previous(self, now: bytes) -> None:
        """What was replaced is the plan before, from now on."""
        if read_state(self.root, layout.REPLACED_PLAN_FILE) is None:
            return
        previous = previous_plan(self.root, now)
        if previous is not None:
            self._store(layout.PREVIOUS_PLAN_FILE, previous)
        remove_file(self._path(layout.REPLACED_PLAN_FILE), root=self.root)

    def _change_files(self) -> None:
        """Files that are added and changed first: what is removed is needed until then."""
        for change in self.change_set.files:
            if change.action in {Action.CREATE, Action.UPDATE} and change.after is not None:
                self._write(change.path, change.after.content, change.after.mode)
        self.before_files_go()
        for change in self.change_set.files:
            if change.action is Action.DELETE:
                remove_file(self._path(change.path), root=self.root)

    def _store(self, path: AbsolutePath, content: bytes) -> None:
        self._write(path, content, _STATE_FILE_MODE)

    def _write(self, path: AbsolutePath, content: bytes, mode: int) -> None:
        write_atomically(self._path(path), content, mode, root=self.root)

    def _path(self, path: AbsolutePath) -> Path:
        return Path(os.fsdecode(Places(root=self.root).below_root(path)))

    def _report(self, record: AppliedRecord, *, changed: bool, completed: bool) -> ApplyReport:
        files = self.change_set.files
        return ApplyReport(
            written=_paths(files, {Action.CREATE, Action.UPDATE}),
            removed=_paths(files, {Action.DELETE}),
            kept=sum(one.action is Action.KEEP for one in files),
            applied_at=record.applied_at,
            plan_digest=record.plan_digest,
            changed=changed,
            completed=completed,
        )


def _paths(files: tuple[FileChange, ...], actions: set[Action]) -> tuple[AbsolutePath, ...]:
    return tuple(one.path for one in files if one.action in actions)


def _moved(change: FileChange) -> Refusal:
    return Refusal(
        code="changed-meanwhile",
        message=f"{change.path} has changed since it was compared",
        hint="run `policyctl apply` again",
    )


def _intent(before: AppliedRecord | None, after: AppliedRecord) -> AppliedRecord:
    """The record while files change: each of ours may hold what it held, or what it will hold."""
    held = {one.path: one.sha256 for one in before.files} if before else {}
    for one in after.files:
        held[one.path] = tuple(dict.fromkeys((*held.get(one.path, ()), *one.sha256)))
    files = (OwnedFile(path=path, sha256=digests) for path, digests in held.items())
    return replace(
        after, complete=False, files=tuple(sorted(files, key=lambda one: one.path.names))
    )
