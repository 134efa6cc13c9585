"""Findings about time.

Hours that do not exist, limits that reach into the next leg, consumers that start before their
producers can have ended.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.plan.selection import Verdict
from engine.promises.objectives import hours
from engine.routing.feeds import Draft
from engine.schedule.calendars import dst_faults, last_run, longest_gap, runs_per_day
from engine.schedule.timeline import MAX_RUNS_A_DAY, Runs, Timeline, disk_of
from policy.calendar import Calendar
from policy.diagnostics import Findings, Origin
from policy.legs import Leg
from policy.model import Policy


def check_density(policy: Policy, findings: Findings) -> None:
    """Report schedules that run too often to be planned: nothing can be said of their times."""
    for name, schedule, origin, _ in _schedules(policy):
        if runs_per_day(schedule) > MAX_RUNS_A_DAY:
            findings.error(
                "schedule-too-often",
                f"{name!r} would run more than {MAX_RUNS_A_DAY} times a day",
                origin,
                hint="every quarter of an hour (`*:0/15`) is the most",
            )


def check_schedules(policy: Policy, findings: Findings) -> None:
    """Report schedules that run too often to be planned, or at hours that some day lacks."""
    check_density(policy, findings)
    zone = ZoneInfo(policy.timezone)
    for name, schedule, origin, here in _schedules(policy):
        if runs_per_day(schedule) > MAX_RUNS_A_DAY:
            continue
        _check_end(name, schedule, zone, origin, findings)
        for fault in dst_faults(schedule, zone=zone):
            gap = hours(longest_gap(schedule, zone=zone).seconds)
            what = "does not exist" if fault.kind == "skipped" else "comes twice"
            twice = (
                "runs at the first of the two" if here else "runs at both: a CronJob starts twice"
            )
            effect = f"then waits for its next time: a gap of {gap}"
            findings.warning(
                f"schedule-{fault.kind}",
                f"{fault.local} {what} in {policy.timezone}; {name!r} "
                f"{effect if fault.kind == 'skipped' else twice}",
                origin,
                hint="choose an hour that every day has once",
            )


def _check_end(
    name: str, schedule: tuple[Calendar, ...], zone: ZoneInfo, origin: Origin, findings: Findings
) -> None:
    last = last_run(schedule, zone=zone)
    if last is not None:
        findings.error(
            "schedule-ends",
            f"{name!r} runs for the last time on {last.astimezone(zone):%Y-%m-%d at %H:%M}: from "
            "then on what it keeps only grows older",
            origin,
            hint="leave the year out; what runs once, or by hand, needs no schedule",
        )


def _schedules(policy: Policy) -> Iterator[tuple[str, tuple[Calendar, ...], Origin, bool]]:
    """Each with whether a timer of this host starts it, and no CronJob."""
    for leg in policy.legs:
        if leg.schedule:
            yield leg.name, leg.schedule, leg.at("schedule"), leg.runner is None
    for check in policy.checks:
        if check.schedule:
            yield check.name, check.schedule, check.at("schedule"), check.runner is None
    for drill in policy.drills:
        if drill.schedule:
            yield drill.name, drill.schedule, drill.at("schedule"), True


def check_timing(
    policy: Policy, drafts: tuple[Draft, ...], timeline: Timeline, findings: Findings
) -> None:
    """Report limits, waits and orders that do not fit together."""
    clock = _Clock(policy.timezone)
    for leg in policy.legs:
        runs = timeline.of(leg.name)
        if runs is not None and runs.due:
            _check_limit(leg, runs, policy, timeline, clock, findings)
            _check_wait(leg, runs, findings)
            _check_self(leg, runs, findings)
    for producer, consumer in sorted(product_edges(policy, drafts)):
        _check_order(producer, consumer, policy, timeline, clock, findings)


class _Clock:
    """Writes moments as a person in the manifest's zone says them."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)

    def time(self, moment: int) -> str:
        return datetime.fromtimestamp(moment, self.zone).strftime("%H:%M")

    def changes_between(self, first: int, last: int) -> bool:
        offsets = [datetime.fromtimestamp(one, self.zone).utcoffset() for one in (first, last)]
        return offsets[0] != offsets[1]

    def day_time(self, moment: int) -> str:
        return datetime.fromtimestamp(moment, self.zone).strftime("%a %H:%M")


def _check_limit(
    leg: Leg, runs: Runs, policy: Policy, timeline: Timeline, clock: _Clock, findings: Findings
) -> None:
    """Law 13: a time limit that reaches past the start of another leg on the same disk."""
    disk = disk_of(leg, policy)
    passed: dict[tuple[bool, str], dict[str, int]] = {}
    for other in policy.legs:
        theirs = timeline.of(other.name)
        if disk is None or theirs is None or other.name == leg.name:
            continue
        if disk_of(other, policy) != disk or timeline.always_waits(other.name, leg.name):
            continue
        found = _first_inside(runs, theirs, clock)
        if found is not None:
            moment, end, clock_change = found
            passed.setdefault((clock_change, clock.time(moment)), {})[other.name] = end
    for (clock_change_only, begins), names in sorted(passed.items()):
        end = max(names.values())
        told = findings.note if clock_change_only else findings.warning
        when = ", on a day when clocks go forward only" if clock_change_only else ""
        told(
            "limit-overlap",
            f"{leg.name!r} may run until {clock.time(end)}, past {begins} when "
            f"{', '.join(names)} would use {disk!r}{when}",
            leg.at("timeout"),
            hint=""
            if clock_change_only
            else f"shorten the limit, move a schedule, or add `after: [{leg.name}]` there",
        )


def _first_inside(runs: Runs, theirs: Runs, clock: _Clock) -> tuple[int, int, bool] | None:
    """The first moment at which another leg is due while this one may still run.

    Given with this run's latest end, and whether it happens on days of a clock change only.
    Legs that are due at the same moment queue by name: that is an order, no surprise.
    """
    rare: tuple[int, int, bool] | None = None
    for due, end in zip(runs.due, runs.end, strict=True):
        at = bisect_right(theirs.due, due)
        if at < len(theirs.due) and theirs.due[at] < end:
            if not clock.changes_between(due, end):
                return theirs.due[at], end, False
            rare = rare or (theirs.due[at], end, True)
    return rare


def _check_wait(leg: Leg, runs: Runs, findings: Findings) -> None:
    if runs.longest_wait > leg.wait.seconds:
        findings.warning(
            "wait-too-short",
            f"{leg.name!r} may have to wait {hours(runs.longest_wait)}, and gives up after "
            f"{leg.wait}",
            leg.at("wait"),
            hint="raise `wait`, or spread the schedules",
        )


def _check_self(leg: Leg, runs: Runs, findings: Findings) -> None:
    for end, following in zip(runs.end, runs.due[1:], strict=False):
        if end > following:
            findings.warning(
                "run-overlaps-next",
                f"a run of {leg.name!r} may last until {hours(end - following)} after its next "
                "one is due, which is then left out",
                leg.at("timeout"),
                hint="shorten the limit or the waiting, or run it less often",
            )
            return


def product_edges(policy: Policy, drafts: tuple[Draft, ...]) -> set[tuple[str, str]]:
    """Pairs (producer, consumer): the second reads what the first wrote."""
    edges: set[tuple[str, str]] = set()
    for reader in drafts:
        for writer in drafts:
            if writer.leg.name != reader.leg.name and _reads_from(reader, writer):
                edges.add((writer.leg.name, reader.leg.name))
    return edges


def _reads_from(reader: Draft, writer: Draft) -> bool:
    reads, place = reader.feed.reads, writer.feed.writes
    if reads == writer.leg.name:
        return True
    if place is None or reads != place.holder:
        return False
    selection = reader.feed.selection
    if selection is None or not place.names:
        return True
    # Of a place of which not all is taken, the directory itself is only entered.
    return selection.decide(place.names, directory=True) is not Verdict.LEFT


def _check_order(
    producer: str,
    consumer: str,
    policy: Policy,
    timeline: Timeline,
    clock: _Clock,
    findings: Findings,
) -> None:
    """Law 20: what a producer writes while its consumer already runs arrives a run later."""
    made, taken = timeline.of(producer), timeline.of(consumer)
    if made is None or taken is None or timeline.always_waits(consumer, producer):
        return
    missed = _first_missed(made, taken)
    leg = policy.leg(consumer)
    if missed is None or leg is None:
        return
    at, run = missed
    later = taken.earliest[run + 1] - taken.earliest[run]
    findings.warning(
        "producer-late",
        f"{consumer!r} may start at {clock.day_time(taken.earliest[run])}, while {producer!r} "
        f"(due {clock.day_time(made.due[at])}) may run until {clock.day_time(made.end[at])}: "
        f"its product then arrives {hours(later)} later",
        leg.at("after"),
        hint=f"add {producer} to `after` of {consumer}, or move one of the schedules",
    )


def _first_missed(made: Runs, taken: Runs) -> tuple[int, int] | None:
    """The first producer run that a consumer run just misses, and that the next one takes.

    A product that is superseded before the next consumer run misses nothing.
    """
    for run in range(len(taken.due) - 1):
        newest = bisect_right(made.end, taken.earliest[run + 1]) - 1
        first = bisect_right(made.end, taken.earliest[run])
        began = bisect_left(made.due, taken.end[run]) - 1
        if first <= newest <= began:
            return newest, run
    return None
