"""Ignores that would take more than litter: databases' sidecars, and routes."""

from __future__ import annotations

from collections.abc import Iterator

from engine.plan.model import RouteLine, RoutingTable
from policy.diagnostics import Findings
from policy.legs import SqliteLeg
from policy.model import Policy
from policy.pattern_relations import lies_inside
from policy.patterns import (
    Component,
    parse_component,
)
from policy.routes import IgnoreRule
from policy.sources import ItemSource, TreeSource

_SIDECARS = tuple(parse_component(name) for name in (b"*-wal", b"*-shm", b"*-journal"))


def check_ignores(policy: Policy, tables: tuple[RoutingTable, ...], findings: Findings) -> None:
    """Report ignores that lose committed rows, and ignores that swallow a route."""
    indexes = [_Index(table) for table in tables]
    for rule in policy.ignores:
        _check_sidecar(rule, policy, findings)
        for index in indexes:
            if not rule.only or index.source in rule.only:
                _check_swallowed(rule, index, findings)


class _Index:
    """The lines of a table by the components that they hold, each component once."""

    def __init__(self, table: RoutingTable) -> None:
        self.source = table.source
        self.literals: dict[bytes, list[RouteLine]] = {}
        self.wildcards: dict[Component, list[RouteLine]] = {}
        for line in table.lines:
            for component in set(line.pattern.components):
                literal = component.literal
                if literal is None:
                    self.wildcards.setdefault(component, []).append(line)
                else:
                    self.literals.setdefault(literal, []).append(line)

    def touching(self, component: Component) -> Iterator[RouteLine]:
        """Lines with a component that lies inside this one."""
        if component.literal is not None:
            yield from self.literals.get(component.literal, ())
            return
        for name in component.matching(self.literals):
            yield from self.literals[name]
        for other, lines in self.wildcards.items():
            if lies_inside(other, component):
                yield from lines


def _check_sidecar(rule: IgnoreRule, policy: Policy, findings: Findings) -> None:
    last = rule.pattern.components[-1]
    if rule.directory or not any(_covers(last, sidecar) for sidecar in _SIDECARS):
        return
    covered = _taken_by_sqlite(policy)
    exposed = [
        source.name
        for source in policy.sources
        if isinstance(source, TreeSource | ItemSource)
        and (not rule.only or source.name in rule.only)
        and source.name not in covered
    ]
    if exposed:
        findings.error(
            "ignore-sidecar",
            f"{rule.text!r} leaves out what SQLite has committed but not yet written to its main "
            f"file, and no sqlite leg takes {', '.join(exposed)}",
            rule.origin,
            hint="drop it, or name with `only` the sources that a sqlite leg takes",
        )


def _covers(ignored: Component, sidecar: Component) -> bool:
    """Whether the ignore takes sidecars of some databases, or of all and more besides."""
    return lies_inside(ignored, sidecar) or lies_inside(sidecar, ignored)


def _taken_by_sqlite(policy: Policy) -> set[str]:
    """Sources whose databases a sqlite leg takes whole."""
    taken = {leg.takes for leg in policy.legs if isinstance(leg, SqliteLeg) and leg.takes}
    feeding = {route.key.source for route in policy.routes if route.leg in taken}
    return taken | feeding


def _check_swallowed(rule: IgnoreRule, index: _Index, findings: Findings) -> None:
    for line in index.touching(rule.pattern.components[-1]):
        if _swallows(rule, line):
            findings.error(
                "ignore-swallows-route",
                f"{line.text!r} can never match: the ignore {rule.text!r} (line "
                f"{rule.origin.line}) takes all of it first",
                line.origin,
                hint="an ignore beats every route; drop one of the two",
            )


def _swallows(rule: IgnoreRule, line: RouteLine) -> bool:
    """Whether everything that the line names is ignored."""
    theirs = line.pattern.components
    mine = rule.pattern.components
    if rule.anchored:
        fits = len(theirs) >= len(mine) and all(
            lies_inside(one, other) for one, other in zip(theirs, mine, strict=False)
        )
        return fits and (rule.directory or len(theirs) == len(mine))
    candidates = theirs if rule.directory else theirs[-1:]
    return any(lies_inside(one, mine[0]) for one in candidates)
