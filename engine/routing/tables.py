"""Routing tables: each route resolved to its source, each source's lines in order.

Says in findings what cannot be a table: unknown names, keys outside every source, two lines that
fight, a source that no line covers.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from engine.plan.model import RouteLine, RoutingTable
from engine.routing.precedence import RouteTrie
from policy.diagnostics import Findings
from policy.legs import CopyingLeg, Leg, SnapshotLeg
from policy.model import Policy
from policy.patterns import PathPattern
from policy.routes import Route
from policy.sources import ItemSource, Source, TreeSource
from policy.values import display


def routing_tables(policy: Policy, findings: Findings) -> tuple[RoutingTable, ...]:
    """Build the table of every routed source, in order of the sources' names."""
    lines: dict[str, list[RouteLine]] = {}
    for route in policy.routes:
        found = _resolve(route, policy, findings)
        if found is not None and _leg_fits(route, found[0], policy, findings):
            lines.setdefault(found[0].name, []).append(_line(route, found[1]))
    _check_stops(policy, findings)
    return tuple(
        RoutingTable(source=source.name, lines=_ordered(source, lines[source.name], findings))
        for source in policy.sources
        if source.name in lines
    )


def _line(route: Route, pattern: PathPattern) -> RouteLine:
    return RouteLine(
        text=route.text,
        pattern=pattern,
        leg=route.leg,
        reason=route.reason,
        because=route.because,
        stop=route.stop,
        origin=route.origin,
    )


def _resolve(route: Route, policy: Policy, findings: Findings) -> tuple[Source, PathPattern] | None:
    """Find the source of a route, and its pattern counted from the source's root."""
    if route.key.source:
        source = policy.source(route.key.source)
        if source is None:
            _unknown(
                route.key.source, "source", (one.name for one in policy.sources), route, findings
            )
            return None
        pattern = route.key.pattern
    else:
        found = tree_of(policy, route.key.pattern)
        if found is None:
            findings.error(
                "route-no-source",
                f"{route.text!r} lies in no tree source",
                route.origin,
                hint="name the source's root without wildcards, or declare a source for it",
            )
            return None
        source, pattern = found
    if not isinstance(source, TreeSource | ItemSource):
        findings.error(
            "route-not-routable",
            f"the source {source.name!r} has no paths to route",
            route.origin,
            hint=f"name it in the `from` of a leg: from: {source.name}",
        )
        return None
    return source, pattern


def tree_of(policy: Policy, pattern: PathPattern) -> tuple[TreeSource, PathPattern] | None:
    """The innermost tree whose root is a literal beginning of the pattern, and the rest."""
    best: tuple[TreeSource, PathPattern] | None = None
    for source in policy.sources:
        if not isinstance(source, TreeSource):
            continue
        depth = len(source.path.names)
        head = PathPattern(pattern.components[:depth]).literal
        deeper = best is None or depth > len(best[0].path.names)
        if head == source.path.names and deeper:
            best = (source, PathPattern(pattern.components[depth:]))
    return best


def _unknown(name: str, what: str, known: Iterable[str], route: Route, findings: Findings) -> None:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    if what == "leg" and name == "none":
        hint = 'where no copy is wanted, say why: {none: "made anew each day"}'
    findings.error("unknown-name", f"there is no {what} {name!r}", route.origin, hint=hint)


def _leg_fits(route: Route, source: Source, policy: Policy, findings: Findings) -> bool:
    if route.leg is None:
        return True
    leg = policy.leg(route.leg)
    if leg is None:
        _unknown(route.leg, "leg", (one.name for one in policy.legs), route, findings)
        return False
    if leg.takes is not None:
        findings.error(
            "route-to-fed-leg",
            f"the leg {leg.name!r} takes {leg.takes!r} as a whole; no route can feed it",
            route.origin,
            hint="route to a leg without `from`, or drop its `from`",
        )
        return False
    if not _carries(leg, source):
        findings.error(
            "route-wrong-kind",
            f"the leg {leg.name!r} cannot take what {source.name!r} holds",
            route.origin,
            hint="a tree rides a mirror or versions leg; volumes and subvolumes, a snapshot leg",
        )
        return False
    return True


def _carries(leg: Leg, source: Source) -> bool:
    if isinstance(source, TreeSource):
        return isinstance(leg, CopyingLeg)
    return isinstance(leg, SnapshotLeg)


def _check_stops(policy: Policy, findings: Findings) -> None:
    for route in policy.routes:
        if route.stop and policy.leg(route.stop.after) is None:
            _unknown(route.stop.after, "leg", (one.name for one in policy.legs), route, findings)


def _ordered(source: Source, lines: list[RouteLine], findings: Findings) -> tuple[RouteLine, ...]:
    trie: RouteTrie[RouteLine] = RouteTrie()
    for line in lines:
        first = trie.add(line.pattern, line)
        if first is not None:
            findings.error(
                "route-twice",
                f"{line.text!r} names the same paths as {first.text!r} in line {first.origin.line}",
                line.origin,
                hint="keep one of the two",
            )
    for conflict in trie.conflicts():
        findings.error(
            "route-ambiguous",
            f"{conflict.first.text!r} and {conflict.second.text!r} (line "
            f"{conflict.second.origin.line}) both match {_full(source, conflict.path)!r}, "
            "and neither is the more specific",
            conflict.first.origin,
            hint="make one of them lie wholly inside the other",
        )
    ordered = trie.ordered()
    if ordered and ordered[-1].pattern.components:
        findings.error(
            "route-uncovered",
            f"no line covers all of {source.name!r}: what is new in it would ride no leg",
            lines[0].origin,
            hint=f"add {_full(source, b'')!r} with a leg, or with {{none: reason}}",
        )
    return ordered


def _full(source: Source, path: bytes) -> str:
    """A path as a route key would name it."""
    if isinstance(source, TreeSource):
        return display(source.path.text.rstrip(b"/") + (b"/" + path if path else b"")) or "/"
    return f"{source.name}:{display(path)}"
