"""Looking for one copy at its place, and when the records say that it was made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from engine.generations.names import moment_of
from engine.plan.model import Feed, Plan
from engine.promises.chains import Copy
from engine.reach.ssh_command import key_hint, ssh_command
from engine.standing.copy_standing import CopyLook, There, as_of_along, feeds_along, of_products
from engine.standing.facts import Ran
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.state.state import State
from engine.system.telling.facts import item_successes
from engine.system.telling.left_records import records_of
from policy.destinations import Destination
from policy.parts import SshTarget

_PATIENCE = 60.0
_NO_SHARED_CONNECTION = b"none"
_LIST = b'LC_ALL=C exec ls -d -- "$1"'
_HOLDERS = (
    b'[ -d "$1" ] || exit 0; cd "$1" && for g in [0-9]*Z; do '
    b'if [ -e "./$g/$2" ] || [ -L "./$g/$2" ]; then printf "%s\\n" "$g"; fi; done'
)
"""$1 is a folder of generations, $2 a path in them: names of those that hold it."""
_MISSING = (b"No such file", b"Not a directory")


def look_for(destination: Destination, copy: Copy, places: Places, *, far: bool) -> CopyLook:
    """Look where a copy should lie; on another machine only where `far` is set."""
    root = places.destination_root(destination)
    at = len(copy.location.names) if copy.dated is None else copy.dated
    path, rest = _joined((root.rstrip(b"/"), *copy.location.names[:at])), copy.location.names[at:]
    if destination.ssh is not None and places.reaches_over_ssh(destination):
        if not far:
            return CopyLook(there=There.NOT_LOOKED)
        if copy.dated is not None:
            return _generations_far(destination.ssh, path, _joined(rest))
        return _look_far(destination.ssh, path)
    if copy.dated is not None:
        return _generations_here(root, path, rest)
    return _look_here(root, path)


def _joined(names: tuple[bytes, ...]) -> bytes:
    return b"/".join(names) or b"/"


def _look_here(root: bytes, path: bytes) -> CopyLook:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        missing = There.NO if os.path.lexists(root) else There.AWAY
        return CopyLook(there=missing)
    except OSError as error:
        return CopyLook(there=There.UNKNOWN, why=error.strerror or str(error))
    return CopyLook(there=There.YES)


def _generations_here(root: bytes, folder: bytes, rest: tuple[bytes, ...]) -> CopyLook:
    """Which of the generations in a folder hold a path."""
    try:
        names = [name for name in os.listdir(folder) if moment_of(name) is not None]  # noqa: PTH208 - bytes
    except (FileNotFoundError, NotADirectoryError):
        return CopyLook(there=There.NO if os.path.lexists(root) else There.AWAY)
    except OSError as error:
        return CopyLook(there=There.UNKNOWN, why=error.strerror or str(error))
    found = [one for one in sorted(names) if os.path.lexists(b"/".join((folder, one, *rest)))]
    return CopyLook(there=There.YES if found else There.NO, generations=tuple(found))


def _generations_far(ssh: SshTarget, folder: bytes, rest: bytes) -> CopyLook:
    """The same on another machine."""
    told = _ask(ssh, _HOLDERS, folder, rest)
    if isinstance(told, CopyLook):
        return told
    if told.code == 0:
        names = (name for name in told.stdout.split(b"\n") if moment_of(name) is not None)
        found = tuple(sorted(names))
        return CopyLook(there=There.YES if found else There.NO, generations=found)
    return _no_answer(ssh, told)


def _look_far(ssh: SshTarget, path: bytes) -> CopyLook:
    told = _ask(ssh, _LIST, path)
    if isinstance(told, CopyLook):
        return told
    if told.code == 0:
        return CopyLook(there=There.YES)
    if any(one in told.stderr for one in _MISSING) and told.code not in {127, 255}:
        return CopyLook(there=There.NO)
    return _no_answer(ssh, told)


def _no_answer(ssh: SshTarget, told: Completed) -> CopyLook:
    words = told.last_words or f"it ended with {told.code}"
    return CopyLook(there=There.UNKNOWN, why=words + key_hint(ssh, told.stderr))


def _ask(ssh: SshTarget, script: bytes, *arguments: bytes) -> Completed | CopyLook:
    """Have a script run there; what was seen where it gave no answer."""
    words = (b"sh", b"-c", script, b"sh", *arguments)
    try:
        told = run(Command(argv=ssh_command(ssh, _NO_SHARED_CONNECTION, *words), timeout=_PATIENCE))
    except CommandNotStarted as error:
        return CopyLook(there=There.UNKNOWN, why=str(error))
    return CopyLook(there=There.UNKNOWN, why="no answer in time") if told.timed_out else told


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The newest state that the records know of at one place."""

    as_of: datetime | None
    why_not: str = ""


def made_as_of(applied: Plan, copy: Copy, source: str, state: State | None, places: Places) -> Made:
    """When the live data were as they are in a copy, by the runs of each leg on the way."""
    if state is None:
        return Made(as_of=None, why_not="nothing is known of its runs")
    feeds = feeds_along(applied, copy, source)
    both = zip(copy.via, feeds, strict=True)
    ran = [_successes(applied, leg, feed, state, places) for leg, feed in both]
    for leg, successes in zip(copy.via, ran, strict=True):
        if not successes:
            return Made(as_of=None, why_not=f"{leg} has not succeeded yet")
    as_of = as_of_along(of_products(applied, feeds, ran))
    why = "" if as_of is not None else f"{copy.leg} last ran before what it reads was there"
    return Made(as_of=as_of, why_not=why)


def _successes(
    applied: Plan, leg: str, feed: Feed | None, state: State, places: Places
) -> tuple[Ran, ...]:
    """The newest runs in which one feed succeeded, as that feed, newest first."""
    leg_plan = applied.leg(leg)
    if feed is None or leg_plan is None:
        return ()
    with records_of(applied, leg_plan, state, places) as known:
        return _of_feed(leg, feed, known) if known is not None else ()


def _of_feed(leg: str, feed: Feed, state: State) -> tuple[Ran, ...]:
    found = item_successes(leg, feed.reads, state)
    if found:
        return found
    run = state.last_success(leg)  # of a leg that has items, none of which is called like the feed
    if run is None:
        return ()
    known = [one.data_as_of for one in state.items(run.run_id)]
    moments = [one for one in known if one is not None]
    oldest = min(moments) if moments and len(moments) == len(known) else None
    return (Ran(started=run.started, ended=run.ended, status=run.status, data_as_of=oldest),)
