"""What a run has to tell of each of its parts before it has done anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from engine.legs.generation_frame import foreign_beside
from engine.legs.mirrored_entries import in_the_way, strangers, unowned
from engine.plan.model import Feed, LegPlan, Location, Plan
from engine.reach.targets import Presence
from engine.records.reports import FeedReport, Finding, RunStatus
from engine.runs.observation import FeedSeen, Observation
from engine.runs.preflight import refusals
from engine.system.state.ages import live_as_of
from engine.system.state.state import State, Stream, stream_of
from policy.legs import MirrorLeg


def parts_of(seen: Observation) -> tuple[str, ...]:
    """Whatever has a status of its own in a run: feeds, and items that are only snapshotted."""
    items = (item.name for one in seen.inventories for item in one.items)
    return tuple(dict.fromkeys((*(one.feed for one in seen.feeds), *items)))


def begin_reports(
    plan: Plan,
    leg_plan: LegPlan,
    seen: Observation,
    findings: tuple[Finding, ...],
    started: datetime,
    state: State,
) -> Iterator[FeedReport]:
    """Each part refused, or with what is foreign at its destination."""
    ends = {one.feed: one for one in seen.feeds}
    for name in parts_of(seen):
        stops = refusals(findings, name)
        report = FeedReport(
            feed=name,
            status=RunStatus.REFUSED if stops else RunStatus.OK,
            reason="; ".join(f"{row.looked_at}: {row.found}" for row in stops),
            data_as_of=live_as_of(plan, name, state, started),
        )
        yield _with_place(report, ends[name], leg_plan) if name in ends else report


def _with_place(report: FeedReport, seen: FeedSeen, leg_plan: LegPlan) -> FeedReport:
    report = replace(
        report,
        place=seen.target.target.place,
        left_out=tuple(b"/".join(names) for names in seen.source.strangers),
    )
    if seen.source.presence is not Presence.DIRECTORY:
        return report  # without the source nobody can say what is not the leg's
    if not isinstance(leg_plan.leg, MirrorLeg):
        return replace(report, foreign=foreign_beside(seen))
    selection = next(one.selection for one in leg_plan.feeds if one.reads == seen.feed)
    assert selection is not None
    return replace(
        report, foreign=strangers(seen, selection), shared=(*unowned(seen), *in_the_way(seen))
    )


def item_streams(
    plan: Plan, leg_plan: LegPlan, seen: Observation, state: State
) -> dict[str, Stream]:
    """By what is known of each item that has a folder of its own."""
    found = {}
    for one in seen.feeds:
        if one.item is not None:
            target = one.target.target
            place = Location(holder=target.holder, names=target.names)
            own = Feed(reads=one.feed, writes=place, selection=None)
            found[one.feed] = stream_of(plan, leg_plan, own, state)
    return found
