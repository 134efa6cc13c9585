"""Removing an orphan: its copies of today, the rules that name it, and the commands with them.

Everything is done by rsync from the directory in which the live data's root lies in the copy, so
that one way serves a disk of this machine and an account that lets nothing pass but rsync.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from engine.orphans.carriers import Hop, NotCarried, carried_now
from engine.orphans.noted_copies import Orphan
from engine.plan.model import Location, Plan
from engine.plan.selection import RESERVED
from engine.reach.ssh_command import ssh_command
from engine.reach.targets import Target
from engine.rsync.command import SILENCE, WRITE_NOTHING
from engine.rsync.filters import enter_rule, path_rules, sweep_rules
from engine.rsync.itemized import FORMAT
from engine.rsync.output import unescaped
from engine.rsync.set_aside import PARTIAL
from policy.patterns import Component, PathPattern, literal_component

Names = tuple[bytes, ...]
_RESERVED_NAME = b".policyctl-*"
assert str(RESERVED).encode() == _RESERVED_NAME
_ALL = b"*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of one directory an orphan is, and what in it is not its own."""

    paths: tuple[Names, ...]
    """Paths relative to the directory, with all below them."""
    kept: tuple[PathPattern, ...] = ()
    """What in them a leg of today carries, or another one had written."""
    set_aside: bool = False
    """Whether it is what runs had deleted or overwritten: a folder with a reserved name."""

    @property
    def parents(self) -> tuple[Names, ...]:
        """The directories on the way, outermost first."""
        return tuple(sorted({names[:end] for names in self.paths for end in range(1, len(names))}))


def look_rules(scope: Scope) -> tuple[bytes, ...]:
    """Lines that let rsync see the orphan and nothing else."""
    return (
        *(() if scope.set_aside else (b"- " + _RESERVED_NAME,)),
        *(rule for one in scope.kept for rule in path_rules(b"-", one.components)),
        *(enter_rule(names) for names in scope.parents),
        *(rule for names in scope.paths for rule in path_rules(b"+", _literal(names))),
        b"- " + _ALL,
    )


def removal_rules(scope: Scope) -> tuple[bytes, ...]:
    """Lines that let the orphan go and keep everything else; the first one that matches counts.

    Of reserved names only what interrupted transfers left in it goes along.
    """
    return (
        *(rule for one in scope.kept for rule in path_rules(b"P", one.components)),
        *(rule for names in scope.paths for rule in sweep_rules(names, PARTIAL)),
        *(() if scope.set_aside else (b"P " + _RESERVED_NAME,)),
        *(rule for names in scope.paths for rule in path_rules(b"R", _literal(names))),
        b"P " + _ALL,
    )


def _literal(names: Names) -> tuple[Component, ...]:
    return tuple(literal_component(name) for name in names)


# ── Copies of today ──────────────────────────────────────────────────────────────────────────


def copies_by_paths(
    plan: Plan, orphan: Orphan, scope: Scope
) -> dict[tuple[Location, ...], list[Names]]:
    """Paths of the scope by the places that carry them today. Raises `NotCarried`."""
    why = in_no_copy(orphan)
    if why:
        raise NotCarried(why)
    groups: dict[tuple[Location, ...], list[Names]] = {}
    for names in scope.paths:
        hops = carried_now(plan, orphan.live.holder, names)
        here = Location(holder=orphan.base.holder, names=(*orphan.base.names, *names))
        if any(_overlap(hop, here, names) for hop in hops):
            raise NotCarried("its place is one that copies of today pass through")
        roots = tuple(hop.root for hop in hops if _is_mirrored(plan, hop))
        if not roots:
            raise NotCarried("its copies of today lie where they cannot be compared")
        groups.setdefault(roots, []).append(names)
    return groups


def in_no_copy(orphan: Orphan) -> str:
    """Why no copy of today can hold what an orphan does; empty where one may."""
    if orphan.is_set_aside:
        return "what was set aside is in no copy of today"
    if orphan.form:
        return "it holds generations, and no copy of today has states of then"
    return ""


def _is_mirrored(plan: Plan, hop: Hop) -> bool:
    """Whether the other copy is a tree at a destination, as this one is."""
    leg = plan.leg(hop.leg)
    known = plan.destination(hop.root.holder) is not None
    return leg is not None and leg.kind == "mirror" and known


def _overlap(hop: Hop, here: Location, names: Names) -> bool:
    """Whether a copy of today and an orphan are one, or one lies in the other."""
    copy = Location(holder=hop.root.holder, names=(*hop.root.names, *names))
    return copy.contains(here) or here.contains(copy)


# ── Commands ─────────────────────────────────────────────────────────────────────────────────


def look_command(
    rules: tuple[bytes, ...], target: Target, connection: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    """List all that the rules let through."""
    return (
        b"rsync",
        b"--recursive",
        b"--list-only",
        b"--8-bit-output",
        b"--no-human-readable",
        b"--timeout=%d" % SILENCE,
        *connection,
        *rules,
        b"--",
        target.argument,
    )


def removal_command(
    rules: tuple[bytes, ...],
    parents: bytes,
    target: Target,
    connection: tuple[bytes, ...],
    *,
    most: int,
) -> tuple[bytes, ...]:
    """Remove at most so many entries; with 0 rsync counts what it would have removed.

    `parents` holds nothing but the directories on the way. rsync writes nothing, and enters no
    symlink in the place of one of them.
    """
    return (
        b"rsync",
        b"--recursive",
        *WRITE_NOTHING,
        b"--delete-before",
        b"--max-delete=%d" % most,
        b"--timeout=%d" % SILENCE,
        *connection,
        *rules,
        b"--",
        parents.rstrip(b"/") + b"/",
        target.argument,
    )


def compare_command(
    rules: tuple[bytes, ...], orphan: Target, copy: Target, connection: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    """Tell what of the orphan the copy lacks or holds with other content; write nothing.

    Where both lie on one other machine, rsync runs there, and `connection` is of no use.
    """
    both = orphan.ssh is not None and copy.ssh is not None
    ends = [one.path.rstrip(b"/") + b"/" if both else one.argument for one in (orphan, copy)]
    return (
        b"rsync",
        b"--dry-run",
        b"--recursive",
        b"--links",
        b"--devices",
        b"--specials",
        # No --timeout: while rsync reads a very large file it says nothing.
        b"--checksum",
        b"--8-bit-output",
        FORMAT,
        *connection,
        *rules,
        b"--",
        *ends,
    )


def there(orphan: Target, control: bytes, argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """A command as it is run on the machine where the orphan lies."""
    assert orphan.ssh is not None
    return ssh_command(orphan.ssh, control, *argv)


def same_account(one: Target, other: Target) -> bool:
    """Whether both lie where one account of one machine reaches."""
    mine, theirs = one.ssh, other.ssh
    if mine is None or theirs is None:
        return False
    return (mine.account, mine.port) == (theirs.account, theirs.port)


# ── What they print ──────────────────────────────────────────────────────────────────────────

_LISTED = re.compile(rb"^([-a-z])\S{9,10} +([0-9,.]+) [0-9/]{10} [0-9:]{8} (.*)$", re.DOTALL)
_ITEM = re.compile(rb"^[<>ch.*][fdLDSe][^ ]{9} (.*)$", re.DOTALL)
_SKIPPED = re.compile(rb'^skipping non-regular file "(.*)"$')


@dataclass(slots=True)
class Listing:
    """Counts what `look_command` prints, chunk by chunk."""

    parents: frozenset[bytes]
    """Directories on the way: listed, and not the orphan's."""
    files: int = 0
    """Everything that is no directory."""
    entries: int = 0
    """All of it."""
    size: int = 0
    """Bytes: sizes of the files; one with several names for each that `visit` lets count."""
    visit: Callable[[bytes, bytes], bool] = lambda *_: True
    """Called with each line of an entry, and its path; whether its bytes count."""
    _rest: bytes = field(default=b"", repr=False)

    def feed(self, chunk: bytes) -> bytes:
        """Read a chunk; nothing of it is kept."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take(line)
        return b""

    def _take(self, line: bytes) -> None:
        found = _LISTED.match(line)
        if found is None or found[3] == b".":
            return
        kind, size = found[1], int(re.sub(rb"[,.]", b"", found[2]))
        name = unescaped(found[3])
        if kind == b"d" and name in self.parents:
            return
        self.entries += 1
        self.files += kind != b"d"
        self.size += size if self.visit(line, name) and kind == b"-" else 0


def differences(output: bytes) -> Iterator[bytes]:
    """Paths of which `compare_command` says that the copy lacks them or holds others."""
    for line in output.split(b"\n"):
        found = _ITEM.match(line) or _SKIPPED.match(line)
        if found is not None and found[1] not in {b"./", b"."}:
            yield unescaped(found[1]).rstrip(b"/")
