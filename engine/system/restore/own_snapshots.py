"""States of a path in the snapshots that its place takes itself.

When each was taken is asked of whoever takes them, never read from a file's time (law 17). Of a
snapshot the state is that which the last run before it had left; one that was taken while a run
went on holds something of two states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.plan.model import Location
from engine.restore.fetch import Place
from engine.restore.versions import Kind, Version, Whole
from engine.standing.copy_standing import as_of_along
from engine.standing.facts import Ran
from engine.system.host.places import Places
from engine.system.items.native_snapshots import NotAnswered, ask_snapshots
from engine.system.restore.entries import CannotLook, NoRoot, looker
from policy.destinations import Destination
from policy.snapshots import BTRFS, NativeSnapshots
from policy.values import AbsolutePath, display

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadows:
    """Where the snapshots of a destination are to be found."""

    destination: Destination
    snapshots: NativeSnapshots
    at: AbsolutePath
    top: AbsolutePath

    def inner(self, location: Location) -> tuple[bytes, ...]:
        """Where a place at the destination lies in each."""
        return self.destination.path.joined(location.names).names[len(self.top.names) :]


def shadows_of(destination: Destination | None) -> Shadows | None:
    """Those of a destination; None: there are none, or nobody can reach into them."""
    snapshots = destination.snapshots if destination is not None else None
    if destination is None or snapshots is None or snapshots.at is None or snapshots.top is None:
        return None
    return Shadows(destination=destination, snapshots=snapshots, at=snapshots.at, top=snapshots.top)


def states_in(
    shadows: Shadows,
    base: Version,
    place: Place,
    places: Places,
    hops: Sequence[Sequence[Ran]],
) -> Iterator[Version]:
    """Each state that is there; `base` says what is the same of all. Raises `CannotLook`."""
    taken = _taken(shadows, places)
    names = list(taken)
    inner = shadows.inner(base.copy.location)
    try:
        with looker(place) as look:
            found = look.among([(name, *inner) for name in names])
    except NoRoot:
        raise CannotLook(f"{shadows.at} is not there") from None
    for index, entry in sorted(found.items()):
        name, moment = names[index], None
        ran = [one for one in hops[-1] if one.ended and one.ended <= taken[name]]
        between = any(
            one.started < taken[name] and (not one.ended or taken[name] < one.ended)
            for one in hops[-1]
        )
        if not between:
            moment = as_of_along([*hops[:-1], ran])
        known = "a run went on when it was taken" if between else "no run before it is known"
        yield replace(
            base,
            location=Location(holder=base.place, names=(name, *inner)),
            shadow=shadows.at,
            kind=Kind.SNAPSHOT,
            name=name,
            moment=moment,
            whole=Whole.COMPLETE if moment is not None else Whole.UNKNOWN,
            why="" if moment is not None else known,
            directory=entry.directory,
            size=entry.size,
            modified=None,
            part=base.copy.partial and entry.directory,
            database=base.copy.partial and not entry.directory,
        )


def _taken(shadows: Shadows, places: Places) -> dict[bytes, datetime]:
    """When each was taken that somebody can name, and nobody can write to."""
    declared, destination = shadows.snapshots, shadows.destination
    read, share = declared.read, declared.share.encode()
    if declared.kind == BTRFS:
        own = replace(destination, path=shadows.top)
        share = places.destination_root(own)
    if read is None:
        raise CannotLook(f"nobody asks when they were taken: {declared.unread}")
    far = places.reaches_over_ssh(destination) or (read.ssh is not None and not places.staged)
    try:
        found = ask_snapshots(
            declared.kind,
            share,
            (read.ssh or destination.ssh) if far else None,
            sudo=read.sudo,
            seconds=_PATIENCE,
        ).snapshots
    except NotAnswered as error:
        raise CannotLook(str(error)) from None
    several = Counter(one.name for one in found)
    return {
        one.name: one.taken
        for one in found
        if not one.writable
        and several[one.name] == 1
        and display(one.name) == one.name.decode("utf-8", "replace")
        and (declared.names is None or declared.names.matches(one.name))
    }
