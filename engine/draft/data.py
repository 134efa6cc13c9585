"""What a draft keeps: trees and files of the system, and the rest of it. Pure.

A tree is taken as a whole, so that what comes into it next month is carried too. What is left out
of one has a route with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.draft.items import OTHERS_SNAPSHOTS, ItemsDrafted, choose_items
from engine.draft.names import Names
from engine.draft.observation import Directory, Machine, is_below
from engine.draft.targets import Targets, is_for_copies, is_system, local_places
from engine.draft.words import GUESS, listed, writable
from engine.plan.selection import is_reserved
from policy.values import display

_SQLITE = (
    "it has a database of SQLite: see the leg kind `sqlite` for copies that are sure to be whole"
)
TREES: tuple[tuple[bytes, str, str], ...] = (
    (b"/srv", "srv", ""),
    (b"/home", "home", ""),
    (b"/var/www", "www", ""),
    (b"/data", "data", ""),
    (b"/export", "export", ""),
    (b"/var/mail", "mail", ""),
    (b"/var/vmail", "vmail", ""),
    (b"/var/lib/docker/volumes", "docker-volumes", "databases in it need a dump of their own"),
    (b"/var/lib/containers/storage/volumes", "podman-volumes", "databases in it need a dump"),
    (b"/var/lib/gitea", "gitea", ""),
    (b"/var/lib/forgejo", "forgejo", ""),
    (b"/var/lib/nextcloud", "nextcloud", ""),
    (b"/var/lib/grafana", "grafana", _SQLITE),
    (b"/var/lib/vaultwarden", "vaultwarden", _SQLITE),
    (b"/var/lib/jellyfin", "jellyfin", _SQLITE),
    (b"/var/lib/plexmediaserver", "plex", _SQLITE),
    (b"/var/lib/homeassistant", "homeassistant", _SQLITE),
    (b"/var/lib/unifi", "unifi", "it has a database of its own, and its own way to export it"),
)
"""Directories that are data where they are there: path, name, and what is to be known of each."""
_SECRET = frozenset({b"/var/lib/vaultwarden"})
FILES = (b"/etc", b"/root", b"/usr/local", b"/opt", b"/var/spool/cron")
"""Files of the system that no package brings back."""
IMAGES = (
    (b"/var/lib/libvirt/images", "disks of virtual machines: a copy of one in use is torn"),
    (b"/var/lib/vz", "disks and archives of virtual machines: a copy of one in use is torn"),
    (b"/var/lib/lxc", "root file systems of containers"),
    (b"/var/lib/prometheus", "metrics"),
)
"""Known directories that no draft takes, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDrafted:
    """A source of the kind `tree`."""

    name: str
    path: str
    secret: bool = False
    why: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    """Paths in it that no leg carries, each with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """All that a draft keeps, and what it does not."""

    trees: tuple[TreeDrafted, ...]
    files: tuple[str, ...]
    files_left: tuple[tuple[str, str], ...]
    """Paths among these that are left out, each with its reason."""
    items: tuple[ItemsDrafted, ...]
    left_out: tuple[str, ...]

    @property
    def secret_trees(self) -> bool:
        """Whether a tree holds what only its owner may read."""
        return any(one.secret for one in self.trees)


def choose_data(machine: Machine, targets: Targets) -> Data:
    """Choose what is kept. Something always is: a manifest without a source would be none."""
    names, left_out = Names(targets), list[str]()
    items = list(choose_items(machine, targets, names, left_out))
    kept = {path: one.name for one in items for path in one.inside}
    trees = list(_trees(machine, targets, names, left_out, kept))
    files = tuple(
        path.decode() for path in FILES if _has_entries(machine.directory(path), targets, {})
    )
    if not trees and not files:
        why = (f"{GUESS}nothing was found that looks like data. Put the path of yours here.",)
        trees = [TreeDrafted(name=names.take("data"), path="/srv/data", why=why)]
    left_out += [
        f"{display(path)}: {why}" for path, why in IMAGES if machine.directory(path) is not None
    ]
    return Data(
        trees=tuple(trees),
        files=files,
        files_left=tuple(_outermost(dict(_foreign_in(files, machine, targets)))),
        items=tuple(items),
        left_out=tuple(left_out),
    )


# ── Trees ────────────────────────────────────────────────────────────────────────────────────


def _trees(
    machine: Machine,
    targets: Targets,
    names: Names,
    left_out: list[str],
    kept: Mapping[str, str],
) -> Iterator[TreeDrafted]:
    taken: list[bytes] = []
    for path, name, note in (*TREES, *_disks_with_data(machine, left_out)):
        seen = machine.directory(path)
        if seen is None or any(is_below(path, one) or is_below(one, path) for one in taken):
            continue
        problem = _problem(seen, targets, kept)
        if problem:
            left_out.append(f"{display(path)}: {problem}")
            continue
        taken.append(path)
        yield TreeDrafted(
            name=names.take(name),
            path=path.decode(),
            secret=path in _SECRET,
            why=tuple(_tree_words(seen, machine, note)),
            left=tuple(_left_of_tree(seen, machine, targets, kept)),
        )


def _disks_with_data(machine: Machine, left_out: list[str]) -> Iterator[tuple[bytes, str, str]]:
    """Disks that are mounted and not for copies; of one inside another one the outer."""
    for one in sorted(machine.mounts, key=lambda mount: mount.point):
        if one.is_far or is_system(one.point) or is_for_copies(one, machine):
            continue
        if writable(one.point) is None:
            left_out.append(
                f"{display(one.point)}: no manifest can name it; rename the mount point"
            )
            continue
        name = one.point.rpartition(b"/")[2].decode()
        yield one.point, name, f"{GUESS}{display(one.source)} holds data, and is not for copies"


def _problem(seen: Directory, targets: Targets, kept: Mapping[str, str]) -> str:
    """Why a directory is no source; empty where it is one."""
    if seen.symlink:
        return "a symlink: what it leads to is a source, if anything is"
    for target in local_places(targets):
        if is_below(seen.path, target):
            return f"the copies lie there, in {display(target)}"
    if _has_entries(seen, targets, kept):
        return ""
    inside = any(is_below(path.encode(), seen.path) for path in kept)
    return "nothing is in it but what is kept by itself" if inside else "empty"


def _has_entries(seen: Directory | None, targets: Targets, kept: Mapping[str, str]) -> bool:
    """Whether a leg would find anything there: an empty source is refused by every run."""
    if seen is None or seen.symlink:
        return False
    heads = {
        target[len(seen.path) + 1 :].split(b"/")[0]
        for target in local_places(targets)
        if is_below(target, seen.path) and target != seen.path
    }
    heads |= {
        path.encode()[len(seen.path) + 1 :] for path in kept if is_below(path.encode(), seen.path)
    }
    nothing = heads | {one for one in seen.entries if is_reserved((one,), directory=True)}
    return seen.counted > len(nothing.intersection(seen.entries))


def _tree_words(seen: Directory, machine: Machine, note: str) -> Iterator[str]:
    more = f" and {seen.counted - 8} more" if seen.counted > 8 else ""
    yield f"In it: {listed(seen.entries[:8])}{more}."
    if note:
        yield note[:1].upper() + note[1:] + "."
    on = next((one for one in machine.mounts if one.point == seen.path and one.is_far), None)
    if on is not None:
        yield f"{GUESS}it lies on another machine ({display(on.source)}), and is to be kept here."
    scratch = [one for one in seen.entries if one.lower() in _SCRATCH]
    if scratch:
        yield (
            f"By their names {listed(scratch)} may not be worth a copy: a route to `{{none: why}}` "
            "leaves one out."
        )


_SCRATCH = frozenset({b"tmp", b"temp", b"cache", b"scratch", b"downloads", b"incomplete"})


def _left_of_tree(
    seen: Directory, machine: Machine, targets: Targets, kept: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Paths in a tree that ride no leg; each once."""
    found: dict[str, str] = {}
    for target in local_places(targets):
        if is_below(target, seen.path) and target != seen.path:
            found.setdefault(target.decode(), "the copies themselves")
    for point, reason in _foreign_in((seen.path.decode(),), machine, targets):
        found.setdefault(point, reason)
    for path, source in kept.items():
        if is_below(path.encode(), seen.path):
            found.setdefault(path, f"{GUESS}kept as a subvolume, by {source}")
    for name in seen.entries:
        if name in OTHERS_SNAPSHOTS:
            path = (seen.path.rstrip(b"/") + b"/" + name).decode()
            found.setdefault(path, f"{GUESS}snapshots of the same data, made by another tool")
    yield from _outermost(found)


def _foreign_in(
    paths: Iterable[str], machine: Machine, targets: Targets
) -> Iterator[tuple[str, str]]:
    """What is mounted below some directories and is not to be copied with them."""
    for one in machine.mounts:
        point = writable(one.point)
        inside = any(is_below(one.point, path.encode()) for path in paths)
        if point is None or not inside or point in paths or _near(one.point, targets):
            continue
        if one.is_far:
            yield point, f"{GUESS}a share of another machine, which keeps it"
        elif is_for_copies(one, machine):
            yield point, f"{GUESS}a disk for copies"


def _near(point: bytes, targets: Targets) -> bool:
    return any(is_below(target, point) for target in local_places(targets))


def _outermost(found: dict[str, str]) -> Iterator[tuple[str, str]]:
    for path in sorted(found):
        if not any(is_below(path.encode(), other.encode()) for other in found if other != path):
            yield path, found[path]
