"""The change set: what `apply` would do, and what it refuses to do.

Owns the comparison of three states: what was last applied, what is on disk, and what the plan
renders. Only what `apply` wrote itself is its own: a file that differs from what it last wrote has
drifted, one that it never wrote is foreign, and neither is touched without being named.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from engine.changes.files import (
    AppliedRecord,
    ObservedFile,
    RenderedFile,
    digest,
)
from engine.changes.plan_changes import Action, PartChange, PlanChanges, RouteChange, plan_changes
from engine.changes.renames import plan_renamed, renames_between
from engine.plan.model import Plan
from policy.values import AbsolutePath

_MANY_LEGS = 3
_MANY_LINES = 5
"""Fewer than these may vanish at once without a question."""
_REMOVALS_HINT = "if you mean it, say --accept-removals"


class Reason(enum.Enum):
    """Why a file is in the change set. Explains, and is never decided upon."""

    NEW = "new"
    MISSING = "missing"
    """Ours, and somebody removed it."""
    POLICY_CHANGED = "policy_changed"
    DRIFTED = "drifted"
    """Ours, and somebody changed it."""
    MODE_CHANGED = "mode_changed"
    """Ours and unchanged, but for its permissions."""
    FOREIGN = "foreign"
    """Not ours."""
    UNDECLARED = "undeclared"
    """Ours, and the plan asks for it no longer."""
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What happens to one file."""

    path: AbsolutePath
    action: Action
    reason: Reason
    before: ObservedFile | None
    after: RenderedFile | None
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that `apply` does not do without being told to."""

    code: str
    """drifted, foreign, not-a-file, kind-changed, no-legs, mass-removal, destination-full,
    changed-meanwhile or busy"""
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """Everything that `apply` would change, by meaning and by file."""

    files: tuple[FileChange, ...]
    """Sorted by path; files that stay as they are included."""
    routes: tuple[RouteChange, ...]
    legs: tuple[PartChange, ...]
    others: tuple[PartChange, ...]
    """Sources, destinations, ignores, objectives, checks, drills and the policy's own values."""
    refused: tuple[Refusal, ...]
    plan_changed: bool = True
    """Whether the plan differs from the applied one, be it only in what nobody is shown."""
    completes: bool = False
    """Whether an apply was interrupted, which this one completes."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to apply."""
        kept = all(one.action is Action.KEEP for one in self.files)
        return kept and not (self.plan_changed or self.completes)

    @property
    def drift(self) -> tuple[FileChange, ...]:
        """What somebody else changed since the last apply."""
        drifted = {Reason.DRIFTED, Reason.MISSING, Reason.MODE_CHANGED}
        return tuple(one for one in self.files if one.reason in drifted)


def paths_to_observe(
    record: AppliedRecord | None, rendered: tuple[RenderedFile, ...]
) -> tuple[AbsolutePath, ...]:
    """The paths whose state a change set depends on, sorted."""
    owned = {one.path for one in record.files} if record else set()
    return tuple(sorted(owned | {one.path for one in rendered}, key=lambda path: path.names))


def change_set(
    applied: Plan | None,
    record: AppliedRecord | None,
    plan: Plan,
    rendered: tuple[RenderedFile, ...],
    observed: Mapping[AbsolutePath, ObservedFile | None],
    *,
    overwrite: frozenset[AbsolutePath] = frozenset(),
    accept_removals: bool = False,
) -> ChangeSet:
    """Compare; `observed` has an entry for each of `paths_to_observe`.

    `overwrite` names the files that may go although they drifted or are foreign.
    """
    changes = plan_changes(applied, plan)
    files = tuple(_file_changes(record, rendered, observed, overwrite))
    refused = (
        *(_file_refusal(one) for one in files if one.refused),
        *_kind_refusals(applied, plan),
        *(() if accept_removals else _removal_refusals(applied, plan, changes)),
        *(() if accept_removals else _silence_refusals(applied, plan, changes, files)),
    )
    return ChangeSet(
        files=files,
        routes=changes.routes,
        legs=changes.legs,
        others=changes.others,
        refused=refused,
        plan_changed=applied != plan,
        completes=record is not None and not record.complete,
    )


# ── Files ────────────────────────────────────────────────────────────────────────────────────


def _file_changes(
    record: AppliedRecord | None,
    rendered: tuple[RenderedFile, ...],
    observed: Mapping[AbsolutePath, ObservedFile | None],
    overwrite: frozenset[AbsolutePath],
) -> Iterator[FileChange]:
    wanted = {one.path: one for one in rendered}
    for path in paths_to_observe(record, rendered):
        owned = record.may_hold(path) if record else ()
        change = _file_change(path, owned, wanted.get(path), observed[path])
        if change is not None:
            yield _guarded(change, overwrite)


def _file_change(
    path: AbsolutePath,
    owned: tuple[str, ...],
    after: RenderedFile | None,
    before: ObservedFile | None,
) -> FileChange | None:
    """What happens to a file; nothing where a file of ours is gone and not asked for."""
    if before is None:
        if after is None:
            return None
        action, reason = Action.CREATE, Reason.MISSING if owned else Reason.NEW
    elif after is not None and before.content == after.content:
        action, reason = _same_content(before, after)
    else:
        action = Action.UPDATE if after else Action.DELETE
        reason = _why(owned, before, after)
    return FileChange(path=path, action=action, reason=reason, before=before, after=after)


def _same_content(before: ObservedFile, after: RenderedFile) -> tuple[Action, Reason]:
    """A file that holds what it should is ours from now on, whoever wrote it."""
    if before.mode == after.mode:
        return Action.KEEP, Reason.SAME
    return Action.UPDATE, Reason.MODE_CHANGED


def _why(owned: tuple[str, ...], before: ObservedFile, after: RenderedFile | None) -> Reason:
    if not owned:
        return Reason.FOREIGN
    if before.content is None or digest(before.content) not in owned:
        return Reason.DRIFTED
    return Reason.POLICY_CHANGED if after else Reason.UNDECLARED


def _guarded(change: FileChange, overwrite: frozenset[AbsolutePath]) -> FileChange:
    """Mark what must not be done unless the user named it; a directory never makes room."""
    guarded = change.reason in {Reason.DRIFTED, Reason.FOREIGN} and change.path not in overwrite
    impossible = change.before is not None and not change.before.replaceable
    return replace(change, refused=True) if guarded or impossible else change


def _file_refusal(change: FileChange) -> Refusal:
    verb = "removed" if change.action is Action.DELETE else "overwritten"
    if change.before is not None and not change.before.replaceable:
        return Refusal(
            code="not-a-file",
            message=f"{change.path} is neither a file nor a symlink, and is never {verb}",
            hint="move it away",
        )
    if change.reason is Reason.DRIFTED:
        message = f"{change.path} was changed since policyctl wrote it"
    else:
        message = f"{change.path} was not written by policyctl"
    return Refusal(
        code=change.reason.value,
        message=f"{message}: it is not {verb} unless you name it",
        hint=f"keep what you need of it, then say --overwrite {change.path}",
    )


def _kind_refusals(applied: Plan | None, plan: Plan) -> Iterator[Refusal]:
    """Refuse a leg that becomes one of another kind: a mirror would delete its generations."""
    before = plan_renamed(applied, renames_between(applied, plan)) if applied else plan
    for leg in plan.legs:
        old = before.leg(leg.name)
        if old is not None and old.kind != leg.kind:
            yield Refusal(
                code="kind-changed",
                message=f"{leg.name} is a leg of the kind {old.kind} and would become one of the "
                f"kind {leg.kind}: it would own what the old one has kept, and delete it",
                hint="give the new leg a name of its own, without `was:`, and another `to`; what "
                "the old one has kept stays, and `policyctl gc` lists it until it is removed",
            )


# ── Removals ─────────────────────────────────────────────────────────────────────────────────


def _removal_refusals(applied: Plan | None, plan: Plan, changes: PlanChanges) -> Iterator[Refusal]:
    """Refuse a plan in which most of what protects data vanishes at once: a mishap, most often."""
    if not plan.legs:
        message = "the policy has no legs: nothing would be backed up any more"
        yield Refusal(code="no-legs", message=message, hint=_REMOVALS_HINT)
    if applied is None:
        return
    gone = {
        "legs": _gone(changes.legs, "legs"),
        "sources": _gone(changes.others, "sources"),
        "routes": sum(one.action is Action.DELETE for one in changes.routes),
        "ignores": _gone(changes.others, "ignore"),
    }
    had = {
        "legs": len(applied.legs),
        "sources": len(applied.sources),
        "routes": sum(len(table.lines) for table in applied.tables),
        "ignores": len(applied.ignores),
    }
    for what, count in gone.items():
        many = _MANY_LEGS if what == "legs" else _MANY_LINES
        if count >= many and 2 * count > had[what]:
            message = f"{count} of {had[what]} {what} would vanish at once"
            yield Refusal(code="mass-removal", message=message, hint=_REMOVALS_HINT)


def _silence_refusals(
    applied: Plan | None, plan: Plan, changes: PlanChanges, files: tuple[FileChange, ...]
) -> Iterator[Refusal]:
    """Refuse where most timers vanish although their legs stay, or all alerts do."""
    timers = [one for one in files if one.path.text.endswith(b".timer")]
    had = sum(one.action is not Action.CREATE for one in timers)
    come = sum(one.action is Action.CREATE for one in timers)
    left = sum(one.action is Action.DELETE for one in timers)
    gone = left - come - _gone(changes.legs, "legs")
    if gone >= _MANY_LEGS and 2 * gone > had:
        message = f"{gone} of {had} timers would vanish at once: nothing would start those legs"
        yield Refusal(code="mass-removal", message=message, hint=_REMOVALS_HINT)
    rules = applied.monitoring.rules if applied else None
    if (
        rules is not None
        and plan.monitoring.rules is None
        and any(one.path == rules and one.action is Action.DELETE for one in files)
    ):
        message = f"all alerts would vanish: the policy has no file for them, and {rules} would go"
        yield Refusal(code="mass-removal", message=message, hint=_REMOVALS_HINT)


def _gone(changes: tuple[PartChange, ...], section: str) -> int:
    return sum(one.section == section and one.action is Action.DELETE for one in changes)
