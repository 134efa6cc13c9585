"""A first manifest as text: what was seen of a machine, what follows, and what was guessed. Pure.

Whatever was seen, the text is a manifest that checks clean. What this version cannot do yet stands
in comments, so that nothing looks kept that is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.draft.data import Data, TreeDrafted, choose_data
from engine.draft.items import ItemsDrafted
from engine.draft.observation import Machine
from engine.draft.targets import Target, Targets, choose_targets
from engine.draft.told import database_lines, job_lines, left_out_lines
from engine.draft.words import (
    GUESS,
    comment,
    heading,
    ignore_key,
    item_key,
    quoted,
    route_key,
    scalar,
)
from engine.schedule.calendars import dst_faults
from policy.calendar import parse_calendar
from policy.parts import DEFAULT_PRESERVE, Attribute

_HOURS = (4, 5, 6, 12, 22, 14, 10)
"""When a night's first leg may start, the best first: some zones have their clock change then."""
_CLOSED = "D700,F600"
"""Modes that only the owner can read by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The text, and in short what it has in it."""

    text: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    left_out: tuple[str, ...]
    guesses: int
    """How many of its lines say that they are guesses."""


def draft(machine: Machine) -> Draft:
    """Write the first manifest of a machine."""
    targets = choose_targets(machine)
    data = choose_data(machine, targets)
    left_out = (*targets.left_out, *data.left_out, *machine.not_seen)
    lines = [
        *_head(machine),
        *_destinations(targets),
        *_sources(data),
        *_legs(machine, data, targets),
        *_routes(data, targets.first),
        *_rest(data, targets),
        *database_lines(machine),
        *job_lines(machine),
        *left_out_lines(left_out),
    ]
    text = "\n".join(lines) + "\n"
    both = [targets.first, *([targets.second] if targets.second else [])]
    return Draft(
        text=text,
        sources=tuple(sorted(_names(data))),
        destinations=tuple(one.name for one in both),
        left_out=left_out,
        guesses=text.count(GUESS),
    )


def _names(data: Data) -> Iterator[str]:
    yield from (one.name for one in data.trees)
    yield from (one.name for one in data.items)
    if data.files:
        yield "system"


def _head(machine: Machine) -> Iterator[str]:
    yield from comment(
        "A first manifest, drafted by policyctl init. Nothing has been changed or copied yet."
    )
    yield from comment(
        "What stands behind GUESS was taken for granted, or could not be known: read "
        "it, mend it, then take the word out. Read what the end of this file lists as well."
    )
    yield from comment("Then: policyctl check, policyctl plan, policyctl apply.")
    yield "version: 1"
    if machine.host is None:
        yield from comment(f"{GUESS}the machine whose timers run the legs; `hostname` prints it.")
    yield f"host: {quoted(machine.host or 'myhost')}"
    if _zone(machine) != machine.timezone:
        yield from comment(f"{GUESS}nothing said in which time zone this machine is.")
    yield f"timezone: {_zone(machine)}"


def _zone(machine: Machine) -> str:
    try:
        ZoneInfo(machine.timezone or "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
    return machine.timezone or "UTC"


# ── Destinations ─────────────────────────────────────────────────────────────────────────────


def _destinations(targets: Targets) -> Iterator[str]:
    yield from heading("Where copies live")
    yield "destinations:"
    yield from _destination(targets.first, alone=True)
    if targets.second is not None:
        yield from _destination(targets.second, alone=False)


def _destination(target: Target, *, alone: bool) -> Iterator[str]:
    """Write one; `alone`: no other one holds a copy of what opens it."""
    for one in target.why:
        yield from comment(one, "  ")
    yield f"  {target.name}:"
    if target.account:
        yield f"    ssh: {quoted(target.account)}"
    if target.port is not None:
        yield f"    port: {target.port}"
    yield f"    path: {scalar(target.path)}"
    if target.is_local:
        yield "    mount: required             # refuse to write while it is not mounted"
    yield f"    media: {target.media}"
    yield "    site: here"
    if target.cannot_keep:
        kept = ", ".join(one.value for one in target.cannot_keep)
        yield f"    cannot_keep: [{kept}]"
    if target.key:
        yield f"    key: {scalar(target.key)}"
    if target.key and alone:
        yield from comment(
            f"{GUESS}should this machine be lost, the key is lost with it: say where another is.",
            "    ",
        )
        kept_at = quoted(f"{GUESS}nowhere yet; put a second key into a safe, and write here which")
        yield f"    needs: [{{path: {quoted(target.key)}, kept: {kept_at}}}]"


# ── Sources ──────────────────────────────────────────────────────────────────────────────────


def _sources(data: Data) -> Iterator[str]:
    yield from heading("What is to be kept")
    yield "sources:"
    for tree in data.trees:
        yield from _tree(tree)
    if data.files:
        yield from comment("Files of the system, with secrets among them.", "  ")
        yield "  system:"
        yield "    kind: files"
        yield f"    paths: [{', '.join(data.files)}]"
        yield "    site: here"
    for items in data.items:
        yield from _items(items)


def _tree(tree: TreeDrafted) -> Iterator[str]:
    for one in tree.why:
        yield from comment(one, "  ")
    yield f"  {tree.name}:"
    yield "    kind: tree"
    yield f"    path: {scalar(tree.path)}"
    yield "    site: here"
    if tree.secret:
        yield "    secret: true"


def _items(items: ItemsDrafted) -> Iterator[str]:
    for one in items.why:
        yield from comment(one, "  ")
    yield f"  {items.name}:"
    for key, value in items.settings:
        yield f"    {key}: {value if key == 'kind' else scalar(value)}"
    yield "    site: here"


# ── Legs and routes ──────────────────────────────────────────────────────────────────────────


def _legs(machine: Machine, data: Data, targets: Targets) -> Iterator[str]:
    hour = _quiet_hour(_zone(machine))
    first, second = targets.first, targets.second
    yield from heading("How bytes move: one leg is one hop, on one schedule")
    yield from comment(
        f"{GUESS}all times, limits and retentions. A first pass has no limit (`seed`)."
    )
    yield "legs:"
    made = []
    if data.trees:
        made.append(f"files-to-{first.name}")
        yield f"  {made[-1]}:"
        yield "    kind: mirror"
        yield f'    to: "{first.name}:/{{source}}"'
        yield from _when(f"{hour:02}:30", "4h")
        yield from _kept(first)
        if data.secret_trees:
            yield from _closed(first)
    if data.files:
        made.append(f"system-to-{first.name}")
        yield f"  {made[-1]}:"
        yield "    kind: mirror"
        yield "    from: system"
        yield f'    to: "{first.name}:/system"'
        yield from _when(f"{hour:02}:30", "1h")
        yield from _kept(first)
        yield from _closed(first)
    for items in data.items:
        made.append(f"{items.name}-files")
        yield from _item_legs(items, first, hour)
    if second is not None:
        yield f"  {first.name}-to-{second.name}:"
        yield "    kind: mirror"
        yield f"    from: {first.name}               # all that legs have written there"
        yield f'    to: "{second.name}:/{first.name}"'
        yield from _when(f"{hour + 1:02}:00", "5h")
        yield f"    after: [{', '.join(made)}]"
        yield from _kept(second, also=first)
        if data.files or data.secret_trees:
            yield from _closed(second)


def _item_legs(items: ItemsDrafted, first: Target, hour: int) -> Iterator[str]:
    yield f"  {items.name}-snapshots:"
    yield "    kind: snapshot"
    yield from _when(f"{hour:02}:00", "15m")
    yield "    keep: {within: 3d}"
    yield f"  {items.name}-files:"
    yield "    kind: versions"
    yield f"    from: {items.name}-snapshots"
    yield f'    to: "{first.name}:/{items.name}"'
    yield from _when(f"{hour:02}:30", "90m")
    yield f"    after: [{items.name}-snapshots]"
    yield "    keep: {daily: 7, weekly: 4}"
    yield from _kept(first)


def _when(time: str, limit: str) -> Iterator[str]:
    yield f'    schedule: "{time}"'
    yield f"    timeout: {limit}"


def _kept(target: Target, *, also: Target | None = None) -> Iterator[str]:
    """What is not lost there, or was lost at the hop before, is preserved."""
    lost = {*target.cannot_keep, *(also.cannot_keep if also is not None else ())}
    if lost.intersection(DEFAULT_PRESERVE):
        kept = ", ".join(one.value for one in DEFAULT_PRESERVE if one not in lost)
        yield f"    preserve: [{kept}]"


def _closed(target: Target) -> Iterator[str]:
    if Attribute.PERMS in target.cannot_keep:
        yield f"    chmod: {_CLOSED}            # closed, where modes cannot be kept"


def _quiet_hour(zone: str) -> int:
    """The first hour in which no day of the zone lacks, or repeats, one of the times."""
    for hour in _HOURS:
        times = [f"{hour:02}:00", f"{hour:02}:30", f"{hour + 1:02}:00"]
        if not dst_faults([parse_calendar(one) for one in times], zone=ZoneInfo(zone)):
            return hour
    return _HOURS[0]


def _routes(data: Data, first: Target) -> Iterator[str]:
    if not data.trees and not data.items:
        return
    yield from heading("Routes: the most specific line decides")
    yield "routes:"
    for tree in data.trees:
        yield f"  {route_key(tree.path)}: files-to-{first.name}"
        for path, reason in tree.left:
            yield f"  {route_key(path)}: {{none: {quoted(reason)}}}"
    for items in data.items:
        yield f"  {quoted(items.name + ':')}: {items.name}-snapshots"
        for item, reason in items.left:
            yield f"  {item_key(items.name, item)}: {{none: {quoted(reason)}}}"


def _rest(data: Data, targets: Targets) -> Iterator[str]:
    yield from heading("Never worth a copy, and what the copies must amount to")
    yield "ignore:"
    yield '  ".cache/": "programs rebuild it"'
    for path, reason in data.files_left:
        yield f"  {ignore_key(path)}: {{reason: {quoted(reason)}, only: [system]}}"
    copies = 3 if targets.second is not None else 2
    yield from comment(
        f"{GUESS}what is wanted. The live data count as one copy. `check` proves it."
    )
    yield "objectives:"
    yield f"  default: {{copies: {copies}, media: 2, rpo: 48h}}"
