"""Whose the entries at the top of a mirror's copies are: the leg's own, or somebody else's.

A leg owns there what a completed pass has seen in the source, and what it is about to create. What
lay there before stays foreign until it is adopted (law 1).
"""

from __future__ import annotations

from engine.plan.selection import Selection, Verdict
from engine.runs.observation import FeedSeen


def strangers(seen: FeedSeen, selection: Selection) -> tuple[bytes, ...]:
    """Entries at the top of the copies that this leg neither wrote nor is about to write.

    Reserved names and other owners' subtrees have their rules in the filter file already.
    """
    known = seen.source.owned | set(seen.source.taken)
    inner = {owner[0] for owner in selection.blocked if owner}
    return tuple(
        name
        for name in sorted(set(seen.target.entries) - known)
        if name not in inner and selection.decide((name,), directory=True) is not Verdict.RESERVED
    )


def unowned(seen: FeedSeen) -> tuple[bytes, ...]:
    """Directories of both trees that this leg did not create and has not adopted.

    They get what is in the source; what else is in them may be somebody's only copy, and stays.
    """
    return tuple(name for name in _foreign(seen) if name in seen.target.directories)


def in_the_way(seen: FeedSeen) -> tuple[bytes, ...]:
    """What else the source has a name for, and this leg did not create and has not adopted.

    A file cannot be filled, only overwritten, so nothing comes to its name until it is adopted.
    """
    return tuple(name for name in _foreign(seen) if name not in seen.target.directories)


def left_alone(seen: FeedSeen, selection: Selection) -> tuple[bytes, ...]:
    """All that is no directory and not this leg's: not even what comes meanwhile overwrites it."""
    others = (one for one in strangers(seen, selection) if one not in seen.target.directories)
    return tuple(sorted((*in_the_way(seen), *others)))


def _foreign(seen: FeedSeen) -> tuple[bytes, ...]:
    """Entries of both trees that this leg does not own."""
    return tuple(sorted(set(seen.target.entries) & set(seen.source.taken) - seen.source.owned))


def remembered(seen: FeedSeen, selection: Selection) -> tuple[bytes, ...]:
    """What the leg owns after a completed pass; what is gone from both trees is forgotten.

    What lay there before is not owned by being filled or by being equal: `adopt` takes it over.
    """
    inner = {owner[0] for owner in selection.blocked if owner}
    # What became a stranger where it is read is left alone, and stays what it was here.
    left_out = {names[0] for names in seen.source.strangers}
    left_over = {
        name
        for name in seen.source.owned & set(seen.target.entries) - inner
        if name in left_out or _is_awaited(name, seen) or _kept_by_the_filter(name, seen, selection)
    }
    return tuple(sorted((left_over | set(seen.source.taken)) - set(_foreign(seen))))


def _is_awaited(name: bytes, seen: FeedSeen) -> bool:
    """Whether something in it has yet to come to the source, so that the pass leaves it."""
    first = (one.components[0] if one.components else None for one in seen.source.awaited)
    return any(one is None or one.matches(name) for one in first)


def _kept_by_the_filter(name: bytes, seen: FeedSeen, selection: Selection) -> bool:
    """Whether the pass leaves the entry; what it does not leave and the source lacks is gone.

    An ignore is for directories or for all else, and it is the copy's kind that rsync asks for.
    """
    verdict = selection.decide((name,), directory=name in seen.target.directories)
    return verdict not in {Verdict.TAKEN, Verdict.ENTERED}
