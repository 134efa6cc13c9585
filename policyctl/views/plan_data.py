"""What a change set means for the data, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from engine.changes.plan_changes import Action, RouteChange
from engine.moves.acceptances import Acceptance
from engine.moves.data_changes import LegData, Promise, RouteData, Shift
from engine.moves.destination_data import DestinationData, percent
from engine.moves.flows import Flow, Offer
from engine.moves.held import Held
from engine.promises.objectives import hours
from engine.records.measurement import Volume, human_bytes
from policyctl.plan_data import PlanData
from policyctl.views.console import table
from policyctl.views.paths import counted, show_text

_Said = Callable[[Held], str]
_FEW = 3
"""So many paths are named one by one."""


# ── Routes ───────────────────────────────────────────────────────────────────────────────────


def route_words(data: PlanData, change: RouteChange, orphans: Sequence[str]) -> Iterator[str]:
    """What a changed line means for its data, a line for each thing.

    `orphans` are the places where its copies stay.
    """
    found = data.changes.route(change)
    renamed = _renamed(data)
    left = [one for one in (found.left if found else ()) if one not in renamed]
    if found is not None:
        yield from (_arrives(one, data) for one in found.gained if one not in renamed)
        promises = "; ".join(_promises(found))
        if promises:
            yield promises
    by_place = {one.place.rstrip("/"): one for one in left}
    spared = {one.place.rstrip("/") for one in renamed}
    for place in dict.fromkeys((*orphans, *by_place)):
        if place.rstrip("/") in spared:
            continue
        flow = by_place.get(place.rstrip("/"))
        if place in orphans or place.rstrip("/") not in {one.rstrip("/") for one in orphans}:
            yield f"left behind, protected: {place}{_stays(flow, data) if flow else ''}"


def _renamed(data: PlanData) -> list[Flow]:
    """What neither comes nor goes, since it is renamed."""
    found = [one for one in data.changes.renames if data.migrate and not one.after]
    return [flow for one in found for flow in (one.old, one.new)]


def _arrives(flow: Flow, data: PlanData) -> str:
    there = data.changes.destination(flow.destination)
    return f"{flow.destination} +{_size(flow, data)}{_how_full(there)}"


def _how_full(there: DestinationData | None) -> str:
    if there is None or there.used_after is None or not there.arriving:
        return ""
    said = f"would be {percent(there.used_after)} used"
    if not there.over:
        return f" ({percent(there.used_after)} used then)"
    if there.accepted:
        return f" ({said}, of {percent(there.max_used)} allowed: accepted)"
    return f" ({said}, of {percent(there.max_used)} allowed: refused)"


def _stays(flow: Flow, data: PlanData) -> str:
    if flow.volume is None:
        return ""
    there = data.changes.destination(flow.destination)
    total = there.room.total if there and there.room else None
    size = human_bytes(flow.volume.bytes)
    frees = f", frees {percent(flow.volume.bytes / total)} once gc has removed it" if total else ""
    return f" ({size}{frees})"


def _size(flow: Flow, data: PlanData) -> str:
    if flow.volume is not None:
        return human_bytes(flow.volume.bytes)
    return "data that were not measured" if data.measured else "data (not measured)"


def _promises(found: RouteData) -> Iterator[str]:
    before, after = found.before, found.after
    if after is None:
        return
    yield from _numbers(before, after)
    if not after.whole:
        return
    worst = tuple(_differs("RPO", before, after, lambda one: _age(one.rpo, there=one.copies > 1)))
    offsite = tuple(
        _differs("RPO", before, after, lambda one: _age(one.rpo_offsite, there=one.offsite > 0))
    )
    yield from () if worst == offsite else worst
    yield from (one.replace("RPO", "RPO off-site", 1) for one in offsite)
    yield from _differs("history", before, after, lambda one: _history(one.history))


def _numbers(before: Held | None, after: Held) -> Iterator[str]:
    yield from _differs("copies", before, after, lambda one: str(one.copies))
    if before is not None:
        yield from _differs("media", before, after, lambda one: str(one.media))
        yield from _differs("off-site copies", before, after, lambda one: str(one.offsite))


def _differs(what: str, before: Held | None, after: Held, said: _Said) -> Iterator[str]:
    """One value, before → after; of what is new only the value; nothing where it stays."""
    now = said(after)
    if before is None:
        yield f"{what} {now}"
    elif said(before) != now:
        yield f"{what} {said(before)} → {now}"


def _age(seconds: int | None, *, there: bool) -> str:
    if not there:
        return "none"
    return hours(seconds) if seconds is not None else "not promised"


def _history(seconds: int) -> str:
    return hours(seconds) if seconds else "none"


# ── Legs ─────────────────────────────────────────────────────────────────────────────────────


def leg_lines(data: PlanData) -> list[str]:
    """One line for each leg whose promises change, or whose data move although no line says so."""
    return [f"{one.leg}: {'; '.join(_leg_words(one, data))}" for one in data.changes.legs]


def _leg_words(one: LegData, data: PlanData) -> Iterator[str]:
    yield from _flow_sums(one.gained, data, arriving=True)
    yield from _flow_sums(one.left, data, arriving=False)
    yield from _shift_words(one.shifts)
    if one.before is not None and one.after is not None:
        yield from _promise_words(one.before, one.after)


def _promise_words(before: Promise, after: Promise) -> Iterator[str]:
    if before.rpo != after.rpo:
        yield f"RPO {_promised(before.rpo)} → {_promised(after.rpo)}"
    if before.history != after.history:
        yield f"history {_history(before.history)} → {_history(after.history)}"
    if before.generations != after.generations:
        yield f"generations {_generations(before)} → {_generations(after)}"


def _generations(one: Promise) -> str:
    if one.generations is None:
        return "none"
    fewest, most = one.generations
    return f"{fewest}" if fewest == most else f"{fewest} to {most}"


def _promised(seconds: int | None) -> str:
    return _age(seconds, there=True)


def _flow_sums(flows: tuple[Flow, ...], data: PlanData, *, arriving: bool) -> Iterator[str]:
    renamed = _renamed(data)
    for name in dict.fromkeys(flow.destination for flow in flows):
        mine = [flow for flow in flows if flow.destination == name and flow not in renamed]
        if not mine:
            continue
        size, there = _sum(mine), data.changes.destination(name)
        if arriving:
            yield f"{name} +{size}{_how_full(there)}"
        else:
            yield f"{name}: {size} left behind"


def _sum(flows: Sequence[Flow]) -> str:
    known = [flow.volume for flow in flows if flow.volume is not None]
    if not known:
        return "data that were not measured"
    size = Volume(files=sum(one.files for one in known), bytes=sum(one.bytes for one in known))
    more = " and what was not measured" if len(known) < len(flows) else ""
    return f"{size}{more}"


def _shift_words(shifts: tuple[Shift, ...]) -> Iterator[str]:
    for numbers in dict.fromkeys((one.before, one.after) for one in shifts):
        texts = [show_text(one.text) for one in shifts if (one.before, one.after) == numbers]
        more = f" and {len(texts) - _FEW} more" if len(texts) > _FEW else ""
        yield f"copies {numbers[0]} → {numbers[1]} of {', '.join(texts[:_FEW])}{more}"


# ── Renames ──────────────────────────────────────────────────────────────────────────────────


def rename_lines(data: PlanData) -> list[str]:
    """What need not be sent, since it lies at its destination under another name."""
    found = data.changes.renames
    lines = [_rename(one, data) for one in found if not any(_carries(o, one) for o in found)]
    if any(not one.after for one in found) and not data.migrate:
        lines.append(f"`{data.command} --migrate` renames them before anything is sent again")
    return lines


def _carries(outer: Offer, one: Offer) -> bool:
    """Whether a rename takes another one along: both names lie the same way in its own."""
    if outer is one or outer.after or one.after:
        return False
    old, new = (flow.place.rstrip("/") + "/" for flow in (outer.old, outer.new))
    inner = one.old.place.removeprefix(old)
    return one.old.place.startswith(old) and one.new.place == new + inner


def _rename(one: Offer, data: PlanData) -> str:
    said = f"{one.old.place} → {one.new.place}: {_size(one.new, data)}"
    if not one.after:
        return f"{said} need not be sent"
    legs = " and ".join(f"`policyctl run {leg}`" for leg in one.after)
    return f"{said} need not be sent: first {legs}, then `policyctl migrate`, then {one.new.leg}"


# ── Destinations ─────────────────────────────────────────────────────────────────────────────

_HEADER = ("destination", "arrives", "left behind", "used", "allowed", "free", "seen", "takes")


def destination_lines(data: PlanData, now: datetime) -> list[str]:
    """A table of the destinations at which data come or go, and what is not known of them."""
    found = data.changes.destinations
    if not found:
        return []
    lines = table([_row(one, now) for one in found], header=_HEADER)
    short = [
        f"{name}: {counted(one.unreadable, 'directory', 'directories')} could not be read: these "
        "figures are short by what is in them"
        for name, one in data.volumes.items()
        if one.unreadable
    ]
    short += [
        f"{name}: its room could not be looked at now: {why}"
        for name, why in sorted(data.unseen_rooms.items())
    ]
    return [*lines, *(note for one in found for note in _unknowns(one, data)), *short]


def _row(one: DestinationData, now: datetime) -> tuple[str, ...]:
    room = one.room
    return (
        one.destination,
        human_bytes(one.arriving) if one.arriving else "-",
        _left_behind(one),
        _used(one),
        percent(one.max_used),
        f"{human_bytes(room.free)} of {human_bytes(room.total)}"
        if room and room.free is not None and room.total
        else "-",
        _ago(now, room.measured) if room else "never",
        _takes(one),
    )


def _left_behind(one: DestinationData) -> str:
    if not one.left_behind:
        return "-"
    share = f" ({percent(one.frees)})" if one.frees is not None else ""
    return human_bytes(one.left_behind) + share


def _used(one: DestinationData) -> str:
    if one.used_before is None or one.used_after is None:
        return "not known"
    if not one.arriving:
        return percent(one.used_before)
    return f"{percent(one.used_before)} → {percent(one.used_after)}"


def _ago(now: datetime, then: datetime) -> str:
    seconds = max(0, int((now - then).total_seconds()))
    if seconds < 60:
        return "just now"
    return f"{hours(seconds - seconds % 3600) if seconds >= 3600 else f'{seconds // 60} m'} ago"


def _takes(one: DestinationData) -> str:
    if not one.arriving:
        return "-"
    if one.rate is None or one.seconds is None:
        return "no rate known"
    speed = human_bytes(int(one.rate.bytes / one.rate.seconds))
    return f"about {_minutes(one.seconds)} at {speed}/s"


def _minutes(seconds: float) -> str:
    whole = -(-int(seconds) // 60) * 60
    return hours(whole) if whole >= 3600 else f"{max(1, whole // 60)} m"


def _unknowns(one: DestinationData, data: PlanData) -> Iterator[str]:
    if one.used_before is None and (one.arriving or one.unmeasured):
        yield (
            f"{one.destination}: its room is not known, so nobody can say whether it fits; "
            "the first run of a leg that writes there looks"
        )
    if one.unmeasured:
        texts = ", ".join(one.unmeasured[:_FEW])
        more = f" and {len(one.unmeasured) - _FEW} more" * (len(one.unmeasured) > _FEW)
        why = "was not measured" if data.measured else "was not measured (--no-measure)"
        yield f"{one.destination}: what comes of {texts}{more} {why} and is not in these figures"


# ── Patterns and acceptances ─────────────────────────────────────────────────────────────────


def acceptance_lines(data: PlanData, now: datetime) -> list[str]:
    """Accepted shortfalls: those that come, change and go, and then those that stay."""
    found = sorted(data.acceptances, key=lambda one: one.action is Action.KEEP)
    return [f"{one.action.sign} {_acceptance(one, now)}" for one in found]


def _acceptance(one: Acceptance, now: datetime) -> str:
    if one.action is Action.DELETE:
        gone = f"{show_text(one.text)} falls short no longer, or is gone"
        return f"{gone}; accepted{accepted_for(one, now)}"
    if one.action is not Action.UPDATE:
        return acceptance_words(one, now)
    was = f" (was: {one.was})" if one.was != one.message else ""
    said = f"{show_text(one.text)} has {one.message}{was}"
    return f"{said}; accepted anew because {one.because}"


def acceptance_words(one: Acceptance, now: datetime) -> str:
    """What falls short, for how long that is accepted, and why."""
    said = f"{show_text(one.text)} has {one.message}"
    return f"{said}; accepted{accepted_for(one, now)} because {one.because}"


def accepted_for(one: Acceptance, now: datetime) -> str:
    """How long it is accepted; nothing of what comes only now, and of one in the future."""
    if one.since is None or one.since > now:
        return ""
    days = (now - one.since).days
    return f" for {counted(days, 'day')}" if days else " for less than a day"
