"""How things stand, on one screen: first in one sentence, then leg by leg."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.changes.drift import PolicyDrift
from engine.promises.objectives import hours
from engine.records.measurement import human_bytes
from engine.rollback.words import half_done
from engine.schedule.pauses import Pause, moment
from engine.standing.facts import Ran
from engine.standing.status import Health, ItemStatus, LegStatus
from engine.standing.surroundings import DestinationStatus, RoomHealth, TrackerHealth, TrackerStatus
from engine.verify.verdict import said
from policyctl.standing import Standing
from policyctl.views.console import paint
from policyctl.views.coverage import coverage_lines
from policyctl.views.fitted import fitted
from policyctl.views.looks import check_lines
from policyctl.views.orphans import total_lines
from policyctl.views.paths import counted, show_path
from policyctl.views.plan_data import acceptance_words
from policyctl.views.rehearsals import drill_lines
from policyctl.views.safety import safety_lines

_MOST_FILES = 20
_SHORT = {
    Health.WAITING: "waiting",
    Health.ELSEWHERE: "elsewhere",
    Health.AHEAD: "clock wrong",
}
_IN_WORDS = {Health.WAITING: "waiting for a first run", Health.ELSEWHERE: "run elsewhere"}
_HEADER = (
    *("leg", "kind", "state", "last run", "ended", "mode", "age", "allowed", "sent", "pending"),
    *("full due", "next run"),
)
_LEAST_NEEDED = ("full due", "kind", "sent", "mode", "pending", "next run", "allowed")
"""What a narrow terminal goes without, in this order."""
_MAY_BE_EMPTY = frozenset({"mode", "sent", "pending", "full due", "next run"})


def summary(standing: Standing) -> str:
    """One sentence, as a monitoring check wants it."""
    counts = Counter(one.health for one in standing.legs if one.sound)
    total = counted(len(standing.legs), "leg")
    if standing.healthy:
        words = {one: _IN_WORDS.get(one, one.value) for one in Health if counts[one]}
        if Health.PAUSED in words:
            words[Health.PAUSED] = f"paused ({_paused(standing)})"
        parts = (f"{counts[one]} {text}" for one, text in words.items())
        return f"OK: {total}: {', '.join(parts)}" if counts else f"OK: {total}"
    bad = [f"{one.leg} ({_fault(one)})" for one in standing.legs if not one.sound]
    need = "needs" if len(bad) == 1 else "need"
    faults = [f"{len(bad)} of {total} {need} you: {', '.join(bad)}"] if bad else []
    faults += [
        f"{one.destination} is above its limit" for one in standing.destinations if not one.sound
    ]
    if standing.tracker is not None and not standing.tracker.sound:
        faults.append("the tracker is dead")
    faults += [
        f"the drill {one.drill} is {one.health.value}" for one in standing.drills if not one.sound
    ]
    faults += [
        f"the check {one.check} is {one.health.value}" for one in standing.checks if not one.sound
    ]
    faults += [f"a rollback of {one.source}:{one.item} is half done" for one in standing.rollbacks]
    if standing.drift is not None and standing.drift.of_files:
        faults.append(_files_fault(standing.drift))
    paused = _paused(standing)
    return f"CRITICAL: {'; '.join(faults)}" + (f"; paused: {paused}" if paused else "")


def _paused(standing: Standing) -> str:
    """Which legs are paused: told always, since a forgotten pause is a backup that is not made."""
    return ", ".join(
        f"{one.leg} until {moment(one.pause.until, standing.timezone)}"
        for one in standing.legs
        if one.pause is not None
    )


def _files_fault(drift: PolicyDrift) -> str:
    if not drift.files:
        return "an apply was interrupted"
    return f"{counted(len(drift.files), 'file')} not as applied"


def _fault(one: LegStatus) -> str:
    if not one.health.sound:
        return one.health.value
    return "copies differ" if one.differing else "not told"


def status_lines(standing: Standing) -> Iterator[str]:
    """Lines for people."""
    zone, now = ZoneInfo(standing.timezone), standing.now
    yield paint(summary(standing), "green" if standing.healthy else "red", sys.stdout)
    yield from safety_lines(standing.sources, zone, now)
    rows = [_row(one, zone) for one in standing.legs]
    lines = fitted(_HEADER, rows, least_needed=_LEAST_NEEDED, may_be_empty=_MAY_BE_EMPTY)
    yield paint(lines[0], "bold", sys.stdout)
    for one, line in zip(standing.legs, lines[1:], strict=True):
        yield line if one.sound else paint(line, "red", sys.stdout)
    for one in standing.legs:
        yield from _details(one, zone)
    for place in standing.destinations:
        line = _room(place)
        yield line if place.sound else paint(line, "red", sys.stdout)
    yield from (one.words(now) for one in standing.generations)
    yield from _drills(standing, zone)
    yield from _checks(standing, zone)
    if standing.tracker is not None:
        line = _tracker(standing.tracker, zone)
        yield line if standing.tracker.sound else paint(line, "red", sys.stdout)
    if standing.drift is not None:
        for line in drift_lines(standing.drift):
            yield paint(line, "red", sys.stdout)
    yield from (paint(half_done(one), "red", sys.stdout) for one in standing.rollbacks)
    if all(one.last is None for one in standing.legs):
        yield "no leg has run yet: `policyctl run LEG`, or wait for the timers"
    yield f"times are those of {standing.timezone}"
    yield from standing.notes
    yield from coverage_lines(standing.coverage)
    yield from total_lines(standing.orphans)
    yield from (f"falls short: {acceptance_words(one, now)}" for one in standing.acceptances)


def _drills(standing: Standing, zone: ZoneInfo) -> Iterator[str]:
    for one in standing.drills:
        for line in drill_lines(one, zone, standing.now):
            yield line if one.sound else paint(line, "red", sys.stdout)


def _checks(standing: Standing, zone: ZoneInfo) -> Iterator[str]:
    for one in standing.checks:
        for line in check_lines(one, zone):
            yield line if one.sound else paint(line, "red", sys.stdout)


def _row(one: LegStatus, zone: ZoneInfo) -> tuple[str, ...]:
    last = one.last
    return (
        one.leg,
        one.kind,
        _SHORT.get(one.health, one.health.value),
        _time(last.started if last else None, zone),
        how_it_ended(last) if last else "-",
        last.mode if last else "-",
        _length(one.age),
        _length(one.allowed),
        human_bytes(last.bytes) if last else "-",
        f"{one.pending:,}" if one.pending is not None else "-",
        _time(one.full_due, zone),
        _time(one.due, zone),
    )


# ── What a table has no room for ─────────────────────────────────────────────────────────────


def _details(one: LegStatus, zone: ZoneInfo) -> Iterator[str]:
    if one.pause is not None:
        yield _pause(one, one.pause, zone)
    if one.seeding_since is not None:
        since = f"{one.leg}: seeding since {_time(one.seeding_since, zone)}"
        yield f"{since}; no copy is counted until a pass succeeds"
    faulty = [item for item in one.items if not item.sound]
    if one.last is not None and one.last.reason and one.health is not Health.FRESH:
        told_by_items = any(item.failing and _same(item.last, one.last) for item in faulty)
        if not told_by_items:
            yield f"{one.leg}: {one.last.reason}"
    for item in faulty:
        yield f"{one.leg}: {_item(item, zone)}"
    if one.differing:
        yield f"{one.leg}: its copies differ: `policyctl verify {one.leg}` says in what"
    if one.not_told:
        yield f"{one.leg}: not told: {one.not_told} (what it copied is there; see the table)"


def _pause(one: LegStatus, pause: Pause, zone: ZoneInfo) -> str:
    reason = f": {pause.reason}" if pause.reason else ""
    said = f"{one.leg}: paused until {moment(pause.until, zone.key)}{reason}"
    old = "its data are older than allowed, and " if one.too_old else ""
    return f"{said}; {old}no new copy is made until then; `policyctl resume {one.leg}` ends it"


def drift_lines(drift: PolicyDrift) -> Iterator[str]:
    """What runs that was not applied, and what to type."""
    for one in drift.files[:_MOST_FILES]:
        what = "is gone" if one.missing else "was changed by hand"
        yield f"file {show_path(one.path.text)} {what} since it was applied"
    if len(drift.files) > _MOST_FILES:
        yield f"… and {len(drift.files) - _MOST_FILES} more files"
    if drift.interrupted:
        yield "an apply was interrupted: `policyctl apply` completes it"
    elif drift.files:
        yield "what runs is not what was applied: `policyctl plan` shows how"


def _same(item: Ran | None, leg: Ran) -> bool:
    return item is not None and item.started == leg.started


def _item(item: ItemStatus, zone: ZoneInfo) -> str:
    success = _time(item.success.started, zone) if item.success else "never"
    if item.failing and item.last is not None and item.last.status is not None:
        reason = f": {item.last.reason}" if item.last.reason else ""
        return f"{item.name} {item.last.status.value}{reason} (last success: {success})"
    if item.stale or item.verified is None:
        return f"{item.name} stale (last success: {success})"
    when = _time(item.verified.ended, zone)
    return f"{item.name}: when compared at {when}, {said(item.verified)}"


def _room(one: DestinationStatus) -> str:
    name = f"destination {one.destination}"
    if one.measured is None or one.age is None:
        return f"{name}: room {one.health.value}"
    age = f"measured {_length(one.age)} ago"
    if one.free is None or one.total is None or one.used is None:
        return f"{name}: room unknown: it {one.health.value}; {age}"
    room = f"{human_bytes(one.free)} free of {human_bytes(one.total)}"
    limit = f"{one.used:.0%} used of at most {one.max_used:.0%}"
    said = {
        RoomHealth.OVER: ": above its limit" + (" (that of this trial's disk)" * one.staged),
        RoomHealth.OLD: f": {one.health.value}",
    }.get(one.health, "")
    full = "" if one.full_on is None or one.health is RoomHealth.OVER else _full(one.full_on)
    return f"{name}: {room}, {limit}{said}; {age}{full}"


def _full(day: date) -> str:
    return f"; full on about {day} at this rate"


def _tracker(one: TrackerStatus, zone: ZoneInfo) -> str:
    line = f"tracker: {one.health.value}"
    if one.health is TrackerHealth.FOLLOWING:
        line += f" since {_time(one.since, zone)}"
    if one.health is TrackerHealth.DEAD:
        line += f", last seen {_time(one.since, zone)}"
    if one.health in {TrackerHealth.DEAD, TrackerHealth.NOT_STARTED}:
        line += "; start it with `systemctl start policyctl-tracker`, or `policyctl track`"
    if one.watches:
        line += f", {counted(one.watches, 'watch', 'watches')}"
    if one.in_full:
        line += f"; read in full: {', '.join(one.in_full)}"
    return "; ".join((line, *one.details))


def how_it_ended(ran: Ran) -> str:
    """How a run ended, in a word or two."""
    if ran.status is None:
        return "running"
    return ran.status.value if ran.ended else "killed"


def _time(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%d %b %H:%M") if moment else "-"


def _length(length: timedelta | None) -> str:
    if length is None:
        return "-"
    seconds = int(length.total_seconds())
    return f"{seconds // 60} m" if 0 <= seconds < 3600 else hours(seconds)
