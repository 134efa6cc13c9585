"""Accepted shortfalls: what falls short of the objectives with a reason, in two plans. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.changes.plan_changes import Action
from engine.changes.renames import Renames, renamed_key
from engine.promises.chains import Chains
from engine.promises.objectives import shortfalls
from policy.diagnostics import Findings

_Said = tuple[str, str]
"""What falls short, and why that may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A shortfall that was accepted, as `apply` has noted it."""

    because: str
    since: datetime


Noted = Mapping[str, Accepted]
"""By what falls short, as the manifest writes it."""


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
    """Since when the applied plan accepts it. None: it comes only now."""


def acceptances(
    applied: Chains | None, plan: Chains, noted: Noted, applied_at: datetime | None
) -> tuple[Acceptance, ...]:
    """Those of both plans, under the names of the next one, in order of their texts.

    What is not noted is as old as the applied plan, which came at `applied_at`: an earlier
    version noted nothing.
    """
    old = _accepted(applied) if applied is not None else {}
    new = old if applied is plan else _accepted(plan)
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
                since=_since(noted.get(key), old[key][1], applied_at) if key in old else None,
            )
        )
    return tuple(found)


def notes_renamed(noted: Noted, names: Renames) -> dict[str, Accepted]:
    """What is noted, under the names of the plan that follows."""
    return {renamed_key(text, names): one for text, one in noted.items()}


def noted_from_now(found: tuple[Acceptance, ...], now: datetime) -> dict[str, Accepted]:
    """What is to be noted once their plan is applied: what comes or changes is accepted anew."""
    return {
        one.text: Accepted(
            because=one.because,
            since=one.since if one.action is Action.KEEP and one.since is not None else now,
        )
        for one in found
        if one.action is not Action.DELETE
    }


def _since(noted: Accepted | None, because: str, applied_at: datetime | None) -> datetime | None:
    """A note that gives another reason is that of a plan before the applied one."""
    return noted.since if noted is not None and noted.because == because else applied_at


def _action(old: _Said | None, new: _Said | None) -> Action:
    if old is None or new is None:
        return Action.CREATE if old is None else Action.DELETE
    return Action.KEEP if old == new else Action.UPDATE


def _accepted(chains: Chains) -> dict[str, _Said]:
    every = shortfalls(chains.policy, tuple(chains.tables.values()), chains, Findings())
    return {one.region.label: (one.message, one.region.because) for one in every if one.accepted}
