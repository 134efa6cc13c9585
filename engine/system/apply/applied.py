"""What was applied: the plan that runs execute, and the record of the files that are ours.

Owns their stored forms on this machine. They are written by `engine.system.apply.apply` alone.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import datetime
from pathlib import Path

from engine.changes.files import RECORD_FORMAT, AppliedRecord, digest
from engine.plan import layout
from engine.plan.model import Plan
from engine.plan.stored import PATHS_AS_TEXT, PlanUnreadable, plan_from_json
from engine.plan.typed_json import Json, Registry, Unreadable, parse_json
from engine.system.host.files import observe_files
from policy.values import AbsolutePath

_NOT_APPLIED = f"{layout.PLAN_FILE} is not the plan that was applied: run `policyctl apply`"
_REGISTRY = Registry(texts=PATHS_AS_TEXT)


class RecordUnreadable(ValueError):
    """The record of what was applied cannot be read; the message says why."""


def load_plan(root: Path) -> Plan | None:
    """The applied plan; None where none is. Raises `PlanUnreadable` and `Unobservable`."""
    data = read_state(root, layout.PLAN_FILE)
    return None if data is None else plan_from_json(_decoded(data, PlanUnreadable))


def load_way_back(root: Path) -> Plan | None:
    """The plan that a rollback applies; None where there is none. Raises as `load_applied` does.

    It is the one before, once an apply has come to its end. One that has not is undone; but a
    rollback that has not is completed.
    """
    record, data = load_record(root), read_state(root, layout.PLAN_FILE)
    if record is None or data is None:
        return None
    stored = digest(data) == record.plan_digest
    if record.complete and not stored:
        raise PlanUnreadable(_NOT_APPLIED)
    stays = (stored and record.unfinished) if record.rolled_back else not stored
    found = data if stays else previous_plan(root, data)
    return None if found is None else plan_from_json(_decoded(found, PlanUnreadable))


def previous_plan(root: Path, plan: bytes) -> bytes | None:
    """The stored form of the plan before this one, also where an apply died replacing it."""
    replaced = read_state(root, layout.REPLACED_PLAN_FILE)
    if replaced is not None and replaced != plan:
        return replaced
    return read_state(root, layout.PREVIOUS_PLAN_FILE)


def load_record(root: Path) -> AppliedRecord | None:
    """The record; None where none is. Raises `RecordUnreadable` and `Unobservable`."""
    data = read_state(root, layout.RECORD_FILE)
    if data is None:
        return None
    try:
        record = _record(_decoded(data, RecordUnreadable))
    except Unreadable as error:
        told = f"{layout.RECORD_FILE} cannot be read: {error}; move it aside and `policyctl apply`"
        raise RecordUnreadable(
            f"{told} again: what it wrote looks foreign then, and goes on with `--overwrite PATH`"
        ) from None
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
        raise PlanUnreadable(_NOT_APPLIED)
    return plan_from_json(_decoded(data, PlanUnreadable)), record


def is_applied_still(root: Path, applied_at: datetime) -> bool:
    """Whether nothing was applied since. Raises `RecordUnreadable` and `Unobservable`."""
    record = load_record(root)
    return record is not None and datetime.fromisoformat(record.applied_at) == applied_at


def _record(text: str) -> AppliedRecord:
    """A record as it was stored, also by a version that had less to say."""
    codec = _REGISTRY.codec(AppliedRecord)
    document = parse_json(text)
    if isinstance(document, dict):
        document = {**_later_fields(), **document}
    record = codec.decode(document)
    assert isinstance(record, AppliedRecord)
    return record


def _later_fields() -> dict[str, Json]:
    """What a record that lacks them means by the fields that came later: their defaults."""
    blank = AppliedRecord(applied_at="", complete=True, plan_digest="", files=())
    written = _REGISTRY.codec(AppliedRecord).encode(blank)
    assert isinstance(written, dict)
    later = {one.name for one in fields(AppliedRecord) if one.default is not MISSING} - {"format"}
    return {name: written[name] for name in later}


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
