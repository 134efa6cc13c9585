"""A run in a pod: it begins with the records beside its product, and leaves them there anew.

Its state is gone with the pod. What keeps two runs apart on a host, the lock in the state, is
another one in each pod. So the directory itself has a lock: a job that somebody starts by hand is
no part of `Forbid`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from engine.cluster.needs import exported
from engine.generations.claims import Entry, Kind, Place, open_to_others, why_not
from engine.generations.names import Standing, name_of
from engine.plan.model import LegPlan, Location, Plan, tree_root
from engine.records.reports import RunReport, RunStatus
from engine.rsync.filters import render_rules
from engine.system.host.file_systems import identity_of, read_mounts
from engine.system.host.files import write_atomically
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.state.records import LastSeen, Stream, new_run_id
from engine.system.state.state import ADOPTED, State, open_state, stream_of
from engine.system.state.status_file import (
    MOST_RUNS,
    NAME,
    Kept,
    LeftStatus,
    Seen,
    StatusUnreadable,
    leave_status,
    read_status,
)
from policy.legs import CopyingLeg
from policy.sources import TreeSource
from policy.values import display

LOCK = ".policyctl-lock"
"""In the directory that a leg writes; no leg takes such a name."""


def run_in_cluster(
    plan: Plan,
    leg: LegPlan,
    places: Places,
    run: Callable[[], RunReport],
    *,
    clock: Callable[[], datetime],
) -> RunReport:
    """Run a leg with the records that lie beside its product. Raises what `run` raises.

    With records that are there and cannot be used it is refused: each guard would be off.
    """
    place = next(one.writes for one in leg.feeds if one.writes is not None)
    root = _root_of(plan, place, places)
    folder = b"/".join((root.rstrip(b"/"), *place.names))
    began = clock()
    with ExitStack() as stack:
        try:
            _lay_rules(leg, places)
            if os.path.isdir(folder):  # noqa: PTH112 - bytes
                stack.enter_context(hold(Path(os.fsdecode(folder), LOCK)))
                if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
                _begin_with(plan, leg, place, root, places)
        except StatusUnreadable as error:
            # What it keeps, and what a copy is compared with, stands there (law 33).
            said = (
                f"what earlier runs have left beside the product cannot be used: {error}; to begin "
                f"anew without it, move {display(NAME)} out of {display(folder)}"
            )
            return _not_begun(leg, RunStatus.REFUSED, said, began, clock())
        except Locked as locked:
            said = f"another job of the leg goes on: {locked}"
            return _not_begun(leg, RunStatus.LOCKED, said, began, clock())
        except OSError as error:
            said = _unusable(plan, place, folder, error)
            return _not_begun(leg, RunStatus.FAILED, said, began, clock())
        report = run()
        return _left(plan, leg, folder, report, places)


def _not_begun(
    leg: LegPlan, status: RunStatus, reason: str, began: datetime, now: datetime
) -> RunReport:
    return RunReport(
        leg=leg.name,
        run_id=new_run_id(began),
        started=began,
        ended=now,
        status=status,
        reason=reason,
    )


def _unusable(plan: Plan, place: Location, folder: bytes, error: OSError) -> str:
    """What is wrong with it, and what puts it right on the server that has it."""
    at = error.filename if error.filename is not None else folder
    said = f"its directory cannot be used: {display(os.fsencode(at))}: {error.strerror or error}"
    try:
        status = os.stat(folder)  # noqa: PTH116 - bytes
    except OSError:
        return said
    user, tree = os.geteuid(), plan.source(place.holder)
    if not isinstance(error, PermissionError) or not isinstance(tree, TreeSource):
        return said
    said += (
        f". The job runs as uid {user}, and the directory is that of uid {status.st_uid} (mode "
        f"{stat.S_IMODE(status.st_mode):04o})"
    )
    if tree.export is None:
        return said
    mount = exported(tree, place.names, read_only=False)
    return f"{said}; type on {mount.server}: {mount.made_for(user)}"


def _root_of(plan: Plan, place: Location, places: Places) -> bytes:
    source = plan.source(place.holder)
    root = tree_root(source) if source is not None else None
    assert root is not None, "jobs write into trees"
    return places.below_root(root)


# ── What it begins with ──────────────────────────────────────────────────────────────────────


def _lay_rules(leg: LegPlan, places: Places) -> None:
    """The rules of rsync, which `apply` writes on a host; here the plan is all that there is."""
    for feed in leg.feeds:
        if feed.selection is not None and isinstance(leg.leg, CopyingLeg):
            path = places.filter_file(leg.name, feed.reads)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(path, render_rules(feed.selection), 0o600)


def _begin_with(
    plan: Plan,
    leg: LegPlan,
    place: Location,
    root: bytes,
    places: Places,
) -> None:
    left = read_status(root, place.names, leg.name, leg.leg.was)
    with open_state(places.state_file) as state:
        for one in reversed(left.runs if left is not None else ()):
            state.finish(one)
        folder = b"/".join((root.rstrip(b"/"), *place.names))
        known = left.generations if left is not None else {}
        stream = _stream(plan, leg, state)
        names = _take_over(stream, folder, known, state)
        if left is not None and left.seen is not None:
            seen = _compared_with(plan, leg, left.seen, places)
            state.record_pass(stream, f"{ADOPTED}job", names, seen)


def _stream(plan: Plan, leg: LegPlan, state: State) -> Stream:
    feed = next(one for one in leg.feeds if one.writes is not None)
    return stream_of(plan, leg, feed, state)


def _compared_with(plan: Plan, leg: LegPlan, left: Seen, places: Places) -> LastSeen:
    """What the source was like.

    Which claim is mounted is the cluster's to know, and by which device may be new each time.
    """
    source = plan.source(leg.feeds[0].reads)
    root = tree_root(source) if source is not None else None
    mounts = read_mounts()
    return LastSeen(
        rules=left.rules,
        entries=left.entries,
        file_system=identity_of(places.below_root(root), mounts) if root is not None else "none",
        mounts=(),
        size=left.size,
    )


def _take_over(
    stream: Stream, folder: bytes, known: Mapping[bytes, Standing], state: State
) -> list[bytes]:
    """What is recorded there is the leg's; and what nobody else can have put there.

    A job may end between the name of a generation and the record of it.
    """
    status = os.stat(folder)  # noqa: PTH116 - bytes
    mode = stat.S_IMODE(status.st_mode)
    place = Place(owner=status.st_uid, mode=mode, device=status.st_dev)
    closed, user = open_to_others(place, os.geteuid()), os.geteuid()
    names = []
    for one in _entries(folder):
        unclear = closed or why_not(one, place, {user})
        if one.kind is Kind.DIRECTORY and (one.name in known or not unclear):
            state.generations.note(stream, one.name, known.get(one.name, Standing.COMPLETE))
            names.append(one.name)
    state.claim(stream, f"{ADOPTED}job", names)
    return names


def _entries(folder: bytes) -> Iterator[Entry]:
    with os.scandir(folder) as entries:
        for one in entries:
            status = one.stat(follow_symlinks=False)
            kind = Kind.DIRECTORY if stat.S_ISDIR(status.st_mode) else Kind.OTHER
            if stat.S_ISLNK(status.st_mode):
                kind = Kind.LINK
            yield Entry(name=one.name, kind=kind, owner=status.st_uid, device=status.st_dev)


# ── What it leaves ───────────────────────────────────────────────────────────────────────────


def _left(plan: Plan, leg: LegPlan, folder: bytes, report: RunReport, places: Places) -> RunReport:
    """Leave its records; that they could not be is a failure to tell (law 6)."""
    if not os.path.isdir(folder):  # noqa: PTH112 - bytes
        return report
    try:
        with open_state(places.state_file) as state:
            leave_status(_records(plan, leg, folder, state), folder)
    except OSError as error:
        said = f"its records could not be left beside the product: {error.strerror or error}"
        return replace(report, untold="; ".join(filter(None, (report.untold, said))))
    return report


def _records(plan: Plan, leg: LegPlan, folder: bytes, state: State) -> LeftStatus:
    """The newest runs, and the last success however long ago."""
    runs = [one for one in state.unlocked(leg.name, most=MOST_RUNS) if one.ended is not None]
    success = state.last_success(leg.name)
    if success is not None and success.run_id not in {one.run_id for one in runs}:
        runs = [*runs[: MOST_RUNS - 1], success]
    there = [one.name for one in _entries(folder) if one.kind is Kind.DIRECTORY]
    stream = _stream(plan, leg, state)
    kept, seen = state.generations.among(stream, there), state.last_seen(stream)
    return LeftStatus(
        leg=leg.name,
        runs=tuple(replace(one, items=state.items(one.run_id)) for one in runs),
        kept=tuple(Kept(name=name_of(one.moment).decode(), standing=one.standing) for one in kept),
        seen=Seen(rules=seen.rules, entries=seen.entries, size=seen.size) if seen else None,
    )
