"""Folders that runs keep among copies: what they set aside until it expires, what they began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from policy.values import Duration

PARTIAL = b".policyctl-partial"
"""Where an interrupted file waits to be resumed, beside its place."""
SET_ASIDE = b".policyctl-deleted"
"""Where runs move what they delete or overwrite, one directory a run."""
RUN_ID_FORMAT = "%Y%m%dT%H%M%SZ"
"""How a run's name begins: when it began, in UTC."""


def expired_runs(run_ids: tuple[bytes, ...], keep: Duration, now: datetime) -> tuple[bytes, ...]:
    """Runs older than the time that deletions are kept, by their own names (law 17)."""
    limit = now - timedelta(seconds=keep.seconds)
    return tuple(sorted(one for one in run_ids if (began := run_start(one)) and began < limit))


def run_start(run_id: bytes) -> datetime | None:
    """When a run began, by its id; None for a name that is no run id."""
    try:
        text = run_id[:16].decode("ascii")
        stamp = datetime.strptime(text, RUN_ID_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    tail = run_id[16:]
    if tail and (tail[:1] != b"-" or not tail[1:].isalnum()):
        return None
    return stamp
