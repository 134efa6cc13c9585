"""Whether an earlier selection took already what a part of a tree takes now. Pure.

An edit of the routes concerns the parts that it touches. What a leg took before, and takes now, has
the copies that it had.
"""

from __future__ import annotations

from engine.plan.selection import Selection
from engine.plan.spots import covers
from policy.pattern_relations import meeting
from policy.patterns import PathPattern, PatternTooComplex


def took_all(was: Selection, now: Selection, part: PathPattern) -> bool:
    """Whether all that `now` takes by its line `part` was taken by `was`; False where unsure."""
    if not set(was.ignores) <= set(now.ignores) or not set(was.blocked) <= set(now.blocked):
        return False
    left = {line.pattern for line in now.lines if not line.taken}
    for line in was.lines:  # the most specific first, as they decide
        if covers(line.pattern, part):
            return line.taken
        if not line.taken and line.pattern not in left and _may_meet(line.pattern, part):
            return False
    return False


def _may_meet(one: PathPattern, other: PathPattern) -> bool:
    pairs = zip(one.components, other.components, strict=False)
    try:
        return all(meeting(mine, theirs) is not None for mine, theirs in pairs)
    except PatternTooComplex:
        return True
