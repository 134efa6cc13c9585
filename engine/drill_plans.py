"""What the drills of a policy amount to: where they restore from, how old they may get.

And what speaks against one: a drill that can restore nothing, or whose scratch space is a place
that some leg copies or deletes in, is found before it is ever due.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from engine.plan.model import DrillPlan, Plan
from engine.promises.chains import Chains
from engine.restore.holders import places_of
from engine.schedule.calendars import longest_gap
from policy.diagnostics import Findings, Origin
from policy.drills import Drill
from policy.model import Policy
from policy.sources import BtrfsSource, FilesSource, Source, TreeSource
from policy.values import AbsolutePath


def with_drills(plan: Plan, policy: Policy, chains: Chains, findings: Findings) -> Plan:
    """The plan with the drills of its policy."""
    zone = ZoneInfo(policy.timezone)
    drills = (_drill_plan(one, plan, policy, chains, zone, findings) for one in policy.drills)
    return replace(plan, drills=tuple(drills))


def _drill_plan(
    drill: Drill, plan: Plan, policy: Policy, chains: Chains, zone: ZoneInfo, findings: Findings
) -> DrillPlan:
    known = _check_names(drill, policy, findings)
    _check_scratch(drill, policy, findings)
    held = places_of(plan, chains, drill.source) if known else ()
    if known:
        _check_held(drill, held, findings)
    gap = longest_gap(drill.schedule, zone=zone).seconds if drill.schedule else None
    return DrillPlan(
        drill=drill,
        places=held if drill.takes is None else (drill.takes,),
        longest_gap=gap,
        allowed_age=gap + drill.timeout.seconds if gap is not None else None,
    )


def _check_names(drill: Drill, policy: Policy, findings: Findings) -> bool:
    """Whether both names that a drill gives are known."""
    source, place = policy.source(drill.source), policy.destination(drill.takes)
    if source is None:
        known = [one.name for one in policy.sources]
        _unknown(drill.source, "source", known, drill.at("source"), findings)
    if drill.takes is not None and place is None:
        known = [one.name for one in policy.destinations]
        _unknown(drill.takes, "destination", known, drill.at("from"), findings)
    return source is not None and (drill.takes is None or place is not None)


def _unknown(name: str, what: str, known: list[str], origin: Origin, findings: Findings) -> None:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    findings.error("unknown-name", f"there is no {what} {name!r}", origin, hint=hint)


def _check_held(drill: Drill, held: tuple[str, ...], findings: Findings) -> None:
    """Law 28: a drill that never restores anything would look like one that does."""
    if not held:
        findings.error(
            "drill-no-copy",
            f"no destination holds copies of {drill.source!r}",
            drill.at("source"),
            hint="rehearse a source that is copied to a destination",
        )
    elif drill.takes is not None and drill.takes not in held:
        findings.error(
            "drill-no-copy",
            f"{drill.takes!r} holds no copy of {drill.source!r}",
            drill.at("from"),
            hint=f"these do: {', '.join(held)}",
        )


def _check_scratch(drill: Drill, policy: Policy, findings: Findings) -> None:
    """What comes back must not be copied, and no run may delete it."""
    for what, name, path in _taken(policy):
        if path.contains(drill.scratch):
            findings.error(
                "drill-scratch",
                f"{drill.scratch} lies in the {what} {name!r}",
                drill.at("scratch"),
                hint="name a directory outside of all sources and destinations",
            )


def _taken(policy: Policy) -> Iterator[tuple[str, str, AbsolutePath]]:
    """The directories of this machine that legs read and write."""
    for source in policy.sources:
        for path in _paths(source):
            yield "source", source.name, path
    for destination in policy.destinations:
        if destination.ssh is None:
            yield "destination", destination.name, destination.path


def _paths(source: Source) -> Iterable[AbsolutePath]:
    match source:
        case TreeSource() | BtrfsSource():
            return (source.path,)
        case FilesSource():
            return source.paths
        case _:
            return ()
