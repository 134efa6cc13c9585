"""Accepted shortfalls: what falls short of the objectives with a reason, in two plans. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.changes.plan_changes import Action
from engine.moves.held import Cut
from engine.plan.model import Plan
from engine.promises.chains import Chains
from engine.promises.objectives import shortfalls
from policy.diagnostics import Findings

_Said = tuple[str, str]
"""What falls short, and why that may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Something whose copies fall short of the objectives, and why that may be."""

    text: str
    """What falls short: a routing line, or what an objective names."""
    message: str
    because: str
    action: Action
    """Whether it comes, goes, changes or stays with this change."""
    was: str = ""
    """The message under the applied plan; empty where that has no such acceptance."""
    since: datetime | None = None
    """When the applied plan came with it; it may be older. None: it comes only now."""


def acceptances(cut: Cut, applied_at: datetime | None) -> tuple[Acceptance, ...]:
    """Those of both plans, in order of their texts; `applied_at` is when the older one came."""
    old = _accepted(cut.applied, cut.old)
    new = _accepted(cut.plan, cut.new)
    found = []
    for key in sorted(old.keys() | new.keys()):
        message, because = new.get(key) or old[key]
        found.append(
            Acceptance(
                text=key,
                message=message,
                because=because,
                action=_action(old.get(key), new.get(key)),
                was=old[key][0] if key in old else "",
                since=applied_at if key in old else None,
            )
        )
    return tuple(found)


def _action(old: _Said | None, new: _Said | None) -> Action:
    if old is None or new is None:
        return Action.CREATE if old is None else Action.DELETE
    return Action.KEEP if old == new else Action.UPDATE


def _accepted(plan: Plan | None, chains: Chains | None) -> dict[str, _Said]:
    if plan is None or chains is None:
        return {}
    every = shortfalls(chains.policy, plan.tables, chains, Findings())
    return {one.region.label: (one.message, one.region.because) for one in every if one.accepted}
