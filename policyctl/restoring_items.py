"""Restoring all items of a source, one after another: what fails of one keeps no other back."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from engine.progress import ProgressSink
from engine.restore.aim import Aim
from engine.restore.holders import copies_of
from engine.system.host.signals import Interrupted
from engine.system.restore.items import ItemsHeld, Names, has_items, items_held
from engine.system.restore.outcome import Restored
from policy.values import display
from policyctl.asking import Found, Proposal, Wish
from policyctl.boundary import Refused
from policyctl.fetching import carry_out, refuse_without_room, room_ahead
from policyctl.restoring import Restoring


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is wanted of each item of a source."""

    source: str
    wish: Wish
    ignore_room: bool = False
    """Whether each is tried also where there seems to be too little room for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRestored:
    """What became of one item."""

    item: Names
    found: Found | None = None
    proposal: Proposal | None = None
    done: Restored | None = None
    there: bytes = b""
    """What lies in its place already, and was left alone; empty: nothing did."""
    failed: str = ""
    """Why it did not come."""
    no_databases: bool = False
    """Whether databases alone are wanted, and no copy of it holds any."""

    @property
    def text(self) -> str:
        """The item as people type it."""
        return display(b"/".join(self.item))


def items_of(work: Restoring, request: Request) -> ItemsHeld:
    """What there is to restore. Raises `Refused` where there is nothing."""
    source = request.source
    wish = request.wish
    place = (wish.place or "").partition(":")[0] or work.only
    copies = [
        one
        for one in copies_of(work.plan, work.compilation.chains, source)
        if has_items(work.plan, source, one) and place in {None, one.place}
    ]
    if not any(one.partial or not wish.databases for one in copies):
        what = "verified copies of its databases" if wish.databases else "copies of its items"
        there = f"at {place}" if place is not None else "anywhere"
        raise Refused(f"no leg keeps {what} {there}; nothing was restored")
    held = items_held(work.known, copies)
    if not held.items:
        why = "; ".join(held.problems) or "no run has put anything there yet"
        raise Refused(f"nothing of {source}: lies there: {why}; nothing was restored")
    return held


def restore_items(
    work: Restoring,
    request: Request,
    items: Collection[Names],
    folder: bytes,
    *,
    sink: ProgressSink | None,
    wanted: bool,
) -> Iterator[ItemRestored]:
    """Bring back each item into the folder of its address. Raises `Interrupted`."""
    for item in items:
        try:
            yield _restored(work, request, item, folder, sink=sink, wanted=wanted)
        except Interrupted:
            raise
        except Refused as error:
            yield ItemRestored(item=item, failed=str(error))


def _restored(
    work: Restoring,
    request: Request,
    item: Names,
    folder: bytes,
    *,
    sink: ProgressSink | None,
    wanted: bool,
) -> ItemRestored:
    asked = work.ask(f"{request.source}:{os.fsdecode(b'/'.join(item))}")
    found = work.find(asked, request.wish)
    if found.choice.chosen is None:
        if request.wish.databases and not any(one.copy.partial for one in found.versions):
            return ItemRestored(item=item, found=found, no_databases=True)
        whys = [one.why for one in found.choice.passed]
        why = "; ".join(dict.fromkeys(whys)) or "nothing that could be looked at holds it"
        return ItemRestored(item=item, found=found, failed=f"no copy may be taken: {why}")
    base, name = os.path.split(folder)
    aim = Aim(base=base, below=(name, *item[:-1]), name=item[-1])
    proposal = work.propose(found, aim)
    begun = proposal.aim.folder + b"/" + proposal.aim.staging
    if os.path.lexists(proposal.aim.path) and not os.path.lexists(begun):
        return ItemRestored(item=item, found=found, proposal=proposal, there=proposal.aim.path)
    if wanted and not request.ignore_room:
        refuse_without_room(proposal, room_ahead(work, proposal))
    done = carry_out(work, proposal, sink) if wanted else None
    return ItemRestored(item=item, found=found, proposal=proposal, done=done)
