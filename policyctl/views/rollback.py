"""What `rollback` would do, and what it has done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from engine.items.thin_names import Line, parse_snapshot_name
from engine.rollback.remaining import Direction, Rollback, RollbackStep
from engine.rollback.words import afterwards, aim, say_step
from policyctl.rolling_back import Proposal
from policyctl.views.console import Json


def proposal_lines(proposal: Proposal) -> Iterator[str]:
    """What would be done, step by step."""
    record = proposal.record
    yield aim(record) + (", where it was cut off" if proposal.continued else "")
    yield f"  {_meaning(proposal)}"
    yield from (f"  {one}" for one in proposal.notes)
    yield from (f"  {number}. {one}" for number, one in enumerate(_said(proposal.steps), 1))
    if not proposal.steps:
        yield "  nothing is left to do but to note that it is through"


def _meaning(proposal: Proposal) -> str:
    record = proposal.record
    kept = record.aside(record.direction.leaves).text
    if not proposal.sets_aside:
        return "no other volume was made yet, and nothing is removed"
    if record.direction is Direction.BACK:
        return f"what was written since the rollback is kept in {kept}; nothing is removed"
    named = parse_snapshot_name(record.snapshot)
    since = f"{named.moment:%Y-%m-%d %H:%M:%S} UTC" if named else "then"
    return f"what was written since {since} is kept in {kept}; nothing is removed"


def _said(steps: Sequence[RollbackStep]) -> list[str]:
    return [say_step(one) for one in steps]


def done_lines(proposal: Proposal) -> Iterator[str]:
    """What holds now."""
    record = proposal.record
    back = record.direction is Direction.BACK
    yield f"{record.source}:{record.item} is {'what it was before' if back else 'rolled back'}"
    if proposal.sets_aside:
        yield from (f"  {one}" for one in afterwards(record))


def proposal_json(proposal: Proposal, done: Rollback | None) -> dict[str, Json]:
    """The same for programs; `done` is the record where it was carried out."""
    record = done or proposal.record
    named = parse_snapshot_name(record.snapshot)
    return {
        "item": f"{record.source}:{record.item}",
        "volume": record.volume.text,
        "undo": record.direction is Direction.BACK,
        "snapshot": record.snapshot,
        "snapshot_moment": named.moment.isoformat() if named else None,
        "before": record.aside(Line.BEFORE).text,
        "after": record.aside(Line.AFTER).text,
        "began": record.moment.isoformat(),
        "continued": proposal.continued,
        "notes": list(proposal.notes),
        "steps": list(_said(proposal.steps)),
        "done": done is not None,
        "ended": _utc(record.ended),
    }


def _utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment is not None else None
