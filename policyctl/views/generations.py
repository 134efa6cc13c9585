"""The calendar of generations: what is kept, why, and when it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.generations.names import name_of
from engine.generations.reasons import keep_text, say
from engine.generations.retention import Verdict
from engine.items.thin_pool import SetAside
from engine.standing.keeping import Keeping, Kept
from policyctl.views.console import Json, table
from policyctl.views.paths import counted, path_json

_HEADER = ("generation", "local time", "known to be", "why", "goes")


def generation_lines(found: Sequence[Keeping], zone: ZoneInfo) -> Iterator[str]:
    """Lines for people."""
    if not found:
        yield "no leg of the applied plan keeps generations"
    for number, one in enumerate(found):
        if number:
            yield ""
        count = counted(len(one.kept), "generation")
        yield f"{one.leg}  {one.item} → {one.place}  keep: {keep_text(one.keep)}; {count}"
        if one.why_not:
            yield f"  {one.why_not}"
        rows = [_row(kept, zone) for kept in one.kept]
        yield from (f"  {line}" for line in table(rows, header=_HEADER) if rows)
        yield from (f"  {_aside(aside, zone)}" for aside in one.set_aside)


def _row(one: Kept, zone: ZoneInfo) -> tuple[str, ...]:
    generation = one.decision.generation
    return (
        name_of(generation.moment).decode(),
        _local(generation.moment, zone),
        _standing(one, zone),
        "; ".join(map(say, one.decision.reasons)),
        _goes(one, zone),
    )


def _standing(one: Kept, zone: ZoneInfo) -> str:
    made = one.decision.generation.standing.value
    if one.differed is None:
        return made
    return f"{made}, but differed on {_local(one.differed, zone)}"


def _aside(one: SetAside, zone: ZoneInfo) -> str:
    name = one.volume.name.text
    return (
        f"set aside: {name}, which it was {one.line.value} its rollback of "
        f"{_local(one.moment, zone)}; it takes room, and its snapshots are held, until `lvremove "
        f"{name}`"
    )


def _goes(one: Kept, zone: ZoneInfo) -> str:
    if one.decision.verdict is Verdict.PRUNE:
        return "with a later run: half go in one" if one.waits else "with the next run"
    if one.decision.verdict is Verdict.APART or one.goes is None:
        return "-"
    return _local(one.goes, zone)


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}"


def generations_json(found: Sequence[Keeping]) -> dict[str, Json]:
    """The same for programs."""
    return {
        "folders": [
            {
                "leg": one.leg,
                "item": one.item,
                "place": one.place.holder,
                **path_json(b"/" + b"/".join(one.place.names)),
                "error": one.why_not or None,
                "generations": [_kept_json(kept) for kept in one.kept],
                "set_aside": [_aside_json(aside) for aside in one.set_aside],
            }
            for one in found
        ]
    }


def _aside_json(one: SetAside) -> dict[str, Json]:
    return {
        "volume": one.volume.name.text,
        "was": one.line.value,
        "rollback": one.moment.isoformat(),
    }


def _kept_json(one: Kept) -> dict[str, Json]:
    generation = one.decision.generation
    return {
        "name": name_of(generation.moment).decode(),
        "moment": generation.moment.isoformat(),
        "standing": generation.standing.value,
        "differed": one.differed.isoformat() if one.differed is not None else None,
        "verdict": one.decision.verdict.value,
        "reasons": [say(reason) for reason in one.decision.reasons],
        "goes": one.goes.isoformat() if one.goes is not None else None,
    }
