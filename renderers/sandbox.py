"""What a leg's service may see, write and do: decided from the plan, in three widths.

A sandbox that hides a part of a source would have a mirror delete its copies. So nothing is hidden
that a leg reads, compares or judges by: where that cannot be said path by path, the whole system is
shown, read-only; where the administrator's own commands run, there is no sandbox.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.plan import layout
from engine.plan.model import CheckPlan, DrillPlan, Feed, LegPlan, Plan, tree_root
from engine.plan.readers import is_itemised
from policy.checks import Check, HttpCheck
from policy.destinations import Destination
from policy.legs import CopyingLeg, SqliteLeg
from policy.parts import Attribute, SshTarget
from policy.sources import BtrfsSource, DeviceSource, FilesSource, Source, SqliteSource, TreeSource
from policy.values import AbsolutePath
from renderers.checked import asked_by, needs_all, read_by
from renderers.dumped import (
    OTHER_ACCOUNT,
    Reach,
    accounts,
    dumped_by,
    reach_of,
    runs_anything,
    seen_of,
)
from renderers.sandbox_paths import (
    HIDDEN,
    LOOPBACK,
    NETWORK,
    POLICYCTL,
    ROOTS_SSH,
    SSH_CLIENT,
    SYSTEM,
)
from renderers.touched import databases_of, is_remote

_ALWAYS = (
    "CAP_CHOWN",  # what is copied, and the small trees that incremental passes send
    "CAP_DAC_OVERRIDE",  # writing into directories that others own
    "CAP_DAC_READ_SEARCH",  # reading all of a source
    "CAP_FOWNER",  # times and modes of what others own
    "CAP_FSETID",  # setgid bits where the group is another's
)
_FOR: dict[Attribute, tuple[str, ...]] = {
    Attribute.DEVICES: ("CAP_MKNOD",),
    # Without CAP_SYS_ADMIN the kernel does not even list `trusted.*` (xattr(7)), and `security.*`
    # other than file capabilities cannot be set.
    Attribute.XATTRS: ("CAP_SETFCAP", "CAP_SYS_ADMIN"),
}


class Width(enum.Enum):
    """How much a service sees."""

    CLOSED = "closed"
    """What is named, and nothing else."""
    READABLE = "readable"
    """The whole system, read-only but for what is written."""
    OPEN = "open"
    """Everything: no sandbox."""


class Network(enum.Enum):
    """Whom a service may talk to."""

    NONE = "none"
    LOOPBACK = "loopback"
    """A gateway on this machine."""
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What a service may see, write and do."""

    width: Width
    network: Network
    shown: tuple[AbsolutePath, ...] = ()
    """Read-only, sorted. Only a closed sandbox has to name it."""
    written: tuple[AbsolutePath, ...] = ()
    capabilities: tuple[str, ...] = ()
    makes_devices: bool = False


def sandbox_of(plan: Plan, leg: LegPlan) -> Sandbox:
    """The narrowest sandbox that hides nothing from the leg."""
    network = _network(plan, leg)
    width = _width(plan, leg)
    if width is Width.OPEN:
        return Sandbox(width=width, network=network)
    preserve = leg.leg.preserve if isinstance(leg.leg, CopyingLeg) else ()
    more = {*OTHER_ACCOUNT} if any(map(accounts, dumped_by(plan, leg))) else set()
    written = _outermost(_written(plan, leg))
    shown = _shown(plan, leg, network) if width is Width.CLOSED else ()
    return Sandbox(
        width=width,
        network=network,
        shown=tuple(one for one in _outermost(shown) if not _within(one, written)),
        written=written,
        capabilities=tuple(sorted({*capabilities_for(preserve), *more})),
        makes_devices=Attribute.DEVICES in preserve,
    )


def capabilities_for(preserve: Iterable[Attribute]) -> tuple[str, ...]:
    """What root needs to copy files that others own, and to keep these of their attributes."""
    more = {name for one in preserve for name in _FOR.get(one, ())}
    return tuple(sorted({*_ALWAYS, *more}))


def sandbox_of_drill(plan: Plan, one: DrillPlan) -> Sandbox:
    """The narrowest sandbox that hides nothing from a drill: copies, scratch, and live data.

    Live data are compared with what came back, and never written; so are the copies.
    """
    source = plan.source(one.drill.source)
    places = [place for place in plan.destinations if place.name in one.places]
    near = [place for place in plan.destinations if place.ssh is None]
    targets = [place.ssh for place in places if place.ssh is not None]
    network = Network.ANY if targets else _gateway(plan)
    read = (*_live(source), *(place.path for place in near))
    keys = tuple(path for target in targets for path in _keys(target))
    if one.drill.identity is not None:
        keys += (one.drill.identity,)
    told = plan.monitoring.textfile
    written = _outermost((layout.STATE, one.drill.scratch, *((told,) if told else ())))
    if one.drill.load or _meet((*read, *written, *keys), HIDDEN) or _meet(read, written):
        return Sandbox(width=Width.OPEN, network=network)  # a command may need all that root has
    comes_and_goes = any(place.sometimes for place in near)
    wide = comes_and_goes or isinstance(source, FilesSource)
    shown = SYSTEM if not wide else ()
    if not wide:
        shown += (*read, *(NETWORK if network is Network.ANY else ()))
        shown += (*(SSH_CLIENT if targets else ()), *keys)
    preserve = {
        attribute
        for leg in plan.legs
        if isinstance(leg.leg, CopyingLeg)
        for attribute in leg.leg.preserve
    }
    return Sandbox(
        width=Width.READABLE if wide else Width.CLOSED,
        network=network,
        shown=tuple(path for path in _outermost(shown) if not _within(path, written)),
        written=written,
        capabilities=capabilities_for(preserve),
        makes_devices=Attribute.DEVICES in preserve,
    )


def sandbox_of_check(plan: Plan, one: CheckPlan) -> Sandbox:
    """The narrowest sandbox that hides nothing from a check.

    SQLite makes its `-shm` and `-wal` beside a database that it only reads, where they are missing.
    """
    check = one.check
    asked = asked_by(plan, check)
    network = Network.ANY if asked is not None else _network_of_check(plan, check)
    told = plan.monitoring.textfile
    databases = databases_of(plan, check)
    written = _outermost((layout.STATE, *databases, *((told,) if told else ())))
    read = (*read_by(check), *(_keys(asked) if asked is not None else ()))
    if needs_all(plan, check) or _meet((*read, *written), HIDDEN) or _meet(read, written):
        return Sandbox(width=Width.OPEN, network=network)
    # It looks at no manifest, and secrets may lie beside that.
    system = (one for one in SYSTEM if one != POLICYCTL)
    shown = (*system, *read, *(NETWORK if network is Network.ANY else ()))
    shown += SSH_CLIENT if asked is not None else ()
    return Sandbox(
        width=Width.CLOSED,
        network=network,
        shown=tuple(path for path in _outermost(shown) if not _within(path, written)),
        written=written,
        capabilities=_ALWAYS,
    )


def _network_of_check(plan: Plan, check: Check) -> Network:
    gateway = _gateway(plan)
    if not isinstance(check, HttpCheck) or gateway is Network.ANY:
        return gateway
    return Network.LOOPBACK if LOOPBACK.fullmatch(check.url) else Network.ANY


def _live(source: Source | None) -> tuple[AbsolutePath, ...]:
    """The directories of this machine in which live data lie."""
    if isinstance(source, FilesSource):
        return source.paths
    return (source.path,) if isinstance(source, (TreeSource, BtrfsSource)) else ()


def _width(plan: Plan, leg: LegPlan) -> Width:
    """How narrow it can be.

    The administrator's own commands may need all that root has. A `files` source is read from the
    root on: the directories above what it lists are copied with their attributes, and what it lists
    may be symlinks; only the real ones are right. A disk that comes and goes must be seen coming
    and going: unmounted while a closed sandbox holds it, it would look free and still be written.
    """
    if any(is_itemised(plan, leg, feed) for feed in leg.feeds):
        # LVM waits for udev by semaphores that the two share, locks below /run/lock/lvm, writes
        # /etc/lvm/backup and archive, and opens devices; cryptsetup and mount have as many needs.
        # What is mounted is so in a name space of its own. Narrower once it is measured: a leg of
        # subvolumes needs less, but a lock on a snapshot, and mount all the same.
        return Width.OPEN
    read, written = tuple(_read(plan, leg)), tuple(_written(plan, leg))
    keys = (path for target in _ssh_targets(plan, leg) for path in _keys(target))
    dumped = tuple(dumped_by(plan, leg))
    if leg.leg.before or leg.leg.finally_ or any(map(runs_anything, dumped)):
        return Width.OPEN
    opened = (path for one in dumped for path in seen_of(one))
    if _meet((*read, *written, *keys, *opened), HIDDEN):
        return Width.OPEN
    if _meet(read, (one for one in written if one not in read)):
        return Width.OPEN  # what is written is a mount of its own, and would look like the source's
    files = any(isinstance(plan.source(feed.reads), FilesSource) for feed in leg.feeds)
    comes_and_goes = any(one.sometimes for one in _disks(plan, leg))
    return Width.READABLE if files or comes_and_goes else Width.CLOSED


# ── Paths ────────────────────────────────────────────────────────────────────────────────────


def _shown(plan: Plan, leg: LegPlan, network: Network) -> Iterator[AbsolutePath]:
    yield from SYSTEM
    # What `apply` wrote is compared with its record at the end of each run.
    yield layout.UNITS
    yield _folder(layout.SYSCTL_FILE)
    if plan.monitoring.rules is not None:
        yield _folder(plan.monitoring.rules)
    yield from _read(plan, leg)
    yield from (one.path for one in _disks(plan, leg))
    if network is Network.ANY:
        yield from NETWORK
    for target in _ssh_targets(plan, leg):
        yield from SSH_CLIENT
        yield from _keys(target)
    for source in dumped_by(plan, leg):
        yield from seen_of(source)


def _read(plan: Plan, leg: LegPlan) -> Iterator[AbsolutePath]:
    """What is read, and the live data by which a leg that reads copies knows whose they are."""
    for feed in leg.feeds:
        yield from _roots(plan, feed)
        destination = plan.destination(feed.reads)
        if destination is None:
            continue
        for other in plan.legs:
            for one in other.feeds:
                if one.writes is not None and one.writes.holder == destination.name:
                    yield from _roots(plan, one)


def _roots(plan: Plan, feed: Feed) -> Iterator[AbsolutePath]:
    """The directories of this machine that a feed reads."""
    source, destination = plan.source(feed.reads), plan.destination(feed.reads)
    if isinstance(source, FilesSource):
        yield from source.paths
        return
    root = tree_root(source) if source is not None else None
    if root is not None:
        yield root
    if destination is not None and destination.ssh is None:
        yield destination.path
    upstream = plan.leg(feed.reads)
    for one in upstream.feeds if upstream is not None else ():
        holder = plan.destination(one.writes.holder) if one.writes is not None else None
        if holder is not None and holder.ssh is None:
            yield holder.path


def _written(plan: Plan, leg: LegPlan) -> Iterator[AbsolutePath]:
    """State, copies and figures. A destination as a whole: its directories may have to be made."""
    yield layout.STATE
    for feed in leg.feeds:
        destination = plan.destination(feed.writes.holder) if feed.writes is not None else None
        source = plan.source(feed.writes.holder) if feed.writes is not None else None
        root = tree_root(source) if source is not None else None
        if destination is not None and destination.ssh is None:
            yield destination.path
        if root is not None:
            yield root
        if isinstance(plan.source(feed.reads), SqliteSource):
            yield from (path for one in dumped_by(plan, leg) for path in seen_of(one))
        if isinstance(leg.leg, SqliteLeg):
            # Also to read a database, SQLite makes its `-shm` and `-wal` where they are missing:
            # of one with a write-ahead log whose application is stopped (wal.html, "Read-Only
            # Databases"). It could not be opened otherwise (measured).
            yield from _roots(plan, feed)
    if plan.monitoring.textfile is not None:
        yield plan.monitoring.textfile


def _disks(plan: Plan, leg: LegPlan) -> Iterator[Destination]:
    """The destinations of this machine that a leg looks at.

    Who writes to one looks at all: that two of them are one directory is seen only so.
    """
    used = {feed.writes.holder for feed in leg.feeds if feed.writes is not None}
    written = any(one.ssh is None for one in plan.destinations if one.name in used)
    read = {feed.reads for feed in leg.feeds} | {
        one.writes.holder
        for feed in leg.feeds
        if (upstream := plan.leg(feed.reads)) is not None
        for one in upstream.feeds
        if one.writes is not None
    }
    for one in plan.destinations:
        if one.ssh is None and (written or one.name in read):
            yield one


def _ssh_targets(plan: Plan, leg: LegPlan) -> Iterator[SshTarget]:
    for feed in leg.feeds:
        destination = plan.destination(feed.writes.holder) if feed.writes is not None else None
        if destination is not None and destination.ssh is not None:
            yield destination.ssh
        source = plan.source(feed.reads)
        if isinstance(source, DeviceSource):
            yield source.ssh


def _keys(target: SshTarget) -> Iterator[AbsolutePath]:
    """The key with what may lie beside it; any of root's own where the manifest names none."""
    if target.key is None:
        yield ROOTS_SSH
    else:
        folder, name = _folder(target.key), target.key.names[-1]
        yield from (folder.joined((name + end,)) for end in (b"", b".pub", b"-cert.pub"))
        yield from (ROOTS_SSH.joined((one,)) for one in (b"config", b"known_hosts"))
    if target.known_hosts is not None:
        yield target.known_hosts


def _folder(path: AbsolutePath) -> AbsolutePath:
    return AbsolutePath(path.names[:-1])


def _meet(paths: Iterable[AbsolutePath], others: Iterable[AbsolutePath]) -> bool:
    """Whether one of some paths lies in one of the others, or the other way round."""
    theirs = tuple(others)
    return any(one.contains(two) or two.contains(one) for one in paths for two in theirs)


def _within(path: AbsolutePath, others: Iterable[AbsolutePath]) -> bool:
    return any(one.contains(path) for one in others)


def _outermost(paths: Iterable[AbsolutePath]) -> tuple[AbsolutePath, ...]:
    """Paths without those that lie in another one: a mount more would look like the source's."""
    found: list[AbsolutePath] = []
    for path in sorted(set(paths), key=lambda one: one.names):
        if not _within(path, found):
            found.append(path)
    return tuple(found)


# ── Network ──────────────────────────────────────────────────────────────────────────────────


def _network(plan: Plan, leg: LegPlan) -> Network:
    """Legs of this machine talk to their gateway only, and to servers that they dump."""
    if is_remote(plan, leg):
        return Network.ANY
    local = any(reach_of(one) is Reach.LOOPBACK for one in dumped_by(plan, leg))
    gateway = _gateway(plan)
    return Network.LOOPBACK if local and gateway is Network.NONE else gateway


def _gateway(plan: Plan) -> Network:
    """What telling needs."""
    url = plan.monitoring.pushgateway
    if url is None:
        return Network.NONE
    return Network.LOOPBACK if LOOPBACK.fullmatch(url) else Network.ANY
