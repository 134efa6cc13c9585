"""What the copies of each path amount to under two plans, the applied one and the next.

Owns the pieces into which two plans cut the data: what lies in one piece has the same copies
before, and the same copies after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.changes.plan_changes import covering_line
from engine.changes.renames import plan_renamed, renames_between
from engine.plan.model import Location, Plan, RouteLine, RoutingTable
from engine.promises.chains import Chains, Copy
from engine.promises.objectives import is_offsite, media_of, offsite_of, places_of
from engine.promises.plan_chains import chains_of
from engine.routing.precedence import RouteTrie
from policy.patterns import PathPattern, PatternTooComplex, literal_component
from policy.sources import Source, TreeSource
from policy.values import display


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The copies of one piece under one plan. Snapshots at the source and parts count as none."""

    source: Source
    every: tuple[Copy, ...]
    """All that legs make of it."""

    @property
    def whole(self) -> tuple[Copy, ...]:
        """Those that count as copies."""
        return tuple(one for one in self.every if not one.snapshot and not one.partial)

    @property
    def copies(self) -> int:
        """Their number; the live data are one."""
        return len(places_of(self.source, self.whole))

    @property
    def media(self) -> int:
        """On how many media the data lie; the live data's is one."""
        return len(media_of(self.source, self.whole))

    @property
    def offsite(self) -> int:
        """How many places at another site hold them."""
        return offsite_of(self.source, self.whole)

    @property
    def rpo(self) -> int | None:
        """Seconds that the oldest copy can be behind at most; None where nothing is promised."""
        return oldest(self.whole)

    @property
    def rpo_offsite(self) -> int | None:
        """The same of the freshest copy at another site."""
        ages = [one.rpo.seconds for one in self.whole if one.rpo and is_offsite(self.source, one)]
        return min(ages, default=None)

    @property
    def history(self) -> int:
        """Seconds that a restore is sure to reach back."""
        return max((one.reach for one in self.every if not one.partial), default=0)


def oldest(copies: Iterable[Copy]) -> int | None:
    """Seconds that the oldest of these can be behind; None where one has no promise, or none is."""
    ages = [one.rpo.seconds if one.rpo else None for one in copies]
    known = [age for age in ages if age is not None]
    return max(known) if known and len(known) == len(ages) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Paths that share their copies under both plans."""

    source: str
    text: str
    """The routing line as written; of what is taken as a whole the source's name and `:`."""
    pattern: PathPattern
    """Counted from the source's root."""
    before: Held | None
    """None where the applied plan does not know the source."""
    after: Held | None

    @property
    def gained(self) -> tuple[Copy, ...]:
        """Copies that will be made anew."""
        return _not_in(self.after, self.before)

    @property
    def left(self) -> tuple[Copy, ...]:
        """Copies that no leg will keep any more: they stay where they are, as orphans."""
        return _not_in(self.before, self.after)

    def shown(self, location: Location) -> str:
        """Where a copy lies, with the piece's pattern for the names that it stands for."""
        depth = len(self.pattern.components)
        head = location.names[: len(location.names) - depth]
        tail = str(self.pattern).strip("/")
        parts = [display(name) for name in head] + ([tail] if tail else [])
        return f"{location.holder}:/{'/'.join(parts)}"


def _not_in(one: Held | None, other: Held | None) -> tuple[Copy, ...]:
    there = {copy.location for copy in other.whole} if other else set()
    found = {copy.location: copy for copy in (one.whole if one else ())}
    return tuple(copy for place, copy in found.items() if place not in there)


# ── Pieces ───────────────────────────────────────────────────────────────────────────────────


def joint_plan(applied: Plan | None, plan: Plan) -> Plan:
    """The plan with tables that have the lines of both, and with sources that it has no longer.

    By its tables the data are counted: each line of it decides one piece.
    """
    known = {one.name for one in plan.sources}
    gone = (one for one in (applied.sources if applied else ()) if one.name not in known)
    sources = (*plan.sources, *gone)
    return replace(plan, sources=sources, tables=tuple(_joint_tables(sources, applied, plan)))


def _joint_tables(
    sources: Iterable[Source], applied: Plan | None, plan: Plan
) -> Iterator[RoutingTable]:
    blocks = new_blocks(applied, plan)
    for source in sources:
        tables = [table for one in (plan, applied) if one and (table := one.table(source.name))]
        if tables:
            lines = [line for table in tables for line in table.lines]
            lines += [one.line for one in blocks if one.source == source.name]
            yield RoutingTable(source=source.name, lines=_ordered(lines) or tables[0].lines)
        elif isinstance(source, TreeSource):
            yield RoutingTable(source=source.name, lines=(_whole(source),))


def _ordered(lines: Iterable[RouteLine]) -> tuple[RouteLine, ...]:
    """Each pattern once, most specific first; nothing where that cannot be told in time."""
    trie: RouteTrie[RouteLine] = RouteTrie()
    for line in lines:
        trie.add(line.pattern, line)
    try:
        return trie.ordered()
    except PatternTooComplex:
        return ()  # then the data are counted by the next plan's lines alone


def _whole(source: Source) -> RouteLine:
    return RouteLine(text=f"{source.name}:", pattern=PathPattern(), leg=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A path of a tree whose place at the destination belongs to another leg from now on."""

    source: str
    leg: str
    """The leg that would carry it."""
    line: RouteLine
    """Stands for that path where the data are counted."""
    place: Location


def new_blocks(applied: Plan | None, plan: Plan) -> tuple[Block, ...]:
    """What is blocked by the plan, and was not by the applied one, if there is one."""
    if applied is None:
        return ()
    was = {(one.source, one.leg, one.line.pattern) for one in _blocks(applied)}
    return tuple(one for one in _blocks(plan) if (one.source, one.leg, one.line.pattern) not in was)


def _blocks(plan: Plan) -> Iterator[Block]:
    for leg in plan.legs:
        for feed in leg.feeds:
            source = plan.source(feed.reads)
            blocked = feed.selection.blocked if feed.selection else ()
            if feed.writes is None or not isinstance(source, TreeSource):
                continue
            for names in blocked:
                line = RouteLine(
                    text=display(source.path.joined(names).text),
                    pattern=PathPattern(tuple(map(literal_component, names))),
                    leg=leg.name,
                )
                place = Location(holder=feed.writes.holder, names=feed.writes.names + names)
                yield Block(source=source.name, leg=leg.name, line=line, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Two plans, their chains, and the data cut into pieces by both."""

    applied: Plan | None
    """Under the names of the next plan."""
    plan: Plan
    old: Chains | None
    new: Chains
    pieces: tuple[Piece, ...]
    blocks: tuple[Block, ...]


def cut(applied: Plan | None, plan: Plan) -> Cut:
    """Cut the data by both plans; the applied one may still bear names of its own."""
    before = plan_renamed(applied, renames_between(applied, plan)) if applied else None
    old, new = chains_of(before) if before else None, chains_of(plan)
    pieces = tuple(_pieces(joint_plan(before, plan), old, new))
    return Cut(
        applied=before, plan=plan, old=old, new=new, pieces=pieces, blocks=new_blocks(before, plan)
    )


def _pieces(joint: Plan, old: Chains | None, new: Chains) -> Iterator[Piece]:
    for source in joint.sources:
        for line in _lines(joint, source):
            yield Piece(
                source=source.name,
                text=line.text,
                pattern=line.pattern,
                before=_held(old, source.name, line.pattern) if old else None,
                after=_held(new, source.name, line.pattern),
            )


def _lines(joint: Plan, source: Source) -> tuple[RouteLine, ...]:
    table = joint.table(source.name)
    return table.lines if table else (_whole(source),)


def _held(chains: Chains, source: str, pattern: PathPattern) -> Held | None:
    """The copies of a piece; None where the plan does not know its source."""
    known = chains.policy.source(source)
    if known is None:
        return None
    names = tuple(component.example() for component in pattern.components)
    table = chains.tables.get(source)
    line = covering_line(table, pattern) if table else None
    if line is not None:
        return Held(source=known, every=chains.of_line(source, names, line))
    taking = [one.name for one in chains.policy.legs if one.takes == source]
    return Held(source=known, every=tuple(c for leg in taking for c in chains.of_leg(leg)))
