"""Renamed parts: an applied plan seen under the names of the plan that follows it.

`was: old-name` makes a rename of what would else be a removal and an addition. Everything that
names the old part is read under the new name, so that only true differences remain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.plan.model import (
    CheckPlan,
    DrillPlan,
    Feed,
    LegPlan,
    Location,
    Plan,
    RouteLine,
    RoutingTable,
)
from policy.checks import SnapshotsCheck, SqliteIntegrityCheck, snapshots_name
from policy.legs import Leg, SnapshotLeg
from policy.needs import FileNeed, Need, SecretNeed, SourceNeed, sorted_needs
from policy.routes import Objective
from policy.values import Place

Renames = Mapping[str, str]
"""Old name → new name. Sources, destinations and legs share one name space."""


def renames_between(applied: Plan, plan: Plan) -> dict[str, str]:
    """The renames that a plan asks for and that have not been applied yet."""
    return _renames(was_of_parts(applied), was_of_parts(plan))


def drill_renames(applied: Plan, plan: Plan) -> dict[str, str]:
    """The same of drills, which have a name space of their own."""
    return _renames(was_of_drills(applied), was_of_drills(plan))


def check_renames(applied: Plan, plan: Plan) -> dict[str, str]:
    """The same of checks, which have one of their own, too."""
    return _renames(was_of_checks(applied), was_of_checks(plan))


Was = dict[str, str | None]
"""What each part was called before, by its name."""


def _renames(old: Was, new: Was) -> dict[str, str]:
    return {
        was: name
        for name, was in new.items()
        if was is not None and was in old and was not in new and name not in old
    }


def was_of_parts(plan: Plan) -> Was:
    """Of destinations, sources and legs."""
    parts = (*plan.destinations, *plan.sources, *(one.leg for one in plan.legs))
    return {part.name: part.was for part in parts}


def was_of_drills(plan: Plan) -> Was:
    """Of drills."""
    return {one.name: one.drill.was for one in plan.drills}


def was_of_checks(plan: Plan) -> Was:
    """Of checks."""
    return {one.name: one.check.was for one in plan.checks}


def likely_renames(applied: Plan, plan: Plan) -> dict[str, str]:
    """Legs that go, each with one that comes and does the same: a rename without `was`, perhaps.

    The same is its kind, what it reads, and the destinations that it writes to.
    """
    seen = plan_renamed(applied, renames_between(applied, plan))
    found: dict[str, str] = {}
    while more := _alike(seen, plan):
        found |= more
        seen = plan_renamed(seen, more)  # what reads a leg by its name is alike only then
    return found


def _alike(applied: Plan, plan: Plan) -> dict[str, str]:
    gone = [one for one in applied.legs if plan.leg(one.name) is None]
    new = [one for one in plan.legs if applied.leg(one.name) is None]
    found: dict[str, str] = {}
    for old in gone:
        free = [one for one in new if one.name not in found.values()]
        alike = [one for one in free if _does(one) == _does(old)]
        same_place = [one for one in alike if _ways(one) == _ways(old)]
        one = same_place or alike
        if len(one) == 1:
            found[old.name] = one[0].name
    return found


def _does(leg: LegPlan) -> tuple[str, frozenset[tuple[str, str]]]:
    ways = ((feed.reads, feed.writes.holder if feed.writes else "") for feed in leg.feeds)
    return leg.kind, frozenset(ways)


def _ways(leg: LegPlan) -> frozenset[tuple[str, Location | None]]:
    return frozenset((feed.reads, feed.writes) for feed in leg.feeds)


def plan_again(previous: Plan, applied: Plan) -> Plan:
    """A plan that was applied before, as it can follow the one that came after it.

    What was renamed in between gets its old name back as a rename, so that history and ownership
    come along.
    """
    names = renames_between(previous, applied)
    drills, checks = drill_renames(previous, applied), check_renames(previous, applied)

    def was(name: str, before: str | None) -> str | None:
        return names.get(name, before)

    return replace(
        previous,
        destinations=tuple(
            replace(one, was=was(one.name, one.was)) for one in previous.destinations
        ),
        sources=tuple(replace(one, was=was(one.name, one.was)) for one in previous.sources),
        legs=tuple(
            replace(one, leg=replace(one.leg, was=was(one.name, one.leg.was)))
            for one in previous.legs
        ),
        drills=tuple(
            replace(one, drill=replace(one.drill, was=drills.get(one.name, one.drill.was)))
            for one in previous.drills
        ),
        checks=tuple(
            replace(one, check=replace(one.check, was=checks.get(one.name, one.check.was)))
            for one in previous.checks
        ),
    )


def plan_renamed(plan: Plan, names: Renames) -> Plan:
    """The plan with every mention of an old name replaced."""
    if not names:
        return plan
    return replace(
        plan,
        destinations=tuple(
            replace(one, name=_new(one.name, names), needs=_needs(one.needs, names))
            for one in plan.destinations
        ),
        sources=tuple(
            replace(one, name=_new(one.name, names), needs=_needs(one.needs, names))
            for one in plan.sources
        ),
        tables=tuple(_table(one, names) for one in plan.tables),
        ignores=tuple(replace(one, only=_all(one.only, names)) for one in plan.ignores),
        legs=tuple(_leg_plan(one, names) for one in plan.legs),
        objectives=tuple(_objective(one, names) for one in plan.objectives),
        checks=tuple(_check_plan(one, names) for one in plan.checks),
        drills=tuple(_drill_plan(one, names) for one in plan.drills),
    )


def watches_renamed(plan: Plan, *, drills: Renames, checks: Renames) -> Plan:
    """The plan with the old names of drills and checks replaced: nothing else mentions them."""
    return replace(
        plan,
        drills=tuple(
            replace(one, drill=replace(one.drill, name=_new(one.name, drills)))
            for one in plan.drills
        ),
        checks=tuple(
            replace(one, check=replace(one.check, name=_new(one.name, checks)))
            for one in plan.checks
        ),
    )


def renamed_key(text: str, names: Renames) -> str:
    """A key of the manifest under the new names: `source:path` has one, `/path` has none."""
    head, colon, tail = text.partition(":")
    return _new(head, names) + colon + tail if colon else text


def _new(name: str, names: Renames) -> str:
    return names.get(name, name)


def _all(old: tuple[str, ...], names: Renames) -> tuple[str, ...]:
    return tuple(sorted(_new(name, names) for name in old))


def _needs(needs: tuple[Need, ...], names: Renames) -> tuple[Need, ...]:
    """Sorted again, as they are where they are read."""
    return sorted_needs(_need(one, names) for one in needs)


def _need(need: Need, names: Renames) -> Need:
    match need:
        case SourceNeed():
            return replace(need, source=_new(need.source, names))
        case SecretNeed():
            return replace(need, inside=need.inside and _new(need.inside, names))
        case FileNeed():
            return need


def _table(table: RoutingTable, names: Renames) -> RoutingTable:
    lines = tuple(_line(line, names) for line in table.lines)
    return RoutingTable(source=_new(table.source, names), lines=lines)


def _line(line: RouteLine, names: Renames) -> RouteLine:
    stop = line.stop and replace(line.stop, after=_new(line.stop.after, names))
    text, leg = renamed_key(line.text, names), line.leg and _new(line.leg, names)
    return replace(line, text=text, leg=leg, stop=stop)


def _leg_plan(plan: LegPlan, names: Renames) -> LegPlan:
    feeds = tuple(_feed(feed, names) for feed in plan.feeds)
    return replace(plan, leg=_leg(plan.leg, names), feeds=feeds)


def _check_plan(plan: CheckPlan, names: Renames) -> CheckPlan:
    if isinstance(plan.check, SnapshotsCheck):
        holder = _new(plan.check.destination, names)
        check = replace(plan.check, name=snapshots_name(holder), destination=holder)
        return replace(plan, check=check)
    if not isinstance(plan.check, SqliteIntegrityCheck):
        return plan
    return replace(plan, check=replace(plan.check, source=_new(plan.check.source, names)))


def _drill_plan(plan: DrillPlan, names: Renames) -> DrillPlan:
    takes = plan.drill.takes and _new(plan.drill.takes, names)
    drill = replace(plan.drill, source=_new(plan.drill.source, names), takes=takes)
    return replace(plan, drill=drill, places=_all(plan.places, names))


def _feed(feed: Feed, names: Renames) -> Feed:
    writes = feed.writes and replace(feed.writes, holder=_new(feed.writes.holder, names))
    return replace(feed, reads=_new(feed.reads, names), writes=writes)


def _leg(leg: Leg, names: Renames) -> Leg:
    takes = leg.takes and _new(leg.takes, names)
    renamed = replace(leg, name=_new(leg.name, names), takes=takes, after=_all(leg.after, names))
    if isinstance(renamed, SnapshotLeg):
        return renamed
    return replace(renamed, to=Place(_new(renamed.to.name, names), renamed.to.path))


def _objective(objective: Objective, names: Renames) -> Objective:
    key = objective.key
    if key is None or key.source not in names:
        return objective
    key = replace(key, source=names[key.source])
    return replace(objective, text=renamed_key(objective.text, names), key=key)
