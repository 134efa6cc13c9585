"""What a run makes of the databases that it found: is the generation whole, and if not, why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.plan.selection import Selection, Verdict
from engine.records.reports import RunStatus
from engine.runs.deletions import much_smaller
from engine.sqlite.copies import CopyStatus, DatabaseCopy
from policy.values import display

_MAY_BE_DIRECTORIES = frozenset({CopyStatus.UNREADABLE, CopyStatus.TOO_SLOW})
_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})
_NAMED = 3
"""So many databases are named one by one."""


def wanted(copies: Iterable[DatabaseCopy], selection: Selection | None) -> list[DatabaseCopy]:
    """Those that the leg carries: what is ignored or routed elsewhere is nobody's loss here."""
    return [one for one in copies if selection is None or _is_taken(one, selection)]


def _is_taken(one: DatabaseCopy, selection: Selection) -> bool:
    if not one.path:
        return True  # the root itself could not be read
    names = tuple(one.path.split(b"/"))
    # What could not be read may be a directory: then it is not known what is in it.
    kinds = (False, True) if one.status in _MAY_BE_DIRECTORIES else (False,)
    return any(selection.decide(names, directory=kind) in _CARRIED for kind in kinds)


def judge_copies(found: Sequence[DatabaseCopy], previous: int | None) -> tuple[RunStatus, str]:
    """The status of the item, and why; `previous` is how many the last success saw."""
    bad = [one for one in found if one.status is not CopyStatus.OK]
    if bad:
        named = "; ".join(f"{display(one.path)}: {one.reason}" for one in bad[:_NAMED])
        more = f"; and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
        count = f"{len(bad):,} of {len(found):,} databases"
        return RunStatus.DEGRADED, f"{count} could not be copied: {named}{more}"
    if previous and (not found or much_smaller(previous, len(found))):
        now = f"{len(found):,} databases were found, and {previous:,} at the last success"
        hint = "if that is right, run it once with --allow smaller-source"
        return RunStatus.DEGRADED, f"{now}: nothing older goes; {hint}"
    if not found:
        return RunStatus.NOTED, "no database was found"
    return RunStatus.OK, ""
