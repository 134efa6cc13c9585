"""The items of a btrfs source: the subvolumes that a leg carries, by their addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from engine.items.items import Inventory, Item, Names, carries, names_it, names_of
from engine.items.subvolumes import SNAPSHOTS, Found, Stray, Subvolume, SubvolumeSnapshot, is_meant
from engine.items.volume_names import GIVEN_AWAY, given_addresses
from engine.plan.model import Feed, LegPlan
from engine.runs.preflight import identity_problem
from engine.system.host.places import Places
from engine.system.items.failures import BtrfsFailed
from engine.system.items.subvolume_snapshots import give_to
from engine.system.items.subvolumes import look
from engine.system.state.state import State
from policy.legs import SnapshotLeg
from policy.sources import BtrfsSource
from policy.values import display

_SHOWN = 3
"""How many of several a note names."""


def subvolume_inventory(
    source: BtrfsSource,
    taker: LegPlan,
    taken: Feed,
    places: Places,
    state: State,
    legs: Collection[str | None],
) -> Inventory:
    """What the directory of a source holds, as far as a leg carries it.

    `legs` are all that may have taken snapshots there, by what they are called and were.
    """
    try:
        found = look(places.below_root(source.path))
    except BtrfsFailed as error:
        return Inventory(source=source.name, pool=None, refused=str(error))
    system = found.file_system
    recorded = state.destination_identity(source.name)
    problem = identity_problem(recorded, system.identity, name=source.name)
    if problem:
        refused = f"{display(system.path)}: identity: {problem}"
        return Inventory(source=source.name, pool=system, refused=refused)
    meant = {one.name: one for one in found.subvolumes if is_meant(source, one.name)}
    theirs = [one.name for one in meant.values() if one.is_others_snapshot]
    addresses = dict(given_addresses(meant.keys() - set(theirs), dict(source.given_names)))
    unnamed = [name for name, address in addresses.items() if address is None]
    notes = (
        *((name, "it is a snapshot that somebody else took: left alone") for name in theirs),
        *((name, GIVEN_AWAY) for name in unnamed),
    )
    return Inventory(
        source=source.name,
        pool=system,
        items=tuple(_items(taker, taken, addresses, found)),
        notes=(
            *(f"{display(name)}: {why}" for name, why in notes),
            *_strays(found.strays),
            *_left(found.snapshots, legs),
        ),
    )


def _items(
    taker: LegPlan, taken: Feed, addresses: Mapping[bytes, Names | None], found: Found
) -> Iterator[Item]:
    """The subvolumes that the leg carries; what has no address only where a route names it."""
    by_name = {one.name: one for one in found.subvolumes}
    chosen = {}
    for name, address in addresses.items():
        if address is not None and carries(taken.selection, address):
            chosen[name] = address
        elif address is None and names_it(taken.selection, (name,)):
            chosen[name] = (name,)
    for name, at in sorted(chosen.items(), key=lambda pair: pair[1]):
        own = (one for one in found.snapshots if one.of.name == name and one.leg in names_of(taker))
        yield Item(
            names=at,
            volume=by_name[name],
            snapshots=tuple(sorted(own, key=lambda one: one.moment)),
            notes=tuple(_nested(by_name[name])),
        )


def _nested(subvolume: Subvolume) -> Iterator[str]:
    """A snapshot ends where another subvolume begins: without a word its data would be missing."""
    if subvolume.nested:
        are = "is a subvolume of its own" if len(subvolume.nested) == 1 else "are subvolumes"
        yield f"{_some(subvolume.nested)} in it {are}: no snapshot of it holds what is in there"


def _some(names: Sequence[bytes]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(map(display, names[:_SHOWN])) + more


def _strays(strays: Sequence[Stray]) -> Iterator[str]:
    """What stays, a line for each folder and reason."""
    kinds: dict[tuple[bytes, str], list[bytes]] = {}
    for one in strays:
        kinds.setdefault((one.folder, one.why.value), []).append(one.name)
    for (folder, why), names in kinds.items():
        inner = f": {_some(names)}" if any(names) else ""
        stay = "stays" if len(names) == 1 else "stay"
        yield f"{display(SNAPSHOTS + b'/' + folder)}{inner} {stay}: {why}"


def _left(snapshots: Sequence[SubvolumeSnapshot], legs: Collection[str | None]) -> Iterator[str]:
    """What a leg has left that is in the plan no more: nobody prunes it."""
    counts = Counter(one.leg for one in snapshots if one.leg not in legs)
    for leg, count in sorted(counts.items()):
        stay = "1 snapshot stays" if count == 1 else f"{count:,} snapshots stay"
        yield f"{display(SNAPSHOTS)}: {stay}: there is no leg {leg} any more that would remove any"


def sweep_subvolumes(
    source: BtrfsSource, leg: LegPlan, places: Places, state: State
) -> Iterator[str]:
    """Take over what the leg took by its old name; what was done.

    What cannot be, is the leg's by its old name still. Of what a killed run has read nothing stays
    open: its lock and its mount died with it.
    """
    if not isinstance(leg.leg, SnapshotLeg) or leg.leg.was is None:
        return
    try:
        found = look(places.below_root(source.path))
    except BtrfsFailed:
        return  # preflight will say so
    if found.file_system.identity != state.destination_identity(source.name):
        return
    for snapshot in found.snapshots:
        if snapshot.leg == leg.leg.was:
            try:
                give_to(snapshot, leg.name)
            except BtrfsFailed as error:
                yield str(error)
            else:
                yield f"{snapshot.text}: it is {leg.name}'s now, which was {leg.leg.was}"
