"""Names that must resolve, and kinds that must fit each other."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from engine.alerts.check_alerts import check_stem
from engine.alerts.drill_alerts import drill_stem
from engine.alerts.words import alert_stem
from engine.plan.circles import find_circle
from engine.routing.tables import tree_of
from policy.checks import Check, SqliteIntegrityCheck
from policy.diagnostics import Findings, Origin
from policy.drills import Drill
from policy.legs import (
    KIND_NAMES,
    DumpLeg,
    FetchLeg,
    KeepingLeg,
    Leg,
    MirrorLeg,
    SnapshotLeg,
    SqliteLeg,
    VersionsLeg,
)
from policy.model import Policy
from policy.needs import SecretNeed, SourceNeed
from policy.sources import (
    DeviceSource,
    DumpedSource,
    FilesSource,
    ServerKind,
    ServerSource,
    Source,
    SqliteSource,
    TreeSource,
)


def check_references(policy: Policy, findings: Findings) -> None:
    """Report unknown names, wrong kinds, unused and doubly used sources, circles."""
    for leg in policy.legs:
        _check_takes(leg, policy, findings)
        _check_target(leg, policy, findings)
        _check_after(leg, policy, findings)
        if isinstance(leg, DumpLeg):
            _check_dump(leg, policy, findings)
    for check in policy.checks:
        _check_check(check, policy, findings)
    for rule in policy.ignores:
        for name in rule.only:
            if policy.source(name) is None:
                _unknown(name, "source", _names(policy.sources), rule.origin, findings)
    _check_needs(policy, findings)
    _tell_unread(policy, findings)
    _check_each_source_used(policy, findings)
    _check_after_circle(policy, findings)
    _check_was(policy, findings)
    _check_alert_names(policy, findings)


def _check_check(check: Check, policy: Policy, findings: Findings) -> None:
    if not isinstance(check, SqliteIntegrityCheck):
        return
    fitting = SqliteSource | TreeSource
    if not isinstance(policy.source(check.source), fitting):
        known = [one.name for one in policy.sources if isinstance(one, fitting)]
        _unknown(check.source, "sqlite or tree source", known, check.at("source"), findings)


def _check_needs(policy: Policy, findings: Findings) -> None:
    for one in (*policy.sources, *policy.destinations):
        for need in one.needs:
            name = need.source if isinstance(need, SourceNeed) else None
            name = need.inside if isinstance(need, SecretNeed) else name
            if name is not None and policy.source(name) is None:
                _unknown(name, "source", _names(policy.sources), need.origin, findings)


def _tell_unread(policy: Policy, findings: Findings) -> None:
    for one in policy.destinations:
        if one.snapshots is not None and one.snapshots.unread:
            findings.note(
                "snapshots-unread",
                f"nobody looks whether {one.name!r} keeps the snapshots of "
                f"{one.snapshots.share!r} that are declared: {one.snapshots.unread}",
                one.snapshots.origin,
            )


def _check_alert_names(policy: Policy, findings: Findings) -> None:
    """Whoever is woken knows by the name alone which leg is meant."""
    first: dict[str, Leg | Drill | Check] = {}
    for leg in policy.legs:
        other = first.setdefault(alert_stem(leg), leg)
        if other is not leg:
            findings.error(
                "alert-twice",
                f"the alerts of {leg.name!r} would have the names of those of {other.name!r}",
                leg.at("alert"),
                hint="give one of them another `alert`",
            )
    for drill in policy.drills:
        other = first.setdefault(drill_stem(drill.name), drill)
        if other is not drill:
            findings.error(
                "alert-twice",
                f"the alerts of {drill.name!r} would have the names of those of {other.name!r}",
                drill.origin,
                hint="give the drill another name",
            )
    for check in policy.checks:
        other = first.setdefault(check_stem(check.name), check)
        if other is not check:
            findings.error(
                "alert-twice",
                f"the alerts of {check.name!r} would have the names of those of {other.name!r}",
                check.origin,
                hint="give the check another name",
            )


def _names(items: Iterable[Source | Leg]) -> list[str]:
    return [one.name for one in items]


def _unknown(name: str, what: str, known: list[str], origin: Origin, findings: Findings) -> None:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    findings.error("unknown-name", f"there is no {what} {name!r}", origin, hint=hint)


def _check_takes(leg: Leg, policy: Policy, findings: Findings) -> None:
    if leg.takes is None:
        return
    origin = leg.at("from")
    taken = policy.source(leg.takes) or policy.leg(leg.takes) or policy.destination(leg.takes)
    if taken is None:
        known = [*_names(policy.sources), *_names(policy.legs)]
        known += [one.name for one in policy.destinations]
        _unknown(leg.takes, "source, leg or destination", known, origin, findings)
    elif leg.takes == leg.name:
        findings.error("from-wrong-kind", f"{leg.name!r} cannot take its own product", origin)
    elif not _can_take(leg, taken):
        findings.error(
            "from-wrong-kind",
            f"a {KIND_NAMES[type(leg)]} leg cannot take {leg.takes!r}",
            origin,
            hint=_TAKES[type(leg)],
        )


_TAKES: dict[type[Leg], str] = {
    MirrorLeg: "a mirror takes a tree, a list of files, another leg's product or a destination",
    SnapshotLeg: "a snapshot leg has no `from`: route items of an lvm-thin or btrfs source to it",
    VersionsLeg: "it takes a snapshot leg or a tree",
    SqliteLeg: "it takes a snapshot leg or a tree",
    FetchLeg: "it takes a device",
    DumpLeg: "it takes a postgresql, mysql, redis, etcd, vault, sqlite or command source",
}


def _can_take(leg: Leg, taken: object) -> bool:
    match leg:
        case MirrorLeg():
            product = MirrorLeg | VersionsLeg | SqliteLeg | FetchLeg | DumpLeg
            return not isinstance(taken, Source | Leg) or isinstance(
                taken, TreeSource | FilesSource | product
            )
        case SnapshotLeg():
            return False
        case VersionsLeg() | SqliteLeg():
            return isinstance(taken, SnapshotLeg | TreeSource)
        case FetchLeg():
            return isinstance(taken, DeviceSource)
        case DumpLeg():
            return isinstance(taken, DumpedSource)


def _check_target(leg: Leg, policy: Policy, findings: Findings) -> None:
    if isinstance(leg, SnapshotLeg):
        return
    name = leg.to.name
    source = policy.source(name)
    if policy.destination(name) is None and source is None:
        known = [one.name for one in policy.destinations]
        known += [one.name for one in policy.sources if isinstance(one, TreeSource)]
        _unknown(name, "destination or tree source", known, leg.at("to"), findings)
    elif source is not None and not isinstance(source, TreeSource):
        findings.error(
            "to-wrong-kind", f"nothing can be written into the source {name!r}", leg.at("to")
        )
    elif isinstance(leg, KeepingLeg) and leg.runner is None and _is_far(leg.to.name, policy):
        findings.error(
            "to-wrong-kind",
            f"a {KIND_NAMES[type(leg)]} leg writes to directories of this machine only",
            leg.at("to"),
            hint="write to a disk here, and let a mirror carry the generations on: links stay",
        )
    elif source is not None and isinstance(leg, MirrorLeg):
        findings.error(
            "to-wrong-kind",
            f"a mirror into the live data of {name!r} would delete there what its own source "
            "does not have",
            leg.at("to"),
            hint="a mirror writes to a destination; dumps and fetches may land inside a tree",
        )


_SEVERAL = {ServerKind.POSTGRESQL, ServerKind.MYSQL}
"""Servers that have several databases."""


def _check_dump(leg: DumpLeg, policy: Policy, findings: Findings) -> None:
    """What a leg says of its dumps must be something that its server has."""
    source = policy.source(leg.takes)
    if source is None:
        return  # that was told already
    kind = source.server if isinstance(source, ServerSource) else None
    if leg.per_database and kind not in _SEVERAL:
        findings.error(
            "dump-per-database",
            f"{leg.takes!r} has no databases of which each could be dumped by itself",
            leg.at("per"),
            hint="leave `per` out; it is for postgresql and mysql",
        )
    if "compress" in dict(leg.origins) and kind not in _SEVERAL:
        findings.error(
            "dump-compress",
            f"a dump of {leg.takes!r} is no text of SQL, and is kept as it comes",
            leg.at("compress"),
            hint="leave `compress` out; a command may compress what it prints by itself",
        )
    untold = leg.encryption is not None and kind not in {ServerKind.ETCD, ServerKind.VAULT}
    if leg.changes_within is not None and (untold or kind is ServerKind.REDIS):
        findings.error(
            "dump-changes",
            "an encrypted dump says nothing of its content"
            if untold
            else "a dump of Redis differs each time, whether or not its data do",
            leg.at("changes_within"),
            hint="leave `changes_within` out",
        )


def _is_far(name: str, policy: Policy) -> bool:
    destination = policy.destination(name)
    return destination is not None and destination.ssh is not None


def _check_after(leg: Leg, policy: Policy, findings: Findings) -> None:
    for name in leg.after:
        if policy.leg(name) is None:
            _unknown(name, "leg", _names(policy.legs), leg.at("after"), findings)


def _check_each_source_used(policy: Policy, findings: Findings) -> None:
    routed = set(_routed_sources(policy))
    taken = {leg.takes for leg in policy.legs}
    for source in policy.sources:
        if source.name in routed and source.name in taken:
            findings.error(
                "source-both",
                f"the source {source.name!r} is routed and named by a `from`: its paths would "
                "ride two legs",
                source.origin,
            )
        elif source.name not in routed and source.name not in taken:
            findings.error(
                "source-unused",
                f"nothing is said about the source {source.name!r}: it would not be kept",
                source.origin,
                hint="route it, name it in a `from`, or route it to {none: reason}",
            )


def _routed_sources(policy: Policy) -> Iterator[str]:
    for route in policy.routes:
        if route.key.source:
            yield route.key.source
        else:
            found = tree_of(policy, route.key.pattern)
            if found is not None:
                yield found[0].name


def _check_after_circle(policy: Policy, findings: Findings) -> None:
    circle = find_circle({leg.name: leg.after for leg in policy.legs})
    if circle:
        leg = policy.leg(circle[0])
        assert leg is not None
        findings.error(
            "after-circle",
            f"each waits for the other: {' → '.join((*circle, circle[0]))}",
            leg.at("after"),
            hint="none of them could ever start; drop one of the `after`",
        )


def _check_was(policy: Policy, findings: Findings) -> None:
    """A rename must leave a name that is gone, or two things would claim one history."""
    _check_was_among((*policy.destinations, *policy.sources, *policy.legs), findings)
    _check_was_among(policy.drills, findings)
    _check_was_among(policy.checks, findings)


class _Named(Protocol):
    """A part of the manifest that may have been renamed."""

    @property
    def name(self) -> str: ...
    @property
    def was(self) -> str | None: ...
    @property
    def origin(self) -> Origin: ...


def _check_was_among(things: Sequence[_Named], findings: Findings) -> None:
    """Of parts that share one name space."""
    present = {one.name for one in things}
    claimed: dict[str, str] = {}
    for one in things:
        if one.was is None:
            continue
        if one.was in present:
            findings.error(
                "was-present",
                f"{one.name!r} says it was {one.was!r}, which is still in the manifest",
                one.origin,
            )
        if one.was in claimed:
            findings.error(
                "was-twice",
                f"{one.name!r} and {claimed[one.was]!r} both say they were {one.was!r}",
                one.origin,
            )
        claimed[one.was] = one.name
