"""Why a source has copies, and none that holds its files under their own names. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.plan.kinds import is_runnable
from engine.plan.model import LegPlan, Plan
from engine.promises.chains import Copy
from engine.standing.copy_paths import location_path
from policy.sources import TreeSource
from policy.values import display


def no_files_words(plan: Plan, source: str, path: bytes, copies: Sequence[Copy]) -> str:
    """What there is instead of a tree that could be brought back, and what to type for it."""
    makers = dict.fromkeys(one.via[0] for one in copies if not one.snapshot)
    legs = [leg for name in makers if (leg := plan.leg(name)) is not None]
    if not legs:
        return (
            f"{display(path)} has snapshots on its own medium alone, and no copy: "
            f"`policyctl rollback {source}:ITEM` goes back to one of them"
        )
    said = "; ".join(one for leg in legs for one in _made_by(plan, source, leg))
    return (
        f"no leg copies {display(path)} as files under their own names: {said}. How to load what "
        f"lies there: the runbook of {source}, which `policyctl docs DIR` writes"
    )


def _made_by(plan: Plan, source: str, leg: LegPlan) -> Iterator[str]:
    """What one leg makes of it, and where that lies."""
    how = f"is of kind {leg.kind}, and keeps what it fetches in"
    if not is_runnable(leg):
        how = (
            f"is of kind {leg.kind}, which this version does not run: what something else makes "
            "lies in"
        )
    for feed in leg.feeds:
        if feed.reads != source or feed.writes is None:
            continue
        where = display(location_path(plan, feed.writes))
        tree = isinstance(plan.source(feed.writes.holder), TreeSource)
        again = f", and comes back as files: `policyctl restore {where} --list`" if tree else ""
        yield f"{leg.name} {how} {where}{again}"
