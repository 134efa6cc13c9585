"""What differs between two plans, in the words of the manifest.

Owns the comparison of meaning: which paths another leg carries now, which legs, sources and other
parts came, went, changed or were renamed. It knows no file and decides nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.changes.part_facts import Facts, age_text, differences, facts_of, stated, text_of
from engine.changes.renames import (
    Renames,
    check_renames,
    drill_renames,
    plan_renamed,
    renames_between,
    watches_renamed,
)
from engine.plan.kinds import SOURCE_KIND_NAMES
from engine.plan.model import CheckPlan, DrillPlan, LegPlan, Plan, RouteLine, RoutingTable
from policy.pattern_relations import lies_inside
from policy.patterns import PathPattern, PatternTooComplex

NOBODY = "none"
"""Stands for a leg where nothing carries a path by decision."""


class Action(enum.Enum):
    """What happens to one thing."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"

    @property
    def sign(self) -> str:
        """The character that views put before it."""
        return {"create": "+", "update": "~", "delete": "-", "keep": " "}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChange:
    """One routing line that came, went or says something else."""

    source: str
    text: str
    """The key as written in the manifest that has the line."""
    pattern: PathPattern
    """Counted from the source's root."""
    action: Action
    before: str | None
    """The leg that carried the path, `none` where nothing did by decision; None: not kept yet."""
    after: str | None
    """The leg that carries it now, in the same terms; None: no longer known."""
    words: tuple[str, ...] = ()
    """What else the line says differently."""

    @property
    def moved(self) -> bool:
        """Whether another leg, or none, carries the path now."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class PartChange:
    """A leg, source, destination or other named part that came, went, changed or was renamed."""

    section: str
    """The manifest's section: legs, sources, destinations, ignore, objectives, checks,
    drills, policy."""
    name: str
    action: Action
    was: str | None = None
    """The old name of a part that was renamed."""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanges:
    """All differences of two plans, in a fixed order."""

    routes: tuple[RouteChange, ...]
    legs: tuple[PartChange, ...]
    others: tuple[PartChange, ...]


def plan_changes(applied: Plan | None, plan: Plan) -> PlanChanges:
    """Compare the applied plan with another; without one everything is new."""
    names = renames_between(applied, plan) if applied else {}
    drills = drill_renames(applied, plan) if applied else {}
    checks = check_renames(applied, plan) if applied else {}
    before = plan_renamed(applied, names) if applied else None
    seen = watches_renamed(before, drills=drills, checks=checks) if before else None
    old = _sections(seen) if seen else {}
    new = _sections(plan)
    own = {"drills": drills, "checks": checks}
    parts = {
        section: tuple(
            _part_changes(section, old.get(section, {}), facts, _was(own.get(section, names)))
        )
        for section, facts in new.items()
    }
    return PlanChanges(
        routes=tuple(_route_changes(before, plan)),
        legs=parts.pop("legs"),
        others=tuple(change for changes in parts.values() for change in changes),
    )


def _was(names: Renames) -> Renames:
    return {after: before for before, after in names.items()}


# ── Parts ────────────────────────────────────────────────────────────────────────────────────


def _sections(plan: Plan) -> dict[str, dict[str, Facts]]:
    """All that a plan says, apart from its routes, by section and name."""
    return {
        "policy": {"policy": _policy_facts(plan)},
        "destinations": {one.name: facts_of(one) for one in plan.destinations},
        "sources": {
            one.name: {"kind": SOURCE_KIND_NAMES[type(one)], **facts_of(one)}
            for one in plan.sources
        },
        "legs": {one.name: _leg_facts(one) for one in plan.legs},
        "ignore": {one.text: facts_of(one) for one in plan.ignores},
        "objectives": {one.text: facts_of(one) for one in plan.objectives},
        "checks": {one.name: _check_facts(one) for one in plan.checks},
        "drills": {one.name: _drill_facts(one) for one in plan.drills},
    }


def _policy_facts(plan: Plan) -> Facts:
    monitoring = {f"monitoring {key}": text for key, text in facts_of(plan.monitoring).items()}
    return {"host": plan.host, "timezone": plan.timezone, **monitoring}


def _leg_facts(leg: LegPlan) -> Facts:
    """The leg's own values and what its alerts follow from."""
    ages = {"longest gap": leg.longest_gap, "stale after": leg.allowed_age}
    derived = {key: age_text(age) for key, age in ages.items() if age is not None}
    return {"kind": leg.kind, **facts_of(leg.leg), **derived}


def _drill_facts(one: DrillPlan) -> Facts:
    """Its own values, which places it rehearses, and what its alerts follow from."""
    sample = {"sample": "all"} if one.drill.sample is None else {}
    ages = {"longest gap": one.longest_gap, "stale after": one.allowed_age}
    derived = {key: age_text(age) for key, age in ages.items() if age is not None}
    return {**facts_of(one.drill), **sample, "restores from": ", ".join(one.places), **derived}


def _check_facts(one: CheckPlan) -> Facts:
    """Its own values and what its alerts follow from."""
    ages = {"longest gap": one.longest_gap, "stale after": one.allowed_age}
    derived = {key: age_text(age) for key, age in ages.items() if age is not None}
    return {"kind": one.kind, **facts_of(one.check), **derived}


def _part_changes(
    section: str, old: Mapping[str, Facts], new: Mapping[str, Facts], was: Renames
) -> Iterator[PartChange]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if after is None:
            yield PartChange(section=section, name=name, action=Action.DELETE)
        elif before is None:
            words = stated(after)
            yield PartChange(section=section, name=name, action=Action.CREATE, words=words)
        elif before != after or name in was:
            yield PartChange(
                section=section,
                name=name,
                action=Action.UPDATE,
                was=was.get(name),
                words=differences(before, after),
            )


# ── Routes ───────────────────────────────────────────────────────────────────────────────────


def _route_changes(old: Plan | None, new: Plan) -> Iterator[RouteChange]:
    sources = {table.source for plan in (old, new) if plan for table in plan.tables}
    for source in sorted(sources):
        before = _table(old, source)
        after = _table(new, source)
        was = {line.pattern: line for line in before.lines}
        now = {line.pattern: line for line in after.lines}
        for pattern in sorted(was.keys() | now.keys(), key=str):
            old_line = was.get(pattern) or covering_line(before, pattern)
            new_line = now.get(pattern) or covering_line(after, pattern)
            change = _route_change(
                source,
                (was.get(pattern), old_line),
                (now.get(pattern), new_line),
            )
            if change:
                yield change


def _table(plan: Plan | None, source: str) -> RoutingTable:
    found = plan.table(source) if plan else None
    return found or RoutingTable(source=source, lines=())


def covering_line(table: RoutingTable, pattern: PathPattern) -> RouteLine | None:
    """The line that decides everything a pattern matches, in a table that has no such line."""
    return next((line for line in table.lines if _covers(line.pattern, pattern)), None)


def _covers(outer: PathPattern, inner: PathPattern) -> bool:
    pairs = zip(outer.components, inner.components, strict=False)
    try:
        return len(outer.components) <= len(inner.components) and all(
            lies_inside(b, a) for a, b in pairs
        )
    except PatternTooComplex:
        return False  # then the change is only shown less closely


def _carrier(line: RouteLine | None) -> str | None:
    return None if line is None else line.leg or NOBODY


_Line = tuple[RouteLine | None, RouteLine | None]
"""The line of a pattern, and the one that decides it: the same where there is one."""


def _route_change(source: str, old: _Line, new: _Line) -> RouteChange | None:
    before, after = old[0], new[0]
    line = after or before
    if line is None or before == after:
        return None
    action = Action.UPDATE if before and after else Action.CREATE if after else Action.DELETE
    words = differences(_line_facts(before), _line_facts(after)) if before and after else ()
    if action is Action.UPDATE and not words and _carrier(before) == _carrier(after):
        return None  # only spelled another way
    return RouteChange(
        source=source,
        text=line.text,
        pattern=line.pattern,
        action=action,
        before=_carrier(old[1]),
        after=_carrier(new[1]),
        words=words,
    )


def _line_facts(line: RouteLine) -> Facts:
    """What a line says besides where it leads."""
    said = {"none": line.reason, "because": line.because, "stop": line.stop}
    return {key: text_of(value) or "" for key, value in said.items() if value}
