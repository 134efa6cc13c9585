"""Secrets on their way: no hop may open what only its owner may read (law 22, law 27)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.chains import Chains, Copy
from engine.plan import RoutingTable
from policy.diagnostics import Findings
from policy.legs import MirrorLeg
from policy.model import Policy
from policy.parts import Attribute


def check_secrets(
    policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains, findings: Findings
) -> None:
    """Refuse legs that widen modes of secrets, and places that cannot keep them closed."""
    carried: dict[str, set[str]] = {}
    for source, copy in _secret_copies(policy, tables, chains):
        carried.setdefault(copy.leg, set()).add(source)
    for leg in policy.legs:
        if isinstance(leg, MirrorLeg) and leg.name in carried:
            _check_leg(leg, sorted(carried[leg.name]), policy, findings)


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


def _check_leg(leg: MirrorLeg, sources: list[str], policy: Policy, findings: Findings) -> None:
    names = ", ".join(sources)
    if leg.chmod is not None and leg.chmod.widens:
        findings.error(
            "secret-widened",
            f"{leg.name!r} makes files of {names} readable for others: a key of mode 0600 "
            f"arrives as {leg.chmod.apply(0o600, directory=False):04o}",
            leg.at("chmod"),
            hint="D700,F600 keeps them closed",
        )
        return
    destination = policy.destination(leg.to.name)
    closed = leg.chmod is not None and leg.chmod.tightens
    if destination and Attribute.PERMS in destination.cannot_keep and not closed:
        findings.error(
            "secret-unkept",
            f"{destination.name!r} cannot keep modes, and {leg.name!r} carries {names} there",
            leg.at("to"),
            hint="add chmod: D700,F600",
        )
