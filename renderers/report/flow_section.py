"""The picture of the routing with its words: what rides on each ribbon, how each leg stands."""

from __future__ import annotations

from dataclasses import dataclass

from engine.overview.graph import Edge, Node, NodeKind, Ride
from engine.report.facts import Facts
from renderers.report.flow import BOX_WIDTH, Box, Ribbon, flow
from renderers.report.words import Sign, of_leg, of_room, of_safety, several

_LONGEST_NAME = 20
"""Characters of a name that are drawn; the whole name stands in its words."""
_ROOMY = 7.4
"""Pixels of one character in a wide font: a name that needs more room than there is gets narrower
letters."""
_LONGEST_NOTE = 22
_MOST_RIDES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxView:
    """A box as it is drawn."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    middle: float
    name: str
    squeezed: float | None
    """The width that the name is pressed into; None: it has room enough."""
    note: str
    sign: Sign | None
    words: str
    numbers: str
    """Of the sources that ride through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RibbonView:
    """A ribbon as it is drawn."""

    path: str
    width: float
    kind: str
    """`none` where nothing carries it, `accepted` where all on it fall short by decision."""
    words: str
    numbers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A source that can be picked out in the picture."""

    number: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowView:
    """The picture."""

    width: float
    height: float
    boxes: tuple[BoxView, ...]
    ribbons: tuple[RibbonView, ...]
    choices: tuple[Choice, ...]
    words: str


def flow_view(facts: Facts) -> FlowView:
    """Draw the routing, each leg with its sign."""
    drawn = flow(facts.overview.graph)
    riding = sorted({source for ribbon in drawn.ribbons for source in ribbon.sources})
    number = {source: at for at, source in enumerate(riding)}
    ribbons = tuple(_ribbon(one, number) for one in drawn.ribbons)
    kinds = [box.node.kind for box in drawn.boxes]
    counts = ", ".join(
        several(kinds.count(kind), word)
        for kind, word in (
            (NodeKind.SOURCE, "source"),
            (NodeKind.LEG, "leg"),
            (NodeKind.DESTINATION, "destination"),
        )
    )
    return FlowView(
        width=drawn.width,
        height=drawn.height,
        boxes=tuple(_box(facts, one, drawn.ribbons, number) for one in drawn.boxes),
        ribbons=ribbons,
        choices=tuple(Choice(number=at, name=source) for source, at in number.items()),
        words=f"The routing: {counts}. The table below says the same in words.",
    )


def _box(facts: Facts, box: Box, ribbons: tuple[Ribbon, ...], number: dict[str, int]) -> BoxView:
    node = box.node
    touching = [one for one in ribbons if node.name in {one.edge.origin, one.edge.target}]
    through = sorted({number[source] for one in touching for source in one.sources})
    name = node.name if node.kind is not NodeKind.NOWHERE else "no copy"
    sign = _sign(facts, node)
    short = _short(name, _LONGEST_NAME)
    room = BOX_WIDTH - (36 if node.kind is NodeKind.LEG else 34)
    return BoxView(
        kind=node.kind.value,
        x=box.x,
        y=box.y,
        width=BOX_WIDTH,
        height=box.height,
        middle=round(box.middle, 1),
        name=short,
        squeezed=room if len(short) * _ROOMY > room else None,
        note=_short(_note(node, touching), _LONGEST_NOTE),
        sign=sign,
        words=f"{node.kind.value if node.kind is not NodeKind.NOWHERE else ''} {name}".strip()
        + (f": {sign.word}" if sign is not None else ""),
        numbers=" ".join(map(str, through)),
    )


def _note(node: Node, touching: list[Ribbon]) -> str:
    if node.kind is NodeKind.NOWHERE:
        routes = sum(len(one.edge.rides) for one in touching)
        return f"{several(routes, 'route')}, by decision"
    if node.kind is NodeKind.DESTINATION:
        return ", ".join(filter(None, (node.media, node.site)))
    if node.kind is NodeKind.SOURCE:
        return ", ".join(filter(None, (node.what, node.media)))
    return node.what


def _sign(facts: Facts, node: Node) -> Sign | None:
    match node.kind:
        case NodeKind.LEG:
            leg = next((one for one in facts.legs if one.leg == node.name), None)
            return of_leg(leg) if leg is not None else None
        case NodeKind.SOURCE:
            source = next((one for one in facts.sources if one.source == node.name), None)
            return of_safety(source.safety) if source is not None else None
        case NodeKind.DESTINATION:
            found = (one for one in facts.destinations if one.destination == node.name)
            place = next(found, None)
            return of_room(place.health) if place is not None and not place.sound else None
        case NodeKind.NOWHERE:
            return None


def _ribbon(one: Ribbon, number: dict[str, int]) -> RibbonView:
    rides = one.edge.rides
    nowhere = any(ride.reason for ride in rides)
    accepted = bool(rides) and all(ride.because for ride in rides)
    return RibbonView(
        path=one.path,
        width=one.width,
        kind="none" if nowhere else "accepted" if accepted else "carried",
        words=_words(one.edge),
        numbers=" ".join(str(number[source]) for source in one.sources),
    )


def _words(edge: Edge) -> str:
    shown = [_ride(ride) for ride in edge.rides[:_MOST_RIDES]]
    if len(edge.rides) > _MOST_RIDES:
        shown.append(f"and {len(edge.rides) - _MOST_RIDES} more")
    target = "no copy" if any(ride.reason for ride in edge.rides) else edge.target
    head = f"{edge.origin} → {target}"
    return f"{head}: {'; '.join(shown)}" if shown else head


def _ride(ride: Ride) -> str:
    why = ride.reason or ride.because or ride.stops
    return f"{ride.label} ({why})" if why else ride.label


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
