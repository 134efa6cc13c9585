"""What is known of copies, and a way to look at them where they lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engine.plan.left_plan import LeftPlan
from engine.plan.model import Plan
from engine.promises.chains import Copy
from engine.restore.fetch import Place
from engine.restore.versions import Kind, Version, Whole
from engine.system.host.places import Places
from engine.system.restore.entries import CannotLook, Entry, Looker, NoRoot, looker
from engine.system.state.disk_identity import is_another_disk
from engine.system.state.state import State
from policy.destinations import Destination
from policy.parts import Attribute
from policy.sources import TreeSource
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of copies without looking at them."""

    plan: Plan
    state: State | None
    places: Places
    now: datetime
    why_not: str = ""
    """Why the records say nothing."""
    left: LeftPlan | None = None
    """What lay beside the copies, where only these are looked at…"""
    at: bytes = b""
    """…in this directory."""

    def place_of(self, version: Version) -> Place | None:
        """Where the root of a version lies; None where nothing can lie in it."""
        place, destination = self.place(version.place), self.plan.destination(version.place)
        if place is None or destination is None or version.shadow is None:
            return place
        return self.shown_at(destination, version.shadow)

    def shown_at(self, destination: Destination, path: AbsolutePath) -> Place:
        """Another directory of a destination's machine."""
        ssh = destination.ssh if self.places.reaches_over_ssh(destination) else None
        return Place(root=self.places.destination_root(replace(destination, path=path)), ssh=ssh)

    def place(self, holder: str) -> Place | None:
        """Where a holder lies; None where nothing can lie in it."""
        if self.at:
            return Place(root=self.at, ssh=None)
        destination = self.plan.destination(holder)
        if destination is not None:
            far = self.places.reaches_over_ssh(destination)
            root = self.places.destination_root(destination)
            return Place(root=root, ssh=destination.ssh if far else None)
        source = self.plan.source(holder)
        if isinstance(source, TreeSource):
            return Place(root=self.places.below_root(source.path), ssh=None)
        return None


@contextmanager
def looking(known: Known, holder: str) -> Iterator[Looker]:
    """Whoever looks at the copies in a place. Raises `NoRoot` and `CannotLook`."""
    place = known.place(holder)
    if place is None:
        raise CannotLook(f"{holder} is no place of files")
    destination = known.plan.destination(holder) if not known.at else None
    if destination is not None and is_another_disk(destination, known.places, known.state):
        raise NoRoot
    with looker(place) as look:
        yield look


def version_at(known: Known, copy: Copy, entry: Entry, lost: tuple[Attribute, ...]) -> Version:
    """What lies at a copy's place, before anything is known of when it is of."""
    place = known.place(copy.place)
    return Version(
        copy=copy,
        location=copy.location,
        kind=Kind.NEWEST,
        moment=None,
        whole=Whole.UNKNOWN,
        far=place is not None and place.ssh is not None,
        directory=entry.directory,
        size=entry.size,
        modified=modified_of(entry),
        part=copy.partial and entry.directory,
        database=copy.partial and not entry.directory,
        lost=lost,
    )


def modified_of(entry: Entry) -> datetime | None:
    """A file's own time, as a moment."""
    return datetime.fromtimestamp(entry.modified, UTC) if entry.modified is not None else None
