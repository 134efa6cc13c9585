"""Orphans as `gc` lists them, and what it removed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.plan.model import Location
from engine.plan.spots import Spot
from engine.records.measurement import human_bytes
from engine.system.state.orphans import OrphanRecord, Tombstone
from policyctl.cleaning import Carrier, Cleaned, Standing, nothing_of_it
from policyctl.views.console import Json
from policyctl.views.paths import counted, path_json


def orphan_lines(found: Sequence[Standing], zone: ZoneInfo) -> Iterator[str]:
    """Lines for people."""
    if not found:
        yield "no orphans: everything that legs have written is carried by one"
        return
    for one in found:
        looked, record = one.looked, one.looked.record
        size = _size(looked.files, looked.size)
        yield f"{record.orphan.place}  {size}, since {_day(record.since, zone)}"
        yield f"  {record.orphan.why}; written by {record.orphan.leg}"
        yield f"  {_advice(one)}"
    known = [one.looked.size for one in found if one.looked.size is not None]
    more = " or more" if len(known) < len(found) else ""
    yield f"{counted(len(found), 'orphan')}, {human_bytes(sum(known))}{more}"


def _advice(one: Standing) -> str:
    """What stands in place of it, and what removes it."""
    name = shlex.quote(str(one.looked.record.orphan.place))
    by_name = f"`policyctl gc --remove {name}` removes it"
    if one.looked.why_not:
        return f"it could not be looked at: {one.looked.why_not}"
    if one.looked.gone:
        listed = f"`policyctl gc --remove {name}` takes it from this list, and removes nothing"
        return f"{nothing_of_it(one.looked.record)}; {listed}"
    if one.looked.record.orphan.is_set_aside:
        return f"it is no copy, so only its name goes: {by_name}"
    if one.looked.record.orphan.form and one.uncarried:
        keep = f"`policyctl migrate {name}` says how they are kept"
        return f"{one.uncarried}: {keep}; only its name goes: {by_name}"
    if one.uncarried:
        return f"no copy is made any more: {one.uncarried}; only its name goes: {by_name}"
    now = ", ".join(f"{_at(one, carrier.place)} by {carrier.leg}" for carrier in one.carriers)
    if not one.renewed:
        here = one.looked.record.orphan.place.holder
        same = any(carrier.place.holder == here for carrier in one.carriers)
        rename = f"`policyctl migrate {name}` may rename it; " if same else ""
        waits = f"to be carried to {now}, which has not succeeded since"
        return f"{waits}; {rename}{by_name} all the same"
    return f"carried to {now} since; `policyctl gc --verified {name}` compares, then removes it"


def _at(one: Standing, root: Location) -> str:
    """Where the copy of today lies, as closely as one path says it."""
    inner = one.looked.scope.paths[0] if len(one.looked.scope.paths) == 1 else ()
    return str(Location(holder=root.holder, names=(*root.names, *inner)))


def _size(files: int | None, size: int | None) -> str:
    if files is None or size is None:
        return "size unknown"
    return f"{human_bytes(size)}, {counted(files, 'file')}"


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d}"


def cleaned_lines(done: Sequence[Cleaned]) -> Iterator[str]:
    """What was removed, and what stays and why."""
    if not done:
        yield "no orphans: nothing was removed"
    for one in done:
        place = one.record.orphan.place
        if one.stone is None:
            name = shlex.quote(str(place))
            yield f"{place} stays: {one.reason}; `policyctl gc {name}` shows it"
        else:
            why = f" ({one.reason})" if one.reason else ""
            yield f"{place} is removed: {_size(one.stone.files, one.stone.bytes)}{why}"


def history_lines(stones: Sequence[Tombstone], zone: ZoneInfo) -> Iterator[str]:
    """What was removed or renamed, when and why."""
    if not stones:
        yield "nothing was ever removed or renamed"
    for one in stones:
        size = _size(one.files, one.bytes)
        since = f"an orphan since {_day(one.since, zone)}"
        became = f"renamed to {one.renamed}" if one.renamed else "removed"
        moment = f"{one.removed.astimezone(zone):%Y-%m-%d %H:%M %Z}"
        yield f"{moment}  {one.place}  {size}, {became}; {since}: {one.why}"


# ── For programs ─────────────────────────────────────────────────────────────────────────────


def orphans_json(found: Sequence[Standing]) -> dict[str, Json]:
    """The list as JSON."""
    return {"orphans": [_orphan(one) for one in found]}


def cleaned_json(done: Sequence[Cleaned]) -> dict[str, Json]:
    """What became of each."""
    return {
        "removed": [
            {**_stone(one.stone), "reason": one.reason} for one in done if one.stone is not None
        ],
        "kept": [
            {**_place(one.record.orphan.place), "reason": one.reason, "busy": one.busy}
            for one in done
            if one.stone is None
        ],
    }


def history_json(stones: Sequence[Tombstone]) -> dict[str, Json]:
    """All that was removed or renamed."""
    return {"removed": [_stone(one) for one in stones]}


def _place(place: Spot) -> dict[str, Json]:
    return {"orphan": str(place), "destination": place.holder, **path_json(b"/" + place.text)}


def _orphan(one: Standing) -> dict[str, Json]:
    record: OrphanRecord = one.looked.record
    return {
        **_place(record.orphan.place),
        "leg": record.orphan.leg,
        "source": record.orphan.live.holder,
        **path_json(b"/" + record.orphan.live.text, "source_path"),
        "kind": "set-aside" if record.orphan.is_set_aside else "copy",
        "why": record.orphan.why,
        "since": record.since.isoformat(),
        "files": one.looked.files,
        "bytes": one.looked.size,
        "error": one.looked.why_not or None,
        "carried": [_carrier(carrier) for carrier in one.carriers],
        "not_carried": one.uncarried or None,
        "renewed": one.renewed,
    }


def _carrier(one: Carrier) -> dict[str, Json]:
    return {
        "destination": one.place.holder,
        **path_json(b"/" + b"/".join(one.place.names)),
        "leg": one.leg,
        "last_success": one.success.isoformat() if one.success is not None else None,
    }


def _stone(one: Tombstone) -> dict[str, Json]:
    return {
        **_place(one.place),
        "removed": one.removed.isoformat(),
        "since": one.since.isoformat(),
        "why": one.why,
        "renamed_to": one.renamed or None,
        "files": one.files,
        "bytes": one.bytes,
    }
