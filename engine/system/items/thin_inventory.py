"""The items of a thin pool: the volumes that a leg carries, by their addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from engine.items.items import Inventory, Item, Names, carries, names_it, names_of
from engine.items.thin_names import LvName, verifier
from engine.items.thin_pool import PoolContent, rollbacks_of, set_aside_of
from engine.items.volume_names import Naming, name_by_lv
from engine.plan.model import Feed, LegPlan
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.items.failures import LvmFailed
from engine.system.items.open_volume import close_left, sweep
from engine.system.items.thin_pool import look, retag
from engine.system.items.volume_names import NamesUnknown, claim_names
from policy.legs import SnapshotLeg
from policy.patterns import parse_component
from policy.sources import LvmThinSource

_STAGED = "volumes are this machine's own: below another root none is looked at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Volumes by their addresses, and what somebody should know of how they got them."""

    names: Mapping[str, Names]
    """Of each volume that has one."""
    unnamed: Mapping[str, Names] = field(default_factory=dict)
    """Of those that nobody names, what a route has to say to choose one."""
    notes: tuple[str, ...] = ()
    refused: str = ""


def thin_inventory(
    source: LvmThinSource, taker: LegPlan, taken: Feed, places: Places, now: datetime
) -> Inventory:
    """What the pool of a source holds, as far as a leg carries it."""
    if places.staged:
        return Inventory(source=source.name, pool=None, refused=_STAGED)
    try:
        content = look(LvName(group=source.vg, volume=source.pool))
    except LvmFailed as error:
        return Inventory(source=source.name, pool=None, refused=str(error))
    named = _named(source, content, places, now)
    return Inventory(
        source=source.name,
        pool=content.pool,
        items=() if named.refused else tuple(_items(taker, taken, content, named, source)),
        notes=(*named.notes, *_strays(content), *_set_aside(content)),
        refused=named.refused,
    )


def _named(source: LvmThinSource, content: PoolContent, places: Places, now: datetime) -> Named:
    """The volumes that are meant, each by its address; those that have none are told."""
    pattern = parse_component(source.volumes.encode())
    meant = [one for one in content.volumes if pattern.matches(one.name.volume.encode())]
    # What nobody can use is what somebody has snapshotted: a volume that was restored from a
    # snapshot, or is a linked clone, has an origin as well, and so has one that was rolled back.
    unused = (one for one in meant if one.origin and one.skipped and not one.active)
    theirs = [one for one in unused if not rollbacks_of(one)]
    volumes = [one.name.volume for one in meant if one not in theirs]
    notes = [
        f"{one.name.text} is a snapshot of {one.origin} that somebody else took: left alone"
        for one in theirs
    ]
    if not source.kubernetes_names:
        return _of_naming(name_by_lv(volumes, dict(source.given_names)), notes)
    cache = places.state_dir / f"names.{source.name}.json"
    config = source.kubeconfig.text if source.kubeconfig is not None else None
    try:
        found = claim_names(volumes, source.vg, kubeconfig=config, cache=cache, now=now)
    except NamesUnknown as unknown:
        return Named(names={}, refused=str(unknown))
    if found.problem:
        age = f"{found.asked:%Y-%m-%d %H:%M} UTC"
        notes.append(
            f"names are those of {age}, since the cluster cannot be asked: {found.problem}"
        )
    return _of_naming(found.naming, notes)


def _of_naming(naming: Naming, notes: list[str]) -> Named:
    told = (f"{one.volume}: {one.why}" for one in naming.unnamed)
    return Named(
        names={one.volume: one.address for one in naming.named},
        unnamed={one.volume: one.address for one in naming.unnamed},
        notes=(*notes, *told),
    )


def _items(
    taker: LegPlan, taken: Feed, content: PoolContent, named: Named, source: LvmThinSource
) -> Iterator[Item]:
    """The volumes that the leg carries; what has no address only where a route names it itself."""
    by_name = {one.name.volume: one for one in content.volumes}
    chosen = {name: at for name, at in named.names.items() if carries(taken.selection, at)}
    chosen |= {name: at for name, at in named.unnamed.items() if names_it(taken.selection, at)}
    for volume, address in sorted(chosen.items(), key=lambda pair: pair[1]):
        own = (one for one in content.snapshots if one.of == volume and one.leg in names_of(taker))
        key = source.key_file
        yield Item(
            names=address,
            volume=by_name[volume],
            snapshots=tuple(sorted(own, key=lambda one: one.moment)),
            key_file=key.of(volume).text if key is not None else None,
            set_aside=set_aside_of(content, volume),
        )


def _strays(content: PoolContent) -> Iterator[str]:
    for one in content.strays:
        yield f"{one.volume.name.text} stays: {one.why.value}"


def _set_aside(content: PoolContent) -> Iterator[str]:
    """What fills the pool until somebody decides, and what has no name since a kill."""
    there = {one.name.volume for one in content.volumes}
    for one in content.set_aside:
        name, since = one.volume.name.text, f"{one.moment:%Y-%m-%d %H:%M} UTC"
        yield (
            f"{name} is what {one.of} was {one.line.value} its rollback of {since}: it is kept, "
            f"with its snapshots, until `lvremove {name}`"
        )
        if one.of not in there:
            yield (
                f"{one.volume.name.group}/{one.of} is not there: a rollback of it was cut off, and "
                "`policyctl status` says how it is completed"
            )


def sweep_pool(source: LvmThinSource, leg: LegPlan, places: Places) -> Iterator[str]:
    """Close what a killed run of the leg has left, and take over what it took by its old name.

    Says what was done. Raises `LvmFailed`.
    """
    if places.staged:
        return
    content = look(LvName(group=source.vg, volume=source.pool))
    yield from sweep(content, leg.name)
    with suppress(Locked), hold(places.leg_lock(verifier(leg.name))):
        yield from close_left(content, verifier(leg.name))
    for snapshot in content.snapshots:
        if isinstance(leg.leg, SnapshotLeg) and snapshot.leg == leg.leg.was:
            retag(snapshot, leg.name)
            yield f"{snapshot.text}: it is {leg.name}'s now, which was {leg.leg.was}"
