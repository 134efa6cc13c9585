"""The alerts of a plan, as data: a function of the plan alone.

Owns which alerts there are, what each means and what to type next. When one fires follows from the
schedules (law 8), by the same ages by which `status` judges. Each leg that runs here has Stale,
Failing and NeverRan (law 9), each item of a leg with several has its own (law 35).

The age stands in the expression: it is that of a value, so a series that stands in a gateway for
ever still grows old, and a restart of Prometheus forgets nothing (laws 30 and 40). Only what was
never told has no age; there alone a long `for` counts the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.alerts import expressions
from engine.alerts.check_alerts import alerts_of_check
from engine.alerts.drill_alerts import alerts_of_drill
from engine.alerts.part_alerts import PartAlert
from engine.alerts.promql import Matchers
from engine.alerts.words import Fault, Text, alert_stem, camel_case, words_of
from engine.cluster.jobs import tells_from_cluster
from engine.plan.model import LegPlan, Plan
from engine.plan.readers import read_place
from engine.promises.allowed_age import SLACK, data_allowed_age
from engine.runs.tracking import tracked_sources
from engine.schedule.due import runs_here
from engine.standing.surroundings import OLD
from policy.destinations import Destination
from policy.parts import AlertSeverity

JOB = "policyctl"
"""The label by which Alertmanager knows these alerts; runs tell under it as well."""
TRACKER_HOLD = 15 * 60
"""Seconds: a run tells of its leg first and of the tracker a moment later."""
DRIFT_HOLD = 3600
"""Seconds: whoever edits the manifest is about to apply it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert."""

    name: str
    fault: Fault
    subject: Matchers
    """What it watches, as labels: of the series, and of the alert."""
    expression: str
    threshold: int | None = None
    """Seconds that the age of what it watches may reach; None where it watches no age."""
    data_threshold: int | None = None
    """The same of the live data that it holds, where legs come before it."""
    hold: int = 0
    """Seconds that the expression has to hold before it fires: `for`."""
    severity: AlertSeverity = AlertSeverity.WARNING
    host: str
    summary: Text
    description: Text
    """What it means for the data, and what to type next."""

    @property
    def labels(self) -> Matchers:
        """What Alertmanager sees beside the name."""
        found = {"job": JOB, "instance": self.host, "severity": self.severity.value}
        return tuple(sorted({**found, **dict(self.subject)}.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAges:
    """How old a leg may get before it is stale, in seconds with the slack."""

    own: int
    """Since its last success."""
    data: int | None
    """Of the live data that it holds; the gaps of the legs before it are in it. None where one of
    those runs by hand, and so promises nothing."""


def alerts_of(plan: Plan) -> tuple[Alert, ...]:
    """All alerts of a plan."""
    return tuple(_alerts(plan))


def leg_ages(plan: Plan, leg: LegPlan) -> LegAges | None:
    """From when a leg is stale; None where it runs by hand, so that no age is too old."""
    if leg.allowed_age is None:
        return None
    slack = int(SLACK.total_seconds())
    data = data_allowed_age(plan, leg)
    return LegAges(own=leg.allowed_age + slack, data=data + slack if data is not None else None)


def told_legs(plan: Plan) -> tuple[LegPlan, ...]:
    """The legs of which somebody tells: this host, or their jobs in a cluster."""
    return tuple(leg for leg in plan.legs if runs_here(leg) or tells_from_cluster(plan, leg))


def writers_to(plan: Plan, destination: str) -> tuple[LegPlan, ...]:
    """The legs of this host that write to a destination, and so look at its room."""
    return tuple(leg for leg in plan.legs if runs_here(leg) and _writes_to(leg, destination))


def may_be_away(plan: Plan, leg: LegPlan) -> bool:
    """Whether a disk of the leg is not always there: then a run that failed says nothing."""
    away = {one.name for one in plan.destinations if one.sometimes}
    places = (place for one in leg.feeds for place in (read_place(plan, one.reads), one.writes))
    return any(place is not None and place.holder in away for place in places)


def has_item_alerts(leg: LegPlan) -> bool:
    """Whether items have alerts of their own: a single one is the leg."""
    return len(leg.feeds) > 1


def told_by(plan: Plan) -> Matchers:
    """The labels that a gateway gives to all that this host tells.

    A textfile's series get theirs from whoever scrapes it, so nothing is known of them.
    """
    return (("instance", plan.host),) if plan.monitoring.pushgateway is not None else ()


def room_age(plan: Plan, destination: Destination) -> int | None:
    """Seconds that the figure of a destination's room may be old; None where no schedule says."""
    ages = [leg.allowed_age for leg in writers_to(plan, destination.name)]
    known = [one for one in ages if one is not None]
    if not known:
        return None
    return max(int(OLD.total_seconds()), min(known)) + int(SLACK.total_seconds())


# ── One after another ────────────────────────────────────────────────────────────────────────


def _alerts(plan: Plan) -> Iterator[Alert]:
    for leg in told_legs(plan):
        yield from _of_leg(plan, leg)
        if has_item_alerts(leg):
            for feed in leg.feeds:
                yield from _of_item(plan, leg, feed.reads)
    for destination in plan.destinations:
        yield from _of_destination(plan, destination)
    told = told_by(plan)
    for drill in plan.drills:
        subject, found = (("drill", drill.name),), alerts_of_drill(plan, drill, told)
        yield from _of_part(plan, subject, drill.drill.severity, found)
    for check in plan.checks:
        if check.here or tells_from_cluster(plan, check):
            subject, found = (("check", check.name),), alerts_of_check(check, told)
            yield from _of_part(plan, subject, check.check.severity, found)
    yield from _of_tracker(plan)
    yield _of_policy(plan)


def _of_leg(plan: Plan, leg: LegPlan) -> Iterator[Alert]:
    matchers = (("leg", leg.name),)
    told = told_by(plan)
    ages = leg_ages(plan, leg)
    if ages is not None:
        stale = expressions.leg_stale(matchers + told, own=ages.own, data=ages.data)
        never = expressions.leg_never_ran(matchers + told)
        yield replace(
            _leg_alert(plan, leg, Fault.STALE, stale, threshold=ages.own), data_threshold=ages.data
        )
        yield _leg_alert(plan, leg, Fault.NEVER_RAN, never, threshold=ages.own, hold=ages.own)
    if not may_be_away(plan, leg):
        yield _leg_alert(plan, leg, Fault.FAILING, expressions.leg_failing(matchers + told))


def _of_item(plan: Plan, leg: LegPlan, item: str) -> Iterator[Alert]:
    told = told_by(plan)
    of_leg = (("leg", leg.name), *told)
    of_item = (("leg", leg.name), ("item", item), *told)
    ages = leg_ages(plan, leg)
    if ages is not None:
        stale = expressions.item_stale(of_item, of_leg, own=ages.own, data=ages.data)
        yield replace(
            _leg_alert(plan, leg, Fault.ITEM_STALE, stale, item=item, threshold=ages.own),
            data_threshold=ages.data,
        )
    if not may_be_away(plan, leg):
        failing = expressions.item_failing(of_item, of_leg)
        yield _leg_alert(plan, leg, Fault.ITEM_FAILING, failing, item=item)


def _leg_alert(
    plan: Plan,
    leg: LegPlan,
    fault: Fault,
    expression: str,
    *,
    item: str = "",
    threshold: int | None = None,
    hold: int = 0,
) -> Alert:
    words = words_of(
        fault,
        subject=leg.name,
        item=item,
        threshold=threshold,
        namespace=leg.leg.runner.namespace if leg.leg.runner is not None else "",
    )
    return Alert(
        name=f"{alert_stem(leg.leg)}{fault.value}",
        fault=fault,
        subject=(("leg", leg.name), *((("item", item),) if item else ())),
        expression=expression,
        threshold=threshold,
        hold=hold,
        severity=leg.leg.severity,
        host=plan.host,
        summary=words.summary,
        description=words.description,
    )


def _of_destination(plan: Plan, destination: Destination) -> Iterator[Alert]:
    writers = writers_to(plan, destination.name)
    if not writers:
        return  # nobody here looks at its room (law 9: no alert on a series that nothing emits)
    matchers = (("destination", destination.name), *told_by(plan))
    age = room_age(plan, destination)
    full = expressions.destination_full(matchers, destination.max_used.fraction)
    unknown = expressions.destination_unknown(matchers, age)
    worst = min((leg.leg.severity for leg in writers), key=list(AlertSeverity).index)
    place = str(destination.path)
    if destination.ssh is not None:
        place = f"{destination.ssh.account}:{place}"
    for fault, expression, threshold in (
        (Fault.FULL, full, None),
        (Fault.UNKNOWN, unknown, age),
    ):
        words = words_of(
            fault,
            subject=destination.name,
            threshold=threshold,
            place=place,
            limit=str(destination.max_used),
        )
        yield Alert(
            name=f"{camel_case(destination.name)}{fault.value}",
            fault=fault,
            subject=(("destination", destination.name),),
            expression=expression,
            threshold=threshold,
            severity=worst,
            host=plan.host,
            summary=words.summary,
            description=words.description,
        )


def _of_part(
    plan: Plan, subject: Matchers, severity: AlertSeverity, alerts: Iterable[PartAlert]
) -> Iterator[Alert]:
    """The alerts of a drill or a check."""
    for one in alerts:
        yield Alert(
            name=one.name,
            fault=one.fault,
            subject=subject,
            expression=one.expression,
            threshold=one.threshold,
            severity=severity,
            host=plan.host,
            summary=one.words.summary,
            description=one.words.description,
        )


def _of_tracker(plan: Plan) -> Iterator[Alert]:
    told = told_by(plan)
    for tracked in tracked_sources(plan):
        source = (("source", tracked.source), *told)
        readers = sorted({one.leg for one in tracked.readers})
        down = expressions.tracker_down(source, told, readers)
        yield _tracker_alert(plan, tracked.source, Fault.TRACKER_DOWN, down, hold=TRACKER_HOLD)
        legs = (plan.leg(name) for name in readers)
        ages = [leg_ages(plan, leg) for leg in legs if leg is not None]
        longest = max((one.own for one in ages if one is not None), default=None)
        if longest is not None:
            never = expressions.tracker_never_ran(source)
            fault = Fault.TRACKER_NEVER_RAN
            yield _tracker_alert(plan, tracked.source, fault, never, hold=longest)


def _tracker_alert(plan: Plan, source: str, fault: Fault, expression: str, *, hold: int) -> Alert:
    words = words_of(fault, subject=source)
    return Alert(
        name=f"Policyctl{fault.value}",
        fault=fault,
        subject=(("source", source),),
        expression=expression,
        hold=hold,
        host=plan.host,
        summary=words.summary,
        description=words.description,
    )


def _of_policy(plan: Plan) -> Alert:
    words = words_of(Fault.DRIFT, subject=plan.host)
    return Alert(
        name="PolicyctlPolicyDrift",
        fault=Fault.DRIFT,
        subject=(),
        expression=expressions.policy_drift(told_by(plan)),
        hold=DRIFT_HOLD,
        host=plan.host,
        summary=words.summary,
        description=words.description,
    )


def _writes_to(leg: LegPlan, destination: str) -> bool:
    return any(one.writes is not None and one.writes.holder == destination for one in leg.feeds)
