"""Secrets on their way: no hop may open what only its owner may read (law 22, law 27)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.plan.model import RoutingTable
from engine.promises.chains import Chains, Copy
from policy.diagnostics import Findings
from policy.legs import DumpLeg, FetchLeg, MirrorLeg, SnapshotLeg, SqliteLeg, VersionsLeg
from policy.model import Policy
from policy.parts import Attribute

WritingLeg = MirrorLeg | VersionsLeg | SqliteLeg | FetchLeg | DumpLeg


def check_secrets(
    policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains, findings: Findings
) -> None:
    """Refuse legs that widen modes of secrets, and places that cannot keep them closed."""
    carried: dict[str, set[str]] = {}
    for source, copy in _secret_copies(policy, tables, chains):
        if not _encrypted(policy, copy):
            carried.setdefault(copy.leg, set()).add(source)
    for leg in policy.legs:
        if leg.name in carried and not isinstance(leg, SnapshotLeg):
            _check_leg(leg, sorted(carried[leg.name]), policy, findings)


def _closing(leg: WritingLeg) -> str:
    match leg:
        case MirrorLeg():
            return "add chmod: D700,F600"
        case DumpLeg() | FetchLeg():
            return "choose a destination that keeps modes, or encrypt it: encrypt: {age: [...]}"
        case _:
            return "choose a destination that keeps modes"


def _encrypted(policy: Policy, copy: Copy) -> bool:
    """Whether what is copied is encrypted already: modes do not matter then."""
    first = policy.leg(copy.via[0])
    return isinstance(first, DumpLeg | FetchLeg) and first.encryption is not None


def _secret_copies(
    policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains
) -> Iterator[tuple[str, Copy]]:
    for source in policy.sources:
        if not source.secret:
            continue
        for leg in policy.legs:
            if leg.takes == source.name:
                yield from ((source.name, copy) for copy in chains.of_leg(leg.name))
        for table in tables:
            if table.source == source.name:
                for line in table.lines:
                    names = tuple(component.example() for component in line.pattern.components)
                    copies = chains.of_line(source.name, names, line)
                    yield from ((source.name, copy) for copy in copies)


def _check_leg(leg: WritingLeg, sources: list[str], policy: Policy, findings: Findings) -> None:
    names = ", ".join(sources)
    chmod = leg.chmod if isinstance(leg, MirrorLeg) else None
    if chmod is not None and chmod.widens:
        findings.error(
            "secret-widened",
            f"{leg.name!r} makes files of {names} readable for others: a key of mode 0600 "
            f"arrives as {chmod.apply(0o600, directory=False):04o}",
            leg.at("chmod"),
            hint="D700,F600 keeps them closed",
        )
        return
    destination = policy.destination(leg.to.name)
    closed = chmod is not None and chmod.tightens
    if destination and Attribute.PERMS in destination.cannot_keep and not closed:
        findings.error(
            "secret-unkept",
            f"{destination.name!r} cannot keep modes, and {leg.name!r} carries {names} there",
            leg.at("to"),
            hint=_closing(leg),
        )
