"""How much a run may delete, judged once its transfers have counted what is wanted (laws 1, 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.steps.model import DeletionLimit, GuardDeletions
from policy.legs import MirrorLeg
from policy.values import Percentage, display

FEW_ENTRIES = 20
"""A source that held fewer is never called much smaller: three files may well become one."""
DEFAULT_MOST = 1000
DEFAULT_SHARE = Percentage(5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a feed's transfer learned."""

    entries: int | None
    wanted: int | None
    """Deletions wanted; None: rsync said too much to count it."""
    examples: tuple[bytes, ...] = ()
    """Something that would go, with all that is in it; empty where nobody knows."""
    everything_sent: bool = True
    """Whether nothing waits for a directory to make way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionVerdict:
    """Which feeds may delete, and why others may not."""

    allowed: Mapping[str, int]
    """Feeds that delete, with the number counted."""
    stopped: Mapping[str, str]
    """Feeds that the guard stopped, with the reason."""


def most_deletions(leg: MirrorLeg, previous_entries: int | None) -> int:
    """How many deletions one run may make."""
    before = previous_entries or 0
    match leg.max_delete:
        case int() as number:
            return number
        case Percentage() as share:
            return int(before * share.fraction)
        case None:
            return max(DEFAULT_MOST, int(before * DEFAULT_SHARE.fraction))


def judge_deletions(step: GuardDeletions, counted: Mapping[str, Counted]) -> DeletionVerdict:
    """Decide what may be deleted, from what the transfers counted (laws 1 and 11)."""
    allowed: dict[str, int] = {}
    stopped: dict[str, str] = {}
    for limit in step.feeds:
        if limit.feed not in counted:
            continue
        found = counted[limit.feed]
        reason = _shrunken(limit, found, step)
        if reason:
            stopped[limit.feed] = reason
        elif found.wanted is None:
            stopped[limit.feed] = "so many deletions are wanted that they were not counted"
        elif found.wanted and limit.handed_over and not step.deletions_allowed:
            stopped[limit.feed] = _handed_over_sentence(found)
        elif found.wanted:
            allowed[limit.feed] = found.wanted
    total = sum(allowed.values())
    if total > step.most and not step.deletions_allowed:
        named = [path for feed in allowed for path in counted[feed].examples]
        reason = _too_many_sentence(total, step.most, named)
        stopped.update(dict.fromkeys(allowed, reason))
        allowed = {}
    return DeletionVerdict(allowed=allowed, stopped=stopped)


def much_smaller(before: int | None, now: int | None) -> bool:
    """Whether a source lost more than half of what it held; very few entries tell nothing."""
    if before is None or now is None or before < FEW_ENTRIES:
        return False
    return now * 2 < before


def _shrunken(limit: DeletionLimit, found: Counted, step: GuardDeletions) -> str:
    before, now = limit.previous_entries, found.entries
    if step.smaller_source_allowed or not much_smaller(before, now):
        return ""
    return (
        f"the source held {before:,} entries at the last success and {now:,} now: nothing was "
        "deleted; if that is right, run it once with --allow smaller-source"
    )


def _handed_over_sentence(found: Counted) -> str:
    return (
        f"{_wanted(found.wanted or 0)}{_one_of(found.examples)}, and no pass has "
        "succeeded here since this place, or what is read, became this leg's: nothing was deleted, "
        "for what the source does not hold may be the only copy; if it is to go, run it once with "
        "--allow deletions"
    )


def _wanted(number: int) -> str:
    return "1 deletion is wanted" if number == 1 else f"{number:,} deletions are wanted"


def _one_of(examples: Sequence[bytes]) -> str:
    return f" ({display(examples[0])} is one of them)" if examples else ""


def _too_many_sentence(wanted: int, most: int, examples: list[bytes]) -> str:
    among = _one_of(examples)
    return (
        f"{_wanted(wanted)} and {most:,} allowed{among}: nothing was deleted; "
        "if they are right, run it once with --allow deletions, or raise max_delete"
    )
