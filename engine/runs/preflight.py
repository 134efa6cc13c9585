"""Preflight: a pure judgement over an observation, made before anything is touched.

Each guard is one row of a table: what was looked at, and what was found. A row that refuses stops
its feed; a row about the whole leg stops all of them. Nothing is waived below `--root`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.plan.left_plan import NAME as LEFT
from engine.plan.model import LegPlan
from engine.reach.targets import Presence
from engine.records.reports import Finding, Verdict
from engine.runs.deletions import much_smaller
from engine.runs.observation import (
    FeedSeen,
    FilterState,
    Observation,
    SourceSeen,
    TargetSeen,
    Waiver,
)
from policy.values import display

if TYPE_CHECKING:
    from engine.dumps.servers import ServerSeen
    from engine.items.items import Inventory

RSYNC_NEEDED = (3, 2, 0)
_SHOWN = 5
"""So many names that meet are told in one row."""
LEAST_FREE = 64 * 2**20
"""Bytes that must be free at a destination for a run to begin."""


def preflight_kind(leg_plan: LegPlan) -> tuple[Finding, ...]:
    """Say whether such a leg is run on this host at all, before looking any further."""
    if leg_plan.leg.runner is not None:
        where = leg_plan.leg.runner.namespace
        found = f"{leg_plan.name} runs in the cluster ({where}), never on this host"
        return (_refuse(None, "runner", found),)
    return ()


def preflight(leg_plan: LegPlan, observation: Observation) -> tuple[Finding, ...]:
    """Judge an observation: the whole table, refusals included."""
    return (
        *preflight_kind(leg_plan),
        *_host(observation),
        _rsync("rsync here", None, observation.rsync),
        *(row for one in observation.inventories for row in _items(leg_plan, observation, one)),
        *(row for seen in observation.feeds for row in _feed(seen, observation.waived)),
    )


def _items(leg_plan: LegPlan, observation: Observation, found: Inventory) -> Iterator[Finding]:
    from engine.runs.preflight_items import inventory_rows, item_row

    smaller = Waiver.SMALLER_SOURCE in observation.waived
    yield from inventory_rows(leg_plan, found, smaller_allowed=smaller)
    read = {seen.item.name for seen in observation.feeds if seen.item is not None}
    yield from (item_row(item, found) for item in found.items if item.name in read)


def preflight_target(seen: TargetSeen) -> tuple[Finding, ...]:
    """Judge a place at a destination by itself; its room is of no matter where things only go."""
    rows = _target(seen.target.holder, seen)
    return tuple(row for row in rows if not row.looked_at.endswith(": room"))


def refusals(findings: tuple[Finding, ...], feed: str | None) -> tuple[Finding, ...]:
    """The rows that stop this feed, or with None the whole leg."""
    return tuple(
        row for row in findings if row.verdict is Verdict.REFUSED and row.feed in {feed, None}
    )


def _host(observation: Observation) -> Iterator[Finding]:
    if observation.host is None:
        return
    here = observation.host
    same = observation.plan_host in {here, here.partition(".")[0]}
    if same or observation.plan_host.partition(".")[0] == here:
        yield _fine(None, "host", here)
    else:
        found = f"this is {here}, and the policy is for {observation.plan_host}"
        yield _refuse(None, "host", found)


def _rsync(what: str, feed: str | None, version: tuple[int, int, int] | None) -> Finding:
    if version is None:
        return _refuse(feed, what, "no rsync that tells its version: install rsync 3.2 or later")
    text = ".".join(str(number) for number in version)
    if version < RSYNC_NEEDED:
        return _refuse(feed, what, f"version {text}: 3.2 or later is needed")
    return _fine(feed, what, f"version {text}")


def _feed(seen: FeedSeen, waived: frozenset[Waiver]) -> Iterator[Finding]:
    if seen.dumped is not None:
        yield from _server(seen.feed, seen.dumped.server)
    elif seen.item is None and seen.device is None:
        yield from _source(seen.feed, seen.source, waived)
        yield from _filter(seen)
    elif seen.item is not None:
        from engine.runs.preflight_items import into_itself_rows

        yield from into_itself_rows(seen)
    for program in seen.lacks:
        yield _refuse(seen.feed, f"program {program}", f"it is not installed: install {program}")
    yield from _target(seen.feed, seen.target)
    yield from _loops(seen)
    yield from _landing(seen, waived)
    yield from _names(seen, waived)


def _names(seen: FeedSeen, waived: frozenset[Waiver]) -> Iterator[Finding]:
    """What the source tells apart and the destination does not."""
    if not seen.meeting:
        return
    what = f"names at {seen.target.target}"
    shown = "; ".join(" and ".join(map(display, group)) for group in seen.meeting[:_SHOWN])
    more = " and more" if len(seen.meeting) > _SHOWN else ""
    found = f"{shown}{more} are one there, by case or Unicode form: one overwrites the other"
    if Waiver.ONE_NAME in waived:
        yield _note(seen.feed, what, f"{found}: allowed for this run")
        return
    hint = f"if one of them will do, run it with --allow {Waiver.ONE_NAME.value}"
    yield _refuse(seen.feed, what, f"{found}; rename them, or `ignore` all but one; {hint}")


def _landing(seen: FeedSeen, waived: frozenset[Waiver]) -> Iterator[Finding]:
    """Another disk below the copies has other files under the names that this leg owns."""
    before, now = seen.previous_landing, seen.landing
    if before is None or Waiver.OTHER_FILE_SYSTEM in waived:
        return
    hint = f"if that is right, run it once with --allow {Waiver.OTHER_FILE_SYSTEM.value}"
    for path in sorted({one.path for one in {*before} ^ {*now}}):
        was, there = (
            next((one.file_system for one in table if one.path == path), "nothing")
            for table in (before, now)
        )
        place = display(b"/".join((seen.target.target.path.rstrip(b"/"), path)))
        found = f"{there} is mounted at {place}, and {was} at the last success"
        danger = "what lies there may not be this leg's to overwrite or delete"
        yield _refuse(seen.feed, f"mounts below {seen.target.target}", f"{found}: {danger}; {hint}")


def _loops(seen: FeedSeen) -> Iterator[Finding]:
    """One directory by two ways: no path in the manifest shows what a bind mount does."""
    what = f"destination {seen.target.target.holder}"
    hint = "unmount what lies at the wrong place, or choose another path for the copies"
    for path in seen.swallowed:
        found = f"{display(path)} lies in {seen.target.target}, by a mount or symlink"
        danger = "it would be overwritten, and deleted as if it were an old copy"
        yield _refuse(seen.feed, what, f"{found}: {danger}; {hint}")
    if seen.into_itself and not seen.swallowed:
        found = f"{seen.target.target} lies in {display(seen.source.path)}, by a mount or symlink"
        yield _refuse(seen.feed, what, f"{found}: it would be copied into itself; {hint}")


# ── The source ───────────────────────────────────────────────────────────────────────────────


def _source(feed: str, source: SourceSeen, waived: frozenset[Waiver]) -> Iterator[Finding]:
    what = f"source {display(source.path)}"
    if source.presence is not Presence.DIRECTORY:
        yield _refuse(feed, what, f"there is {source.presence.value} (is it mounted?)")
        return
    if source.holder:
        yield _identity(feed, what, source.recorded, source.found, name=source.holder)
    if source.missing:
        names = ", ".join(display(path) for path in source.missing)
        hint = "its copy would be deleted; mount it, or take it out of `paths`"
        yield _refuse(feed, what, f"{names} is listed and not there: {hint}")
    if not source.entries:
        hint = "an empty source is never mirrored; if it is to stay empty, route it to `none`"
        yield _refuse(feed, what, f"nothing that this leg takes is in it: is it mounted? ({hint})")
        return
    count = f"{source.entries:,}" if source.counted_all else f"more than {source.entries:,}"
    yield _size(feed, what, source, count, waived)
    yield _source_file_system(feed, what, source, waived)
    missing = sorted(set(source.previous_mounts) - set(source.mounts))
    if missing and Waiver.OTHER_FILE_SYSTEM not in waived:
        names = ", ".join(display(name) for name in missing)
        hint = f"if that is right, run it once with --allow {Waiver.OTHER_FILE_SYSTEM.value}"
        found = f"{names} was mounted at the last success and is not now; {hint}"
        yield _refuse(feed, f"mounts below {display(source.path)}", found)


def _size(
    feed: str, what: str, source: SourceSeen, count: str, waived: frozenset[Waiver]
) -> Finding:
    before = source.previous_entries
    if not (source.counted_all and much_smaller(before, source.entries)):
        return _fine(feed, what, f"{count} entries")
    found = f"{count} entries, and {before:,} at the last success"
    if Waiver.SMALLER_SOURCE in waived:
        return _note(feed, what, found + ": allowed for this run")
    hint = f"if that is right, run it once with --allow {Waiver.SMALLER_SOURCE.value}"
    return _refuse(feed, what, f"{found}; {hint}")


def _source_file_system(
    feed: str, what: str, source: SourceSeen, waived: frozenset[Waiver]
) -> Finding:
    what += ": file system"
    if source.previous_file_system in {None, source.file_system}:
        return _fine(feed, what, source.file_system)
    found = f"{source.file_system}, and {source.previous_file_system} at the last success"
    if Waiver.OTHER_FILE_SYSTEM in waived:
        return _note(feed, what, found + ": allowed for this run")
    hint = f"if that is right, run it once with --allow {Waiver.OTHER_FILE_SYSTEM.value}"
    return _refuse(feed, what, f"{found}; {hint}")


def _server(feed: str, server: ServerSeen) -> Iterator[Finding]:
    what = f"source {feed}"
    if server.problem:
        yield _refuse(feed, what, f"it cannot be dumped: {server.problem}")
        return
    found = f"{server.server}, dumped by {server.client}"
    if server.older:
        danger = "it may leave out what it does not know: install one that is as new"
        yield _refuse(feed, what, f"{found}, which is older: {danger}")
        return
    yield _fine(feed, what, found)
    for remark in server.remarks:
        yield _note(feed, what, remark)


def _filter(seen: FeedSeen) -> Iterator[Finding]:
    what = f"filter file {display(seen.filter_path)}"
    match seen.filter_state:
        case FilterState.NONE:
            return
        case FilterState.SAME:
            yield _fine(seen.feed, what, "as applied")
        case FilterState.MISSING:
            yield _refuse(seen.feed, what, "it is missing: run `policyctl apply`")
        case FilterState.CHANGED:
            found = (
                "the filter file is not as applied: it was changed by hand, or an apply was cut "
                "off; `policyctl plan` shows it, `policyctl apply` puts it right, and takes "
                f"`--overwrite {display(seen.filter_path)}` where it was changed by hand"
            )
            yield _refuse(seen.feed, what, found)


# ── The destination ──────────────────────────────────────────────────────────────────────────


def _target(feed: str, seen: TargetSeen) -> Iterator[Finding]:
    what = f"destination {seen.target.holder}"
    if seen.unreachable:
        yield _refuse(feed, what, f"it does not answer: {seen.unreachable}")
        return
    if seen.root is Presence.UNKNOWN:
        yield _note(feed, what, f"its root {display(seen.target.root)} is {seen.root.value}")
    elif seen.root is not Presence.DIRECTORY:
        found = f"at {display(seen.target.root)} there is {seen.root.value}: is it mounted?"
        yield _refuse(feed, what, found)
        return
    if seen.astray:
        found = f"{display(seen.astray)} is a symlink: the copies would land somewhere else"
        yield _refuse(feed, what, found)
    if seen.twins:
        found = f"its root is the same directory as that of {', '.join(seen.twins)}"
        yield _refuse(feed, what, f"{found}: their legs would delete each other's copies")
    if seen.identity_needed:
        yield _identity(feed, what, seen.recorded, seen.found, name=seen.target.holder)
    else:
        yield _identity_there(feed, what, seen)
    yield _room(feed, what, seen)
    if seen.target.ssh is not None:
        yield _remote_rsync(feed, what, seen)


def _identity(
    feed: str, what: str, recorded: str | None, found: str | None, *, name: str
) -> Finding:
    what += ": identity"
    problem = identity_problem(recorded, found, name=name)
    return _refuse(feed, what, problem) if problem else _fine(feed, what, recorded or "")


def _identity_there(feed: str, what: str, seen: TargetSeen) -> Finding:
    """On another machine the file tells it that each success leaves at the root."""
    what += ": identity"
    if not seen.another:
        return _note(feed, what, "none is recorded for this kind of place")
    return _refuse(
        feed,
        what,
        f"{display(LEFT)} is not at its root, where the last success has left it: is its disk "
        f"mounted there? If it was replaced on purpose: `policyctl apply --new-disk "
        f"{seen.target.holder}`",
    )


def identity_problem(recorded: str | None, found: str | None, *, name: str) -> str:
    """Say why a file system is not the one that is meant; empty where it is."""
    if recorded is None:
        return "none was recorded: run `policyctl apply` while the right file system is mounted"
    if found != recorded:
        return (
            f"{found or 'none'}, and {recorded} was recorded: is it mounted? If the disk was "
            f"replaced on purpose: `policyctl apply --new-disk {name}`"
        )
    return ""


def lacks_room(free: int, total: int) -> bool:
    """Whether a place is so full that no run should begin; bytes."""
    return free < min(LEAST_FREE, total // 100)


def _room(feed: str, what: str, seen: TargetSeen) -> Finding:
    what += ": room"
    if seen.free is None or not seen.total:
        return _note(feed, what, "unknown")
    used = 1 - seen.free / seen.total
    found = f"{seen.free / 2**30:,.1f} GiB free, {used:.0%} used"
    if lacks_room(seen.free, seen.total):
        hint = "free some; what unfinished runs left lies there in folders `.policyctl-partial`"
        return _refuse(feed, what, f"{found}: too full to begin; {hint}")
    if seen.max_used is not None and used > seen.max_used.fraction:
        return _note(feed, what, f"{found}, above its limit of {seen.max_used}")
    return _fine(feed, what, found)


def _remote_rsync(feed: str, what: str, seen: TargetSeen) -> Finding:
    what += ": rsync there"
    if seen.rsync is None and not seen.commands:
        return _note(feed, what, "its version is unknown: the other side runs nothing but rsync")
    found = _rsync(what, feed, seen.rsync)
    if seen.rsync is None:
        return replace(found, found=f"{found.found}, in the PATH of commands that come over ssh")
    return found


def _fine(feed: str | None, looked_at: str, found: str) -> Finding:
    return Finding(feed=feed, looked_at=looked_at, found=found)


def _note(feed: str | None, looked_at: str, found: str) -> Finding:
    return Finding(feed=feed, looked_at=looked_at, found=found, verdict=Verdict.NOTED)


def _refuse(feed: str | None, looked_at: str, found: str) -> Finding:
    return Finding(feed=feed, looked_at=looked_at, found=found, verdict=Verdict.REFUSED)
