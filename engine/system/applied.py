"""What was applied: the plan that runs execute, and the record of the files that are ours.

Owns their stored forms on this machine. They are written by `engine.system.apply` alone.
"""

from __future__ import annotations

from pathlib import Path

from engine import layout
from engine.changes import RECORD_FORMAT, AppliedRecord, digest
from engine.plan import Plan
from engine.plan_json import PATHS_AS_TEXT, PlanUnreadable, plan_from_json
from engine.system.files import observe_files
from engine.typed_json import Registry, Unreadable
from policy.values import AbsolutePath

_REGISTRY = Registry(texts=PATHS_AS_TEXT)


class RecordUnreadable(ValueError):
    """The record of what was applied cannot be read; the message says why."""


def load_plan(root: Path) -> Plan | None:
    """The applied plan; None where none is. Raises `PlanUnreadable` and `Unobservable`."""
    data = read_state(root, layout.PLAN_FILE)
    return None if data is None else plan_from_json(_decoded(data, PlanUnreadable))


def load_record(root: Path) -> AppliedRecord | None:
    """The record; None where none is. Raises `RecordUnreadable` and `Unobservable`."""
    data = read_state(root, layout.RECORD_FILE)
    if data is None:
        return None
    try:
        record = _REGISTRY.loads(AppliedRecord, _decoded(data, RecordUnreadable))
    except Unreadable as error:
        raise RecordUnreadable(f"{layout.RECORD_FILE} cannot be read: {error}") from None
    if record.format != RECORD_FORMAT:
        raise RecordUnreadable(
            f"{layout.RECORD_FILE} has format {record.format}; this version reads {RECORD_FORMAT}"
        )
    return record


def load_applied(root: Path) -> tuple[Plan, AppliedRecord] | None:
    """What a run executes; None where nothing was ever applied to the end.

    Raises `PlanUnreadable`, also where somebody changed the plan since, `RecordUnreadable` and
    `Unobservable`. An apply that is under way leaves the whole plan of before or of after.
    """
    record = load_record(root)
    data = read_state(root, layout.PLAN_FILE)
    if record is None or data is None:
        return None
    if record.complete and digest(data) != record.plan_digest:
        raise PlanUnreadable(
            f"{layout.PLAN_FILE} is not the plan that was applied: run `policyctl apply`"
        )
    return plan_from_json(_decoded(data, PlanUnreadable)), record


def record_text(record: AppliedRecord) -> bytes:
    """The stored form of a record."""
    return _REGISTRY.dumps(AppliedRecord, record).encode()


def read_state(root: Path, path: AbsolutePath) -> bytes | None:
    """The bytes of a file; None where there is no regular file. Raises `Unobservable`."""
    found = observe_files(root, (path,))[path]
    return None if found is None else found.content


def _decoded(data: bytes, problem: type[ValueError]) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise problem(f"it is no text ({error})") from None
