"""Feeds: what each leg reads, where it writes, and which paths it takes.

One routing table gives the selections of all its legs, so that leaving one leg and joining
another is one fact. Owners of destination subtrees are collected here; an outer owner's
selection is blocked where an inner one begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.plan.model import Feed, Location, RouteLine, RoutingTable, tree_root
from engine.plan.selection import Ignore, Line, Selection
from engine.routing.precedence import RouteTrie
from policy.diagnostics import Findings
from policy.legs import Leg, MirrorLeg, SnapshotLeg
from policy.model import Policy
from policy.patterns import Component, PathPattern, literal_component
from policy.routes import IgnoreRule
from policy.sources import FilesSource, Source, TreeSource

ROOT = PathPattern()


@dataclass(frozen=True, slots=True)
class Draft:
    """A feed of a leg while selections are being worked out."""

    leg: Leg
    feed: Feed


def build_feeds(
    policy: Policy, tables: tuple[RoutingTable, ...], findings: Findings
) -> tuple[Draft, ...]:
    """All feeds of all legs, legs in order of their names."""
    first = [
        Draft(leg, feed)
        for leg in policy.legs
        for feed in _own_feeds(leg, policy, tables, findings)
    ]
    owned = [draft for draft in first if draft.feed.writes is not None]
    later = [_read_product(draft, owned, tables, policy, ()) for draft in first]
    return tuple(_blocked(draft, owned) for draft in later)


def _own_feeds(
    leg: Leg, policy: Policy, tables: tuple[RoutingTable, ...], findings: Findings
) -> Iterator[Feed]:
    if leg.takes is not None:
        yield Feed(
            reads=leg.takes,
            writes=_location(leg, leg.takes),
            selection=_whole(leg, policy),
        )
        return
    sources = [table for table in tables if any(line.leg == leg.name for line in table.lines)]
    if not sources:
        findings.error(
            "leg-unfed",
            f"nothing feeds the leg {leg.name!r}: no route names it, and it has no `from`",
            leg.origin,
            hint="route a path to it, give it a `from`, or remove it",
        )
    if len(sources) > 1 and "{source}" not in _to_path(leg) and not isinstance(leg, SnapshotLeg):
        findings.error(
            "to-needs-source",
            f"{' and '.join(one.source for one in sources)} would share one place",
            leg.at("to"),
            hint="put {source} into the path, so that each has its own",
        )
    for table in sources:
        yield Feed(
            reads=table.source,
            writes=_location(leg, table.source),
            selection=_routed(leg, table, policy),
        )


def _to_path(leg: Leg) -> str:
    return "" if isinstance(leg, SnapshotLeg) else leg.to.path


def _location(leg: Leg, source: str) -> Location | None:
    if isinstance(leg, SnapshotLeg):
        return None
    path = leg.to.path.replace("{source}", source).strip("/").encode()
    return Location(holder=leg.to.name, names=tuple(path.split(b"/")) if path else ())


def _routed(leg: Leg, table: RoutingTable, policy: Policy) -> Selection:
    lines = tuple(Line(pattern=one.pattern, taken=one.leg == leg.name) for one in table.lines)
    return Selection(lines=lines, ignores=ignores_for(table.source, policy.ignores))


def ignores_for(source: str, rules: tuple[IgnoreRule, ...]) -> tuple[Ignore, ...]:
    """The ignores in force where this source is read, in order of their text."""
    return tuple(
        Ignore(pattern=rule.pattern, anchored=rule.anchored, directory=rule.directory)
        for rule in rules
        if not rule.only or source in rule.only
    )


def _whole(leg: Leg, policy: Policy) -> Selection | None:
    """The selection of a leg that takes a source as a whole; products come later."""
    source = policy.source(leg.takes)
    if source is None or tree_root(source) is None:
        return None
    return Selection(lines=_source_lines(source), ignores=ignores_for(source.name, policy.ignores))


def _source_lines(source: Source) -> tuple[Line, ...]:
    if isinstance(source, FilesSource):
        return ordered_lines(
            [(ROOT, False), *((literal_pattern(path.names), True) for path in source.paths)]
        )
    return (Line(pattern=ROOT, taken=True),)


def literal_pattern(names: tuple[bytes, ...]) -> PathPattern:
    """The pattern of one path."""
    return PathPattern(tuple(literal_component(name) for name in names))


def ordered_lines(pairs: Iterable[tuple[PathPattern, bool]]) -> tuple[Line, ...]:
    """Lines in routing order; of two for the same paths the later one stands."""
    trie: RouteTrie[list[Line]] = RouteTrie()
    for pattern, taken in pairs:
        line = Line(pattern=pattern, taken=taken)
        present = trie.add(pattern, [line])
        if present is not None:
            present[0] = line
    return tuple(item[0] for item in trie.ordered())


# ── Later hops ───────────────────────────────────────────────────────────────────────────────


def _read_product(
    draft: Draft,
    owned: list[Draft],
    tables: tuple[RoutingTable, ...],
    policy: Policy,
    readers: tuple[str, ...],
) -> Draft:
    """Give a leg that reads a destination or another leg's product its selection.

    `readers` are the legs on the way here, should the manifest run in a circle.
    """
    reads = draft.feed.reads
    if draft.leg.takes is None or policy.source(reads) is not None or draft.leg.name in readers:
        return draft
    base = product_location(reads, owned, policy)
    if base is None:
        return draft
    inside = [one for one in owned if one.feed.writes and base.contains(one.feed.writes)]
    whole = policy.destination(reads) is not None
    pairs: list[tuple[PathPattern, bool]] = [(ROOT, False)]
    ignores: set[Ignore] = set()
    # Of a destination all that its legs own; of a leg's product nothing that nests inside it.
    pairs.extend(
        (_relative(base, one.feed.writes, ()), whole or one.leg.name == reads) for one in inside
    )
    for one in inside:
        if whole or one.leg.name == reads:
            upstream = _read_product(one, owned, tables, policy, (*readers, draft.leg.name))
            pairs.extend(_as_written(base, upstream, inside))
            ignores.update(_as_ignored(base, upstream, inside))
    pairs.extend(
        (_relative(base, location, pattern.components), rides)
        for location, pattern, rides in stops_and_rides(draft.leg, owned, tables)
        if base.contains(location)
    )
    if (ROOT, True) in pairs and all(taken for _, taken in pairs[1:]):
        pairs = [(ROOT, True)]
    in_order = sorted(ignores, key=lambda one: (str(one.pattern), one.directory))
    selection = Selection(lines=ordered_lines(pairs), ignores=tuple(in_order))
    return Draft(draft.leg, replace(draft.feed, selection=selection))


def _as_written(
    base: Location, draft: Draft, inside: Iterable[Draft]
) -> Iterator[tuple[PathPattern, bool]]:
    """What a mirror upstream takes and leaves, where it lies in its copies.

    What it leaves may lie there all the same, since it was carried once: no leg carries it now, so
    it is not passed on, and what was passed on before is an orphan of its own. Of another leg's
    place inside its own it says nothing; a wildcard that reaches into one loses to its name.
    """
    place, selection = draft.feed.writes, draft.feed.selection
    if place is None or selection is None or not isinstance(draft.leg, MirrorLeg):
        return
    inner = _inner(base, place, inside)
    for line in selection.lines:
        pattern = _relative(base, place, line.pattern.components)
        if not any(_lies_in(pattern, names) for names in inner):
            yield pattern, line.taken


def _as_ignored(base: Location, draft: Draft, inside: Iterable[Draft]) -> Iterator[Ignore]:
    """The anchored ignores of a mirror upstream, where they lie in its copies.

    What one names may have been carried before it was added, as what a line leaves may. An ignore
    beats every line, so one that may meet another leg's place inside this one is not passed on.
    """
    place, selection = draft.feed.writes, draft.feed.selection
    if place is None or selection is None or not isinstance(draft.leg, MirrorLeg):
        return
    inner = _inner(base, place, inside)
    for ignore in selection.ignores:
        pattern = _relative(base, place, ignore.pattern.components)
        if ignore.anchored and not any(_may_meet(pattern, names) for names in inner):
            yield replace(ignore, pattern=pattern)


def _inner(
    base: Location, place: Location, inside: Iterable[Draft]
) -> frozenset[tuple[bytes, ...]]:
    """The places of other legs inside one, counted from the root that is read."""
    return frozenset(
        one.feed.writes.names[len(base.names) :]
        for one in inside
        if one.feed.writes is not None
        and one.feed.writes != place
        and place.contains(one.feed.writes)
    )


def _may_meet(pattern: PathPattern, names: tuple[bytes, ...]) -> bool:
    """Whether something that a pattern matches may be a path, lie below it or hold it."""
    return all(one.matches(name) for one, name in zip(pattern.components, names, strict=False))


def _lies_in(pattern: PathPattern, names: tuple[bytes, ...]) -> bool:
    """Whether all that a pattern matches is a path or lies below it."""
    return tuple(one.literal for one in pattern.components[: len(names)]) == names


def product_location(reads: str, owned: list[Draft], policy: Policy) -> Location | None:
    """Where the product named by a `from` lies; None where it has no single place."""
    if policy.destination(reads) is not None:
        return Location(holder=reads)
    places = [one.feed.writes for one in owned if one.leg.name == reads]
    return places[0] if len(places) == 1 else None


def _relative(
    base: Location, location: Location | None, rest: tuple[Component, ...]
) -> PathPattern:
    assert location is not None
    head = literal_pattern(location.names[len(base.names) :])
    return PathPattern(head.components + rest)


def stops_and_rides(
    leg: Leg, owned: list[Draft], tables: tuple[RoutingTable, ...]
) -> Iterator[tuple[Location, PathPattern, bool]]:
    """Where, upstream of this leg, the lines lie of a table in which some stop before it.

    Lines that ride on are among them: one may lie inside one that stops.
    """
    for table in tables:
        if any(line.stop is not None for line in table.lines):
            for line in table.lines:
                yield from _upstream(line, table.source, leg, owned)


def _upstream(
    line: RouteLine, source: str, leg: Leg, owned: list[Draft]
) -> Iterator[tuple[Location, PathPattern, bool]]:
    """Follow one line from hop to hop up to the leg in question: where, and whether it rides."""
    hops = [(line.leg, source, line.pattern, True)]
    seen: set[str] = set()
    while hops:
        name, read, where, rides = hops.pop()
        draft = next((d for d in owned if d.leg.name == name and d.feed.reads == read), None)
        if draft is None or draft.leg.name in seen or draft.feed.writes is None:
            continue
        seen.add(draft.leg.name)
        rides = rides and (line.stop is None or draft.leg.name != line.stop.after)
        place = draft.feed.writes
        for reader in owned:
            if reader.leg.takes not in {place.holder, draft.leg.name}:
                continue
            if reader.leg.name == leg.name:
                yield place, where, rides
            # What takes the leg's product counts from the product's root, not the destination's.
            above = place.names if reader.leg.takes == place.holder else ()
            through = PathPattern(literal_pattern(above).components + where.components)
            hops.append((reader.leg.name, reader.feed.reads, through, rides))


def _blocked(draft: Draft, owned: list[Draft]) -> Draft:
    """Keep an outer owner out of the inner ones' subtrees."""
    feed = draft.feed
    if feed.selection is None or feed.writes is None:
        return draft
    here = feed.writes
    inner = {
        one.feed.writes.names[len(here.names) :]
        for one in owned
        if one.feed.writes is not None
        and one.feed.writes != here
        and here.contains(one.feed.writes)
    }
    selection = replace(feed.selection, blocked=tuple(sorted(inner)))
    return Draft(draft.leg, replace(feed, selection=selection))


def source_path(source: Source, names: tuple[bytes, ...]) -> bytes | None:
    """The path on this machine of something in a tree source."""
    if not isinstance(source, TreeSource):
        return None
    return source.path.joined(names).text
