"""What lies where at the destinations, and which leg it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.overview.overview import Overview
from engine.overview.protection import HeldCopy, Protection
from engine.plan.model import Feed, LegPlan, Location, Plan
from engine.standing.copy_standing import kept_by
from policy.destinations import Destination
from renderers.docs.page import Page, Table, listed, page, table
from renderers.markdown import block, cell, code, code_cell, paragraph, text
from renderers.mermaid import Names, diagram, lines

_Owned = tuple[Location, LegPlan, Feed]


def disks_page(plan: Plan, overview: Overview) -> Page:
    """Render it."""
    return page(
        "disks.md",
        "disks",
        destinations=[
            (
                one.name,
                paragraph(_facts(one)),
                block("mermaid", _picture(plan, one)),
                _places(plan, overview.protection, one),
            )
            for one in plan.destinations
        ],
    )


def _owned(plan: Plan, destination: Destination) -> list[_Owned]:
    """The places of legs there, what holds others before these."""
    found = [
        (feed.writes, leg, feed)
        for leg in plan.legs
        for feed in leg.feeds
        if feed.writes is not None and feed.writes.holder == destination.name
    ]
    return sorted(found, key=lambda one: (one[0].names, one[1].name))


def _facts(one: Destination) -> Iterator[str]:
    yield "It lies in "
    yield code(one.path)
    if one.ssh is not None:
        yield " on the machine of "
        yield code(one.ssh.account)
    yield text(f", on {one.media}, at the site {one.site}.") + " "
    yield text(f"No run begins that would fill it beyond {one.max_used}.")
    if one.mount_required:
        yield " Nothing is written there unless its file system is mounted."
    if one.sometimes:
        yield " It is not always there: legs run when it is."
    if one.cannot_keep:
        lost = ", ".join(attribute.value for attribute in one.cannot_keep)
        yield " " + text(f"It cannot keep: {lost}.")
    if one.snapshots is not None:
        safe = ", which this host cannot delete" if one.ssh is not None else ""
        yield f" It takes snapshots itself{safe}: of "
        yield code(one.snapshots.share)
        read = one.snapshots.read is not None
        yield ", read back on a schedule." if read else ", which nobody reads back."


def _picture(plan: Plan, destination: Destination) -> tuple[str, ...]:
    return diagram("flowchart TD", _tree(plan, destination))


def _tree(plan: Plan, destination: Destination) -> Iterator[str]:
    """Each directory in the one that holds it; the leg that owns it beside its name."""
    names = Names()
    owners: dict[tuple[bytes, ...], list[str]] = {}
    for location, leg, _ in _owned(plan, destination):
        owners.setdefault(location.names, []).append(leg.name)
    paths = sorted({path[:depth] for path in (*owners, ()) for depth in range(len(path) + 1)})
    for path in paths:
        name = path[-1] if path else destination.path.text
        yield f"{names.of(path)}[{lines(name, *owners.get(path, ()))}]"
    for path in paths:
        if path:
            yield f"{names.of(path[:-1])} --> {names.of(path)}"


def _places(plan: Plan, parts: Sequence[Protection], destination: Destination) -> Table:
    rows = []
    for location, leg, feed in _owned(plan, destination):
        path = destination.path.joined(location.names)
        held = [
            code_cell(part.label)
            for part in parts
            if any(_is_by(leg, location, one) for one in part.copies)
        ]
        rows.append(
            (code_cell(path), code_cell(leg.name), leg.kind, code_cell(feed.reads),
             listed(held), cell(kept_by(leg)))
        )  # fmt: skip
    return table(("directory", "leg", "kind", "reads", "holds", "keeps"), rows)


def _is_by(leg: LegPlan, place: Location, held: HeldCopy) -> bool:
    """Whether a copy is what a leg keeps in a place."""
    return held.copy.leg == leg.name and place.contains(held.copy.location)
