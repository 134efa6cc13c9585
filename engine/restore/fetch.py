"""The command that fetches one version into a folder of our own, and where it then lies.

It always reads from the root of the destination, by rules that let nothing through but the path:
rsync enters no symlink on its way down a tree, but follows each one in a path that it is given. So
a copy of a symlink to a directory never brings what that directory holds on this machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.plan.model import Location, Plan
from engine.plan.readers import owned_places
from engine.progress import OPTION
from engine.reach.ssh_command import remote_shell
from engine.reach.targets import Target
from engine.restore.versions import Version
from engine.rsync.command import merge_rules
from engine.rsync.filters import enter_rule, exclude_rule, matching_rules, take_rule
from engine.rsync.itemized import FORMAT
from engine.rsync.set_aside import PARTIAL
from engine.standing.bring_back import kept_options, others_rules
from policy.parts import SshTarget
from policy.patterns import Component, literal_component

TREE = b"tree"
"""What is fetched lies in this directory of the folder, under its names at the destination."""
_SILENCE = 600
_OWN = b"- .policyctl-*"
_NO_SHARED_CONNECTION = b"none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the holder of a version lies, and how it is reached."""

    root: bytes
    ssh: SshTarget | None
    """None: on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """One version to be fetched."""

    options: tuple[bytes, ...]
    source: bytes
    piece: tuple[bytes, ...]
    """Where it lies afterwards, below the folder."""
    ways: tuple[tuple[bytes, ...], ...] = ()
    """Below that: directories on the way to what other legs own there, the inner ones first."""

    def counting(self, folder: bytes) -> tuple[bytes, ...]:
        """The command that only counts what the other one would fetch into a folder."""
        program, *rest = self.argv(folder)
        words = (b"--info=stats2" if one == OPTION else one for one in rest)
        return (program, b"--dry-run", *words)

    def argv(self, folder: bytes, *, doubted: bool = False) -> tuple[bytes, ...]:
        """The command that fetches it into a folder.

        `doubted`: what lies there already is compared by content, not by size and time.
        """
        by_content = (b"--checksum",) if doubted else ()
        return (
            b"rsync",
            *self.options,
            *by_content,
            b"--",
            self.source,
            folder + b"/" + TREE + b"/",
        )


def fetch_of(
    plan: Plan,
    version: Version,
    place: Place,
    inside: tuple[Component, ...] = (),
    without: Sequence[tuple[bytes, ...]] = (),
) -> Fetch:
    """How a version is fetched; of a directory only what a pattern matches in it, where one is.

    `without`: paths below it that stay behind, such as what another leg carries by now.
    Raises `FilterError` where its path is too long for a rule.
    """
    names = version.location.names
    options = (
        *kept_options(plan, version.copy.leg),
        *_connection(place.ssh),
        # What an earlier try has brought, and is there no more; nothing else lies in that folder.
        b"--delete",
        b"--partial-dir=" + PARTIAL,
        b"--timeout=%d" % _SILENCE,
        OPTION,
        b"--no-human-readable",
        # Directories that a wildcard has entered, and nothing in them was wanted.
        *((b"--prune-empty-dirs",) if len(inside) > 1 else ()),
        *(b"--filter=" + exclude_rule((*names, *one)) for one in without),
        *(b"--filter=" + rule for rule in _rules(plan, version, inside)),
    )
    source = Target(holder=version.place, root=place.root, names=(), ssh=place.ssh).argument
    ways = tuple(_ways(plan, version.base))
    return Fetch(options=options, source=source, piece=(TREE, *names), ways=ways)


def _ways(plan: Plan, location: Location) -> list[tuple[bytes, ...]]:
    owned = location.inner(owned_places(plan))
    found = {names[:depth] for names in owned for depth in range(1, len(names))}
    return sorted(found, key=lambda one: (-len(one), one))


def fetch_drawn(plan: Plan, version: Version, place: Place, rules: bytes) -> Fetch:
    """How some files of a version are fetched: those of `drawn_rules`, which lie in a file."""
    whole = fetch_of(plan, version, place)
    options = (one for one in whole.options if not one.startswith(b"--filter="))
    return Fetch(
        options=(*options, b"--prune-empty-dirs", merge_rules(rules)),
        source=whole.source,
        piece=whole.piece,
    )


def drawn_rules(location: Location, paths: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that send these files of a version, given by their paths in it, and nothing else.

    Each directory on the way is named: rsync goes down to them, and so through no symlink. Raises
    `FilterError` where a path is too long for a rule.
    """
    entered: set[tuple[bytes, ...]] = set()
    for path in paths:
        names = (*location.names, *path.split(b"/"))
        for depth in range(1, len(names)):
            if names[:depth] not in entered:
                entered.add(names[:depth])
                yield enter_rule(names[:depth])
        yield take_rule(names)
    yield b"- *"


def fetch_beside(
    version: Version, place: Place, depth: int, names: Iterable[bytes], most: int
) -> tuple[bytes, ...]:
    """The command that brings some files which lie above a version, up to so many bytes each.

    `depth`: how far above; 0: in it. The folder that they are to lie in follows. Raises
    `FilterError` where its path is too long for a rule.
    """
    folder = version.location.names[: len(version.location.names) - depth]
    ways = (enter_rule(folder[:end]) for end in range(1, len(folder) + 1))
    wanted = (take_rule((*folder, name)) for name in names)
    return (
        *(b"rsync", b"--recursive", b"--times", b"--max-size=%d" % most),
        b"--timeout=%d" % _SILENCE,
        *_connection(place.ssh),
        *(b"--filter=" + rule for rule in (*ways, *wanted, b"- *")),
        b"--",
        Target(holder=version.place, root=place.root, names=(), ssh=place.ssh).argument,
    )


def list_of(plan: Plan, version: Version, place: Place) -> tuple[bytes, ...]:
    """The command that lists everything in a version, for `engine.rsync.output.parse_file`.

    Raises `FilterError` where its path is too long for a rule.
    """
    return (
        *(b"rsync", b"--list-only", b"--recursive", b"--8-bit-output", b"--no-human-readable"),
        b"--timeout=%d" % _SILENCE,
        *_connection(place.ssh),
        *(b"--filter=" + rule for rule in _rules(plan, version, ())),
        b"--",
        Target(holder=version.place, root=place.root, names=(), ssh=place.ssh).argument,
    )


def compare_drawn(
    plan: Plan, version: Version, place: Place, rules: bytes, tree: bytes
) -> tuple[bytes, ...]:
    """Compare by content what came of some files with a version; nothing is sent or written.

    `rules`: a file of rules that let these files alone through; `tree`: what came, here. While
    rsync reads a large file it says nothing: no silence is too long.
    """
    names = version.location.names
    return (
        b"rsync",
        *kept_options(plan, version.copy.leg),
        *_connection(place.ssh),
        *(b"--dry-run", b"--checksum", b"-ii", b"--8-bit-output", FORMAT),
        merge_rules(rules),
        b"--",
        Target(holder=version.place, root=place.root, names=names, ssh=place.ssh).argument,
        tree,
    )


def _connection(ssh: SshTarget | None) -> tuple[bytes, ...]:
    if ssh is None:
        return ()
    return (b"--secluded-args", b"--rsh=" + remote_shell(ssh, _NO_SHARED_CONNECTION))


def _rules(plan: Plan, version: Version, inside: tuple[Component, ...]) -> Iterator[bytes]:
    """What belongs to other legs and to runs is no part of it, whatever lies on the way to it."""
    location = version.location
    yield from others_rules(plan, version.base, version.lead)
    wanted = (*map(literal_component, location.names), *inside)
    if not wanted:
        yield _OWN
        return
    *ways, whole, itself, rest = matching_rules(wanted)
    # What a run has set aside lies below such a name: only the way there passes it.
    yield from ways[: len(location.names)]
    yield _OWN
    yield from (*ways[len(location.names) :], whole, itself, rest)
