"""The items of a source that copies hold, by what lies there: a volume may be gone for long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.generations.names import moment_of
from engine.plan.model import Location, Plan
from engine.plan.readers import is_itemised
from engine.promises.chains import Copy
from engine.restore.fetch import Place
from engine.system.restore.browse import entries_at
from engine.system.restore.entries import CannotLook
from engine.system.restore.known import Known

Names = tuple[bytes, ...]
ITEMS_DEEP = 4
"""Names that the address of an item has at most."""


@dataclass(slots=True)
class ItemsHeld:
    """What the places of a source hold."""

    items: list[Names] = field(default_factory=list)
    """Addresses, sorted."""
    problems: list[str] = field(default_factory=list)
    """Places that could not be looked at, and why: more may lie there."""


def items_held(known: Known, copies: Sequence[Copy]) -> ItemsHeld:
    """The items of which some copy of a whole source holds a generation."""
    found, seen = ItemsHeld(), set[Names]()
    for copy in copies:
        place = known.place(copy.place)
        if place is None:
            continue
        try:
            seen.update(items_below(copy.location, place))
        except CannotLook as error:
            found.problems.append(f"{copy.place} could not be looked at: {error}")
    found.items = sorted(seen)
    found.problems = list(dict.fromkeys(found.problems))
    return found


def has_items(plan: Plan, source: str, copy: Copy) -> bool:
    """Whether a copy of a source holds a folder for each of its items."""
    first = plan.leg(copy.via[0])
    return first is not None and any(
        is_itemised(plan, first, feed) for feed in first.feeds if feed.reads == source
    )


def items_below(top: Location, place: Place) -> Iterator[Names]:
    """Addresses below a directory: those in which something bears a generation's name.

    Raises `CannotLook`.
    """
    waiting: list[Names] = [()]
    while waiting:
        names = waiting.pop()
        here = Location(holder=top.holder, names=top.names + names)
        inner = [name for name, directory in entries_at(here, place) if directory]
        # No generation lies at the top: what looks like one there is an item of such a name.
        dated = [name for name in inner if names and moment_of(name) is not None]
        if dated:
            yield names
        if len(names) < ITEMS_DEEP:
            waiting += [(*names, name) for name in inner if name not in dated]
