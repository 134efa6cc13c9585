"""The command that brings one copy back into a new folder: pure, from the plan and the place.

It never writes where the live data are: what it brings lies apart, to be looked at first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.plan.model import Location, Plan
from engine.plan.readers import owned_places
from engine.promises.chains import Copy
from engine.reach.ssh_command import known_shell
from engine.reach.targets import Target
from engine.rsync.filters import FilterError, exclude_rule, only_rules
from policy.legs import CopyingLeg, MirrorLeg
from policy.parts import Attribute, SshTarget

NEW_FOLDER = b"./restored-from-"
"""Where it goes, with the place's name: copies of two places never mix in one folder.

Below the directory where the command is typed, and not in one that all may write to: there somebody
else could have made the folder before, and would get to read, or to lead astray, what comes back.
"""
_OWN_NAMES = b"--exclude=.policyctl-*"
_GLOB = frozenset(b"*?[\\")
_MORE: dict[Attribute, bytes] = {
    Attribute.HARDLINKS: b"--hard-links",
    Attribute.ACLS: b"--acls",
    Attribute.XATTRS: b"--xattrs",
}
_EXPECTED = (Attribute.TIMES, Attribute.PERMS, Attribute.OWNER)
"""What a person takes for granted of a file that comes back."""


def is_plain(plan: Plan, copy: Copy) -> bool:
    """Whether a file of the copy has the name of the live one, if within a generation."""
    legs = [plan.leg(name) for name in copy.via]
    return all(one is not None and isinstance(one.leg, CopyingLeg) for one in legs)


def holds_files(plan: Plan, copy: Copy) -> bool:
    """Whether a copy holds files, by the names of live data or those that its first leg gave."""
    return not copy.snapshot and all(plan.leg(name) is not None for name in copy.via)


def in_generation(copy: Copy, generations: Sequence[bytes]) -> Copy:
    """The copy in the newest of these generations, the oldest of which comes first."""
    if copy.dated is None or not generations:
        return copy
    names = copy.location.names
    dated = (*names[: copy.dated], generations[-1], *names[copy.dated :])
    return replace(copy, location=replace(copy.location, names=dated), dated=None)


def bring_back(plan: Plan, copy: Copy, root: bytes, ssh: SshTarget | None) -> tuple[bytes, ...]:
    """The arguments of the command; empty where no plain one does it.

    `root`: where the destination's root lies on its machine; `ssh`: how that is reached, None for
    this one.
    """
    if copy.dated is not None or not is_plain(plan, copy):
        return ()
    names = copy.location.names
    target = Target(holder=copy.place, root=root, names=names, ssh=ssh)
    # The other machine's rsync takes such a name for a pattern, and would bring what it hits.
    as_rules = ssh is not None and bool(set(b"/".join(names)) & _GLOB)
    try:
        rules = (
            (*others_rules(plan, copy.location, ()), *only_rules(names))
            if as_rules
            else tuple(others_rules(plan, copy.location, _above(root, names)))
        )
    except FilterError:
        return ()
    if as_rules:
        source = Target(holder=copy.place, root=root, names=(), ssh=ssh).argument
    else:
        source = target.argument.rstrip(b"/") or b"/"
    folder = NEW_FOLDER + copy.place.encode() + b"/"
    filters = (b"--filter=" + rule for rule in rules)
    options = (*kept_options(plan, copy.leg), *connection(ssh), _OWN_NAMES, *filters)
    return (b"rsync", *options, b"--", source, folder)


def lost_on_the_way(plan: Plan, copy: Copy) -> tuple[Attribute, ...]:
    """What the copy cannot have kept: no leg on the way carried it, or its place cannot hold it."""
    lost = []
    destination = plan.destination(copy.place)
    for attribute in _EXPECTED:
        unable = destination is not None and attribute in destination.cannot_keep
        if unable or not all(_carries(plan, name, attribute) for name in copy.via):
            lost.append(attribute)
    return tuple(lost)


def _carries(plan: Plan, name: str, attribute: Attribute) -> bool:
    one = plan.leg(name)
    if one is None or not isinstance(one.leg, CopyingLeg):
        return True
    chmod = one.leg.chmod if isinstance(one.leg, MirrorLeg) else None
    tightened = attribute is Attribute.PERMS and chmod is not None
    return attribute in one.leg.preserve and not tightened


def kept_options(plan: Plan, leg: str) -> Iterator[bytes]:
    """As much as the leg that wrote the copy has kept; a file with holes has holes again.

    A mirror fills them, so a copy does not tell any more where they were: zeros become holes.
    """
    yield from (b"--archive", b"--numeric-ids", b"--sparse")
    one = plan.leg(leg)
    kept = one.leg.preserve if one is not None and isinstance(one.leg, CopyingLeg) else ()
    yield from (option for attribute, option in _MORE.items() if attribute in kept)


def connection(ssh: SshTarget | None) -> tuple[bytes, ...]:
    """How rsync reaches a machine, as a person types it."""
    return (b"--secluded-args", b"--rsh=" + known_shell(ssh)) if ssh is not None else ()


def _above(root: bytes, names: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The names by which rsync's rules begin, where a directory itself is sent: its own."""
    if names:
        return names[-1:]
    return tuple(part for part in root.split(b"/") if part)[-1:]


def others_rules(plan: Plan, inside: Location, begin: tuple[bytes, ...]) -> Iterator[bytes]:
    """Rules that leave out what other legs own below the place: it is no part of this copy."""
    skipped = len(inside.names) if begin else 0
    for place in owned_places(plan):
        if place != inside and inside.contains(place):
            yield exclude_rule((*begin, *place.names[skipped:]))
