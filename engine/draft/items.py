"""Sources of a draft that have items: thin volumes and subvolumes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.draft.names import Names
from engine.draft.observation import Directory, Machine, PoolSeen, VolumeSeen, is_below
from engine.draft.targets import Targets, local_places
from engine.draft.words import GUESS, listed, writable
from engine.items.block_devices import MOUNTABLE
from engine.plan.selection import is_reserved
from policy.parts import Attribute
from policy.values import display

OTHERS_SNAPSHOTS = (b".snapshots", b".zfs", b"@snapshots")
"""Where other tools keep snapshots of the same data."""
_MOST_SOURCES = 4
"""Sources with items in one draft: more would not be through in a night."""
_MOST_VOLUMES = 200
_LEGS = ("snapshots", "files")
"""How the names of the legs end that each has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsDrafted:
    """A source whose items are snapshotted first, and then copied."""

    name: str
    settings: tuple[tuple[str, str], ...]
    """Its kind and where it is, by the manifest's keys."""
    inside: tuple[str, ...] = ()
    """Paths that it keeps, which no tree has to carry."""
    why: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    """Items that no leg carries, each with its reason."""


def choose_items(
    machine: Machine, targets: Targets, names: Names, left_out: list[str]
) -> Iterator[ItemsDrafted]:
    """Choose the sources that have items; each that is none is told with its reason."""
    found = 0
    for pool in machine.pools:
        said = f"the thin pool {pool.group}/{pool.name}"
        why_not = _why_no_items(targets, found) or _why_no_volumes(pool)
        if why_not:
            left_out.append(f"{said}: {why_not}")
            continue
        found += 1
        yield _of_pool(pool, names)
    for seen in machine.directories:
        if not _own_subvolumes(seen):
            continue
        path = writable(seen.path)
        why_not = _why_no_items(targets, found)
        if _meets_copies(seen.path, targets):
            why_not = "the copies lie in it, or it lies among them"
        if path is None or why_not:
            reason = why_not or "no manifest can name its directory"
            left_out.append(f"subvolumes in {display(seen.path)}: {reason}")
            continue
        found += 1
        yield _of_subvolumes(seen, path, names)
    left_out += [
        f"the logical volume {name}: only thin volumes can be snapshotted and copied"
        for name in machine.other_volumes
    ]


def _meets_copies(path: bytes, targets: Targets) -> bool:
    return any(is_below(path, one) or is_below(one, path) for one in local_places(targets))


def _why_no_items(targets: Targets, found: int) -> str:
    first = targets.first
    if not first.is_local:
        return "files of snapshots can be copied to a disk of this machine only"
    if Attribute.HARDLINKS in first.cannot_keep:
        return f"{first.path} cannot keep hard links, which generations are made of"
    return "this draft has enough of its kind: add it by hand" if found >= _MOST_SOURCES else ""


def _why_no_volumes(pool: PoolSeen) -> str:
    if len(pool.volumes) > _MOST_VOLUMES:
        return f"it has {len(pool.volumes)} volumes: choose by hand which of them matter"
    if not any(_why_not(one) == "" for one in pool.volumes):
        return "no volume of it holds a file system that this version can read from a snapshot"
    return ""


def _of_pool(pool: PoolSeen, names: Names) -> ItemsDrafted:
    readable = [one for one in pool.volumes if not _why_not(one)]
    return ItemsDrafted(
        name=names.take(f"{pool.name}-volumes", legs=_LEGS),
        settings=(
            ("kind", "lvm-thin"),
            ("vg", pool.group),
            ("pool", pool.name),
            ("volumes", "*"),
        ),
        why=(
            f"Volumes with a file system: {listed(one.name.encode() for one in readable)}.",
            f"{GUESS}each of them is to be snapshotted, and its files copied; a new one too.",
        ),
        left=tuple(
            (one.name, f"{GUESS}{reason}") for one in pool.volumes if (reason := _why_not(one))
        ),
    )


def _why_not(volume: VolumeSeen) -> str:
    """Why the files of a volume cannot be copied from a snapshot; empty where they can."""
    if volume.mounted:
        return f"mounted at {listed(volume.mounted, most=2)}: what of it matters is a source there"
    if volume.holds == "crypto_LUKS":
        return "encrypted: give the source `luks: {key_file: …}`, and take this line away"
    if volume.holds not in MOUNTABLE:
        what = volume.holds or "no file system that is known"
        return f"it holds {what}, a disk of a virtual machine perhaps, which no leg looks into"
    return ""


def _own_subvolumes(seen: Directory) -> list[bytes]:
    """Those that are data: not where snapshots are kept."""
    return [
        one
        for one in seen.subvolumes
        if one not in OTHERS_SNAPSHOTS and not is_reserved((one,), directory=True)
    ]


def _of_subvolumes(seen: Directory, path: str, names: Names) -> ItemsDrafted:
    last = path.rpartition("/")[2] or "root"
    paths = [seen.path.rstrip(b"/") + b"/" + one for one in _own_subvolumes(seen)]
    return ItemsDrafted(
        name=names.take(f"{last}-subvolumes", legs=_LEGS),
        settings=(("kind", "btrfs"), ("path", path), ("subvolumes", "*")),
        why=(
            f"Subvolumes: {listed(_own_subvolumes(seen))}.",
            f"{GUESS}snapshots of them are wanted, and generations of their files.",
        ),
        inside=tuple(one for one in map(writable, paths) if one is not None),
        left=tuple(
            (one.decode(), f"{GUESS}snapshots of the same data, made by another tool")
            for one in seen.subvolumes
            if one in OTHERS_SNAPSHOTS
        ),
    )
