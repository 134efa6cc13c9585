"""A policy to a plan, with every finding on the way.

Stages gate each other: what cannot be routed has no feeds, what has no feeds no chains. Within a
stage all problems are reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.check_plans import with_checks
from engine.cluster.findings import check_runners
from engine.drill_plans import with_drills
from engine.plan.circles import find_circle
from engine.plan.model import CheckPlan, LegPlan, Plan, RoutingTable
from engine.promises.chains import Chains
from engine.promises.need_findings import check_needs
from engine.promises.objectives import check_objectives
from engine.promises.plan_chains import chains_of
from engine.promises.secrets import check_secrets
from engine.promises.timing import check_density, check_schedules, check_timing, product_edges
from engine.references import check_references
from engine.routing.feeds import Draft, build_feeds
from engine.routing.ignores import check_ignores
from engine.routing.ownership import check_ownership, writes_into
from engine.routing.tables import routing_tables
from engine.rsync.filters import FilterError, check_writable
from engine.schedule.calendars import longest_gap
from engine.schedule.timeline import Timeline
from policy.diagnostics import Findings, Origin, PolicyInvalid
from policy.legs import CopyingLeg, Leg
from policy.model import Policy
from policy.pattern_relations import check_complexity
from policy.patterns import (
    PathPattern,
    PatternTooComplex,
    canonical,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """A plan together with what it was derived through."""

    plan: Plan
    drafts: tuple[Draft, ...]
    timeline: Timeline
    chains: Chains


def compilation_of(plan: Plan) -> Compilation:
    """A stored plan as it was when it was compiled, for questions about paths."""
    chains = chains_of(plan)
    return Compilation(plan=plan, drafts=chains.drafts, timeline=chains.timeline, chains=chains)


def compile_policy(policy: Policy) -> Plan:
    """Compile a policy. Raises `PolicyInvalid` with all findings where one is an error."""
    findings = Findings()
    compilation = compile_with(policy, findings)
    if compilation is None or findings.failed():
        raise PolicyInvalid(findings.sorted())
    return compilation.plan


def compile_with(policy: Policy, findings: Findings) -> Compilation | None:
    """Compile, adding findings; None where an error leaves nothing to compile."""
    return _unless_too_complex(_judged, policy, findings)


def compile_quietly(policy: Policy) -> Compilation | None:
    """Compile for a question about one path: without judging, and without the plan's times."""
    return _unless_too_complex(_unjudged, policy, Findings())


def _unless_too_complex(
    compiler: Callable[[Policy, Findings], Compilation | None], policy: Policy, findings: Findings
) -> Compilation | None:
    """Compile where all questions about the patterns can be answered in time."""
    keys = _keys(policy)
    if not _each_simple_enough(keys, findings):
        return None
    try:
        return compiler(policy, findings)
    except PatternTooComplex as error:
        origin = next(
            origin
            for origin, pattern in reversed(keys)
            if {canonical(one) for one in pattern.components} & {*map(canonical, error.components)}
        )
        findings.error("pattern-too-complex", str(error), origin, hint=_SIMPLER)
        return None


_SIMPLER = "write fewer `?` and `*` behind a `*`, or classes such as `[0-9]` in place of `?`"


def _keys(policy: Policy) -> list[tuple[Origin, PathPattern]]:
    """The patterns of all routes and ignores, in the manifest's order."""
    found = [(route.origin, route.key.pattern) for route in policy.routes]
    found += [(ignore.origin, ignore.pattern) for ignore in policy.ignores]
    return sorted(found, key=lambda item: (item[0].line, item[0].column))


def _each_simple_enough(keys: list[tuple[Origin, PathPattern]], findings: Findings) -> bool:
    simple = True
    for origin, pattern in keys:
        for component in pattern.components:
            try:
                check_complexity(component)
            except PatternTooComplex as error:
                findings.error("pattern-too-complex", str(error), origin, hint=_SIMPLER)
                simple = False
    return simple


def _judged(policy: Policy, findings: Findings) -> Compilation | None:
    check_references(policy, findings)
    check_schedules(policy, findings)
    tables = routing_tables(policy, findings)
    if findings.failed():
        return None
    drafts = build_feeds(policy, tables, findings)
    check_ownership(policy, drafts, findings)
    _check_chain_circle(policy, drafts, findings)
    check_ignores(policy, tables, findings)
    _check_attributes(policy, findings)
    check_runners(policy, findings)
    _check_rules(drafts, findings)
    if findings.failed():
        return None
    timeline = Timeline(policy)
    chains = Chains(policy, tables, drafts, timeline)
    check_timing(policy, drafts, timeline, findings)
    _check_stops(tables, chains, findings)
    check_secrets(policy, tables, chains, findings)
    check_objectives(policy, tables, chains, findings)
    check_needs(policy, tables, chains, findings)
    plan = with_checks(_plan(policy, tables, drafts, timeline), policy)
    plan = with_drills(plan, policy, chains, findings)
    return Compilation(plan=plan, drafts=drafts, timeline=timeline, chains=chains)


def _unjudged(policy: Policy, findings: Findings) -> Compilation | None:
    check_references(policy, findings)
    check_density(policy, findings)
    tables = routing_tables(policy, findings)
    if findings.failed():
        return None
    drafts = build_feeds(policy, tables, findings)
    timeline = Timeline(policy)
    chains = Chains(policy, tables, drafts, timeline)
    plan = _plan(policy, tables, drafts, None)
    return Compilation(plan=plan, drafts=drafts, timeline=timeline, chains=chains)


def _plan(
    policy: Policy,
    tables: tuple[RoutingTable, ...],
    drafts: tuple[Draft, ...],
    timeline: Timeline | None,
) -> Plan:
    return Plan(
        host=policy.host,
        timezone=policy.timezone,
        destinations=policy.destinations,
        sources=policy.sources,
        tables=tables,
        ignores=policy.ignores,
        legs=tuple(_leg_plan(leg, policy, drafts, timeline) for leg in policy.legs),
        objectives=policy.objectives,
        checks=tuple(CheckPlan(check=one) for one in policy.checks),
        monitoring=policy.monitoring,
    )


def _leg_plan(
    leg: Leg, policy: Policy, drafts: tuple[Draft, ...], timeline: Timeline | None
) -> LegPlan:
    feeds = tuple(draft.feed for draft in drafts if draft.leg.name == leg.name)
    runs = timeline.of(leg.name) if timeline is not None else None
    if runs is None:
        return LegPlan(leg=leg, feeds=feeds)
    gap = longest_gap(leg.schedule, zone=ZoneInfo(policy.timezone))
    return LegPlan(
        leg=leg, feeds=feeds, longest_gap=gap.seconds, allowed_age=runs.allowed_age(gap.seconds)
    )


def _check_chain_circle(policy: Policy, drafts: tuple[Draft, ...], findings: Findings) -> None:
    """A product that feeds its own leg again would be copied into itself, night after night."""
    edges: dict[str, list[str]] = {}
    for producer, consumer in product_edges(policy, drafts):
        edges.setdefault(producer, []).append(consumer)
    for writer in drafts:
        for reader in drafts:
            if writer.leg.name != reader.leg.name and writes_into(writer, reader, policy):
                edges.setdefault(writer.leg.name, []).append(reader.leg.name)
    circle = find_circle(edges)
    leg = policy.leg(circle[0]) if circle else None
    if leg is not None:
        findings.error(
            "chain-circle",
            f"each feeds the next: {' → '.join((*circle, circle[0]))}",
            leg.at("from"),
            hint="copies of copies would grow for ever; take one of these hops out",
        )


def _check_stops(tables: tuple[RoutingTable, ...], chains: Chains, findings: Findings) -> None:
    """Law 4: a stop after a leg that never carries the path stops nothing."""
    for table in tables:
        for line in table.lines:
            if line.stop is None:
                continue
            names = tuple(component.example() for component in line.pattern.components)
            legs = [copy.leg for copy in chains.of_line(table.source, names, line)]
            if line.stop.after not in legs:
                findings.warning(
                    "stop-never-reached",
                    f"{line.text!r} never rides {line.stop.after!r}, so nothing stops after it",
                    line.origin,
                    hint=f"it rides {', '.join(legs) or 'no leg'}",
                )


def _check_attributes(policy: Policy, findings: Findings) -> None:
    """Law 27: what a destination cannot keep is not promised."""
    for leg in policy.legs:
        if not isinstance(leg, CopyingLeg):
            continue
        destination = policy.destination(leg.to.name)
        lost = [one.value for one in leg.preserve if destination and one in destination.cannot_keep]
        if destination and lost:
            findings.warning(
                "cannot-keep",
                f"{leg.name!r} is to preserve {', '.join(lost)}, which {destination.name!r} "
                "cannot keep",
                leg.at("preserve"),
                hint="take it out of `preserve`: a restore will miss it, and should say so",
            )


def _check_rules(drafts: tuple[Draft, ...], findings: Findings) -> None:
    """Every selection must be writable as rsync rules."""
    for draft in drafts:
        if draft.feed.selection is None:
            continue
        try:
            check_writable(draft.feed.selection)
        except FilterError as error:
            findings.error("filter-impossible", str(error), draft.leg.origin)
