"""What needs somebody, and what is worth knowing: each a sentence with what to type next. Pure.

Commands stand between back-ticks, as in every message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engine.report.facts import Facts
from engine.schedule.pauses import Pause
from engine.standing.checks import CheckHealth, CheckStatus
from engine.standing.drills import DrillStatus
from engine.standing.status import Health, ItemStatus, LegStatus
from engine.standing.surroundings import DestinationStatus, RoomHealth, TrackerHealth, TrackerStatus
from engine.verify.verdict import said

_SOON = timedelta(days=90)
"""A destination that is full within these is worth a thought now: disks have to be bought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One thing that somebody has to see to, or to know."""

    about: str
    """A leg, a destination, the tracker, the policy."""
    what: str
    """What is wrong or worth knowing, in a few words."""
    more: str = ""
    """Why, as it was told."""
    do: str = ""
    """What to type next, or to think of."""
    until: datetime | None = None
    """When it ends by itself."""


_WHAT_NOW = {
    Health.FAILING: "`policyctl run {leg}` once that is mended",
    Health.STALE: "`policyctl run {leg}` once that is mended",
    Health.NEVER_RAN: "see whether its timer is active, or `policyctl run {leg}`",
    Health.SEED_STOPPED: "`policyctl seed {leg}` makes it whole",
    Health.UNFED: "run the legs that it reads of, then `policyctl run {leg}`",
    Health.AHEAD: "set the machine's clock right, then `policyctl run {leg}`",
}


def to_act_on(facts: Facts) -> Iterator[Concern]:
    """What needs somebody now: the reasons for which the whole is not healthy."""
    for leg in facts.legs:
        if not leg.sound:
            yield from _of_leg(leg)
    for place in facts.destinations:
        if not place.sound:
            yield _full(place)
    if facts.tracker is not None and not facts.tracker.sound:
        yield _of_tracker(facts.tracker)
    yield from (_of_drill(one) for one in facts.drills if not one.sound)
    yield from (_of_check(one) for one in facts.checks if not one.sound)
    for sentence in facts.faults:
        yield Concern(about="policy", what=sentence)


def to_know(facts: Facts) -> Iterator[Concern]:
    """What nobody has to act on now."""
    for leg in facts.legs:
        yield from _rest_of(leg)
    for place in facts.destinations:
        yield from _outlook(place, facts.now)
    tracker = facts.tracker
    if tracker is not None and tracker.sound and tracker.health is not TrackerHealth.FOLLOWING:
        yield _of_tracker(tracker)
    for sentence in facts.notes:
        yield Concern(about="policy", what=sentence)


def _rest_of(leg: LegStatus) -> Iterator[Concern]:
    if leg.pause is not None:
        yield _of_pause(leg, leg.pause)
    elif leg.seeding_since is not None:
        yield Concern(
            about=leg.leg,
            what="seeding",
            more="its first full pass goes on; no copy is counted until a pass succeeds",
        )


def _outlook(place: DestinationStatus, now: datetime) -> Iterator[Concern]:
    if place.sound and _is_soon(place.full_on, now):
        yield Concern(
            about=place.destination,
            what=f"full on about {place.full_on} at this rate",
            do="a larger disk takes time; `policyctl gc` lists what no leg carries any more",
        )
    elif place.health is RoomHealth.OLD:
        yield Concern(about=place.destination, what=f"its room was {place.health.value}")


def _of_leg(leg: LegStatus) -> Iterator[Concern]:
    faulty = [one for one in leg.items if not one.sound]
    if not leg.health.sound:
        reason = leg.last.reason if leg.last is not None else ""
        yield Concern(
            about=leg.leg,
            what=leg.health.value,
            more=reason,
            do=_WHAT_NOW[leg.health].format(leg=leg.leg),
        )
    for item in faulty:
        if item.differing:
            assert item.verified is not None
            yield Concern(
                about=leg.leg,
                what=f"its copies of {item.name} differ",
                more=said(item.verified),
                do=f"`policyctl verify {leg.leg}` says in what",
            )
        elif not _told_by_leg(leg, item):
            yield Concern(about=leg.leg, what=f"{item.name}: {_item_fault(item)}", more=_why(item))
    if leg.not_told:
        yield Concern(
            about=leg.leg,
            what="how its last run ended could not be told",
            more=leg.not_told,
            do="what it copied is there; mend the way to the monitoring",
        )


def _told_by_leg(leg: LegStatus, item: ItemStatus) -> bool:
    """Whether the reason of the leg's own last run says already what became of an item in it."""
    if leg.health.sound or leg.last is None or item.last is None:
        return False
    return item.failing and item.last.started == leg.last.started


def _item_fault(item: ItemStatus) -> str:
    if item.failing and item.last is not None and item.last.status is not None:
        return item.last.status.value
    return "stale"


def _why(item: ItemStatus) -> str:
    return item.last.reason if item.failing and item.last is not None else ""


def _of_drill(drill: DrillStatus) -> Concern:
    failing = (one for one in drill.places if one.failing and one.last is not None)
    reasons = [f"{one.place}: {one.last.reason}" for one in failing if one.last and one.last.reason]
    return Concern(
        about=f"drill {drill.drill}",
        what=drill.health.value,
        more="; ".join(reasons),
        do=f"`policyctl drill {drill.drill}`" + (" once that is mended" if reasons else ""),
    )


def _of_check(check: CheckStatus) -> Concern:
    failing = check.health is CheckHealth.FAILING
    return Concern(
        about=f"check {check.check}",
        what=check.health.value,
        more=check.reason if failing else "",
        do=f"`policyctl probe {check.check}`" + (" once that is mended" if failing else ""),
    )


def _full(place: DestinationStatus) -> Concern:
    used = f"{place.used:.0%} used of at most {place.max_used:.0%}" if place.used else ""
    return Concern(
        about=place.destination,
        what=place.health.value,
        more=used,
        do="`policyctl gc` lists what no leg carries any more",
    )


def _of_tracker(tracker: TrackerStatus) -> Concern:
    following = tracker.health is TrackerHealth.STARTING
    return Concern(
        about="tracker",
        what=tracker.health.value,
        more="; ".join(tracker.details),
        do=""
        if following
        else "`systemctl start policyctl-tracker`: until then each run looks at everything",
    )


def _of_pause(leg: LegStatus, pause: Pause) -> Concern:
    old = "its data are older than allowed; " if leg.too_old else ""
    return Concern(
        about=leg.leg,
        what="paused",
        more=pause.reason,
        do=f"{old}no new copy is made until then; `policyctl resume {leg.leg}` ends it",
        until=pause.until,
    )


def _is_soon(day: date | None, now: datetime) -> bool:
    return day is not None and day - now.date() <= _SOON
