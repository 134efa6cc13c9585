"""Which copies of a whole source can be restored as files, and where they lie. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.plan.model import Plan
from engine.promises.chains import Chains, Copy
from engine.standing.bring_back import holds_files


def copies_of(
    plan: Plan, chains: Chains, source: str, item: tuple[bytes, ...] = ()
) -> tuple[Copy, ...]:
    """The copies that hold files of a source: what each leg takes of it, hop by hop.

    `item` is an item's address, of a source that has items.
    """
    found = dict.fromkeys(_copies(plan, chains, source, item))
    return tuple(one for one in found if holds_files(plan, one))


def places_of(plan: Plan, chains: Chains, source: str) -> tuple[str, ...]:
    """The destinations that hold such copies, sorted."""
    places = {one.place for one in copies_of(plan, chains, source)}
    return tuple(sorted(one for one in places if plan.destination(one) is not None))


def _copies(plan: Plan, chains: Chains, source: str, item: tuple[bytes, ...]) -> Iterator[Copy]:
    table = plan.table(source)
    line = table.line_for(item) if table is not None and item else None
    if line is not None:
        yield from chains.of_line(source, item, line)
        return
    for leg in plan.legs:
        if any(feed.reads == source for feed in leg.feeds):
            yield from chains.of_feed(leg.name, source, item)
