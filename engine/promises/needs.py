"""What restores need, resolved: which source holds each file, and where its copies lie (law 39).

What is taken for granted: all live data are lost, and every destination is still there. A thing
is then to be had where it is kept outside, or where a source holds it that can be restored before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.items.subvolumes import is_meant
from engine.plan.model import RoutingTable, tree_root
from engine.plan.selection import Verdict
from engine.promises.chains import Chains, Copy
from engine.promises.objectives import regions
from policy.destinations import Destination
from policy.diagnostics import Origin
from policy.model import Policy
from policy.needs import FileNeed, Need, SecretNeed, SourceNeed
from policy.sources import VOLUME, BtrfsSource, KeyFile, LvmThinSource, Source
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A source that holds a file, and the places where copies of that very file lie."""

    source: str
    places: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A source or a destination, and what must be there before it can be restored, or read."""

    name: str
    is_destination: bool
    needs: tuple[Need, ...]
    unsaid: tuple[FileNeed, ...]
    """Keys that the manifest names for daily use, and that no `needs` speaks of."""
    regions: tuple[frozenset[str], ...] = ()
    """Of each part of a source the places that have a copy of it; one of them is enough."""
    origin: Origin

    @property
    def all_needs(self) -> tuple[Need, ...]:
        """Those that are said, and those that follow from keys."""
        return (*self.needs, *self.unsaid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """Everything that a restore of the whole has to do with, by name."""

    by_name: Mapping[str, Opening]
    carriers: Mapping[AbsolutePath, tuple[Carrier, ...]]
    """By the path of a needed file; empty where no leg carries it."""

    def holders(self, need: Need) -> tuple[str, ...]:
        """The sources that hold what is needed."""
        match need:
            case SourceNeed():
                return (need.source,)
            case FileNeed():
                return tuple(one.source for one in self.carriers[need.path])
            case SecretNeed():
                return (need.inside,) if need.inside is not None else ()


def has_needs(policy: Policy) -> bool:
    """Whether anything is to be judged at all."""
    return any(one.needs or any(_own_keys(one)) for one in (*policy.sources, *policy.destinations))


def openings(policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains) -> Openings:
    """Resolve the needs of all sources and destinations that hold copies."""
    places = _places_by_source(policy, tables, chains)
    found = [_destination(one) for one in policy.destinations]
    found += [_source(one, places.get(one.name, ())) for one in policy.sources]
    paths = {need.path for one in found for need in one.all_needs if isinstance(need, FileNeed)}
    return Openings(
        by_name={one.name: one for one in found},
        carriers={path: tuple(_carriers(path, policy, chains)) for path in paths},
    )


def _destination(one: Destination) -> Opening:
    return Opening(
        name=one.name,
        is_destination=True,
        needs=one.needs,
        unsaid=tuple(_unsaid(one)),
        origin=one.origin,
    )


def _source(one: Source, regions: tuple[frozenset[str], ...]) -> Opening:
    return Opening(
        name=one.name,
        is_destination=False,
        needs=one.needs,
        unsaid=tuple(_unsaid(one)),
        regions=regions,
        origin=one.origin,
    )


def _unsaid(one: Source | Destination) -> Iterator[FileNeed]:
    said = [need.path for need in one.needs if isinstance(need, FileNeed)]
    for path in _own_keys(one):
        if not any(outer.contains(path) for outer in said):
            yield FileNeed(path=path, origin=one.origin)


def _own_keys(one: Source | Destination) -> Iterator[AbsolutePath]:
    """Keys that a run uses; where each volume has its own, the directory that they lie in."""
    if isinstance(one, Destination) and one.ssh is not None and one.ssh.key is not None:
        yield one.ssh.key
    if isinstance(one, LvmThinSource) and one.key_file is not None:
        path = _directory_of(one.key_file)
        if path.names:
            yield path


def _directory_of(key: KeyFile) -> AbsolutePath:
    names = key.of(VOLUME).names
    known = next((at for at, name in enumerate(names) if VOLUME.encode() in name), len(names))
    return AbsolutePath(names[:known])


# ── Where copies lie ─────────────────────────────────────────────────────────────────────────


def _places_by_source(
    policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains
) -> dict[str, tuple[frozenset[str], ...]]:
    found: dict[str, set[frozenset[str]]] = {}
    for region in regions(policy, tables, chains):
        places = places_of(region.copies)
        if places:
            found.setdefault(region.source.name, set()).add(places)
    return {name: tuple(sorted(many, key=sorted)) for name, many in found.items()}


def places_of(copies: Iterable[Copy]) -> frozenset[str]:
    """The places that a restore can take from: no snapshot where the live data were.

    A copy of the databases among the files counts where there is no other.
    """
    away = [one for one in copies if not one.snapshot]
    whole = [one for one in away if not one.partial]
    return frozenset(one.place for one in whole or away)


def _carriers(path: AbsolutePath, policy: Policy, chains: Chains) -> Iterator[Carrier]:
    for source in policy.sources:
        places = places_of(_copies(path, source, chains))
        if places:
            yield Carrier(source=source.name, places=places)


def _copies(path: AbsolutePath, source: Source, chains: Chains) -> tuple[Copy, ...]:
    """The copies of a path that a source holds; none where no leg carries it."""
    if isinstance(source, BtrfsSource):
        return _copies_in_subvolume(path, source, chains)
    root = tree_root(source)
    if root is None or not root.contains(path):
        return ()
    names = path.names[len(root.names) :]
    found: list[Copy] = []
    for draft in chains.drafts:
        selection = draft.feed.selection
        if draft.feed.reads != source.name or selection is None or not names:
            continue
        if selection.decide(names, directory=False) is not Verdict.TAKEN:
            continue
        routed = draft.leg.takes is None
        leg = draft.leg.name
        found += chains.of_path(source.name, names) if routed else chains.of_leg_path(leg, names)
    return tuple(found)


def _copies_in_subvolume(
    path: AbsolutePath, source: BtrfsSource, chains: Chains
) -> tuple[Copy, ...]:
    names = path.names[len(source.path.names) :]
    table = chains.tables.get(source.name)
    if not source.path.contains(path) or not names or not is_meant(source, names[0]):
        return ()
    given = {name.encode(): text.encode() for name, text in source.given_names}
    address = tuple(given.get(names[0], names[0]).split(b"/"))
    line = table.line_for(address) if table is not None else None
    if line is None:
        return ()
    return chains.of_line(source.name, address, line, inner=names[1:])
