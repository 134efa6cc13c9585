"""Objectives: what the copies of each path amount to, against what they must.

A copy counts if its data are never older than the objective's RPO: one that is too old is no
copy in the night it is needed. So one rule judges number, media, off-site and age together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from engine.plan.model import RouteLine, RoutingTable
from engine.promises.chains import Chains, Copy
from engine.routing.precedence import RouteTrie
from engine.routing.tables import tree_of
from policy.diagnostics import Findings, Origin
from policy.legs import FetchLeg
from policy.model import Policy
from policy.patterns import PathPattern, literal_component
from policy.routes import Objective
from policy.sources import Source
from policy.values import Duration, display

_FIELDS = ("copies", "media", "offsite", "rpo", "history", "beyond_host")
_SMALLER_IS_STRONGER = {"rpo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Paths or items that are judged together: one routing line, or one product."""

    label: str
    source: Source
    pattern: PathPattern
    copies: tuple[Copy, ...]
    because: str
    origin: Origin

    @property
    def databases(self) -> bool:
        """Whether no leg takes more of it than its databases: then these are what it is about."""
        return bool(self.copies) and all(one.partial for one in self.copies)

    @property
    def real(self) -> list[Copy]:
        """The copies that count: off the source's own medium, and of all that it is about."""
        return [
            one for one in self.copies if not one.snapshot and (self.databases or not one.partial)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What the copies of a region do not amount to."""

    region: Region
    code: str
    message: str
    """The first thing that is missing: `2 of 3 copies within 40h (…)`."""

    @property
    def accepted(self) -> bool:
        """Whether the manifest says why it may be so."""
        return bool(self.region.because)


def check_objectives(
    policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains, findings: Findings
) -> None:
    """Report every region whose copies fall short, and every acceptance."""
    for one in shortfalls(policy, tables, chains, findings):
        code, region, said = one.code, one.region, f"{one.region.label!r} has {one.message}"
        if one.accepted:
            findings.note(
                "objective-accepted",
                f"{said}; accepted because {region.because}",
                region.origin,
            )
        else:
            findings.error(
                code,
                said,
                region.origin,
                hint="change a schedule, `after`, a limit or a route; or accept it with `because`",
            )


def shortfalls(
    policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains, findings: Findings
) -> Iterator[Shortfall]:
    """Every region whose copies fall short, accepted or not."""
    if not policy.objectives:
        return
    chosen = _Chooser(policy, findings)
    for region in regions(policy, tables, chains):
        found = _shortfall(region, chosen.for_region(region))
        if found is not None:
            yield Shortfall(region=region, code=found[0], message=found[1])


def wanted_in(policy: Policy) -> Callable[[Region], Objective]:
    """What is wanted of a region, by the most specific objective of a policy that is judged."""
    return _Chooser(policy, Findings()).for_region


def falls_short(region: Region, wanted: Objective) -> str | None:
    """The first field of the objective that these very copies do not fulfil, whatever their age."""
    found = _shortfall(region, replace(wanted, rpo=None, history=None))
    return found[0].removeprefix("objective-") if found is not None else None


def regions(policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains) -> Iterator[Region]:
    """Everything that is kept, in pieces that share their copies."""
    for table in tables:
        source = policy.source(table.source)
        assert source is not None
        for line in table.lines:
            if line.leg is not None:
                yield _line_region(source, line, line.pattern, chains)
        yield from _objective_regions(policy, source, table, chains)
    for source in policy.sources:
        yield from _product_regions(policy, source, chains)


def _line_region(
    source: Source, line: RouteLine, pattern: PathPattern, chains: Chains, label: str = ""
) -> Region:
    names = tuple(component.example() for component in pattern.components)
    return Region(
        label=label or line.text,
        source=source,
        pattern=pattern,
        copies=chains.of_line(source.name, names, line),
        because=line.because,
        origin=line.origin,
    )


def _objective_regions(
    policy: Policy, source: Source, table: RoutingTable, chains: Chains
) -> Iterator[Region]:
    """Paths that an objective names more closely than any route."""
    known = {line.pattern for line in table.lines}
    for objective in policy.objectives:
        found = address_of(policy, objective)
        if found is None or found[0].name != source.name or found[1] in known:
            continue
        names = tuple(component.example() for component in found[1].components)
        line = table.line_for(names)
        if line is not None and line.leg is not None:
            yield _line_region(source, line, found[1], chains, objective.text)


def _product_regions(policy: Policy, source: Source, chains: Chains) -> Iterator[Region]:
    """What legs take from a source as a whole; a fetch leg's files each by themselves."""
    legs = [leg for leg in policy.legs if leg.takes == source.name]
    whole = [leg for leg in legs if not isinstance(leg, FetchLeg)]
    if whole:
        copies = tuple(copy for leg in whole for copy in chains.of_leg(leg.name))
        yield _product_region(source, PathPattern(), copies)
    for leg in legs:
        if isinstance(leg, FetchLeg):
            copies = chains.of_leg(leg.name)
            for one in leg.files:
                pattern = PathPattern((literal_component(one.name.encode()),))
                yield _product_region(source, pattern, copies)


def _product_region(source: Source, pattern: PathPattern, copies: tuple[Copy, ...]) -> Region:
    return Region(
        label=f"{source.name}:{str(pattern)[1:]}",
        source=source,
        pattern=pattern,
        copies=copies,
        because="",
        origin=source.origin,
    )


def address_of(policy: Policy, objective: Objective) -> tuple[Source, PathPattern] | None:
    """The source and the pattern that an objective speaks of."""
    if objective.key is None:
        return None
    if objective.key.source:
        source = policy.source(objective.key.source)
        return (source, objective.key.pattern) if source else None
    return tree_of(policy, objective.key.pattern)


class _Chooser:
    """Finds the most specific objective, its fields inherited from `default`."""

    def __init__(self, policy: Policy, findings: Findings) -> None:
        self.default = next(
            (one for one in policy.objectives if one.key is None), Objective(text="", key=None)
        )
        self.tries: dict[str, RouteTrie[tuple[PathPattern, Objective]]] = {}
        for objective in policy.objectives:
            if objective.key is None:
                continue
            found = address_of(policy, objective)
            if found is None:
                findings.error(
                    "unknown-name", f"{objective.text!r} lies in no source", objective.origin
                )
                continue
            self._check_weaker(objective, findings)
            source, pattern = found
            trie = self.tries.setdefault(source.name, RouteTrie())
            first = trie.add(pattern, (pattern, objective))
            if first is not None:
                findings.error(
                    "objective-twice",
                    f"{objective.text!r} names the same as {first[1].text!r}",
                    objective.origin,
                    hint="keep one of the two",
                )
        for trie in self.tries.values():
            for conflict in trie.conflicts():
                one, other = conflict.first[1], conflict.second[1]
                findings.error(
                    "objective-ambiguous",
                    f"{one.text!r} and {other.text!r} both match {display(conflict.path)!r}, and "
                    "neither is the more specific",
                    one.origin,
                    hint="make one of them lie wholly inside the other",
                )

    def for_region(self, region: Region) -> Objective:
        trie = self.tries.get(region.source.name)
        names = tuple(component.example() for component in region.pattern.components)
        for pattern, objective in trie.ordered() if trie else ():
            if pattern.matches_prefix(names):
                return self._inherit(objective)
        return self.default

    def _inherit(self, objective: Objective) -> Objective:
        given = {
            name: getattr(objective, name)
            for name in _FIELDS
            if getattr(objective, name) is not None
        }
        return replace(
            self.default,
            text=objective.text,
            key=objective.key,
            because=objective.because,
            **given,
        )

    def _check_weaker(self, objective: Objective, findings: Findings) -> None:
        if objective.because:
            return
        for name in _FIELDS:
            mine, general = getattr(objective, name), getattr(self.default, name)
            if mine is None or general is None or mine == general:
                continue
            if (mine > general) == (name in _SMALLER_IS_STRONGER):
                findings.error(
                    "objective-weaker",
                    f"{objective.text}: {name} {mine} is weaker than the default's {general}",
                    objective.origin,
                    hint="say why with `because`",
                )


def _shortfall(region: Region, wanted: Objective) -> tuple[str, str] | None:
    """Name the first thing that the copies do not amount to, as code and sentence."""
    real = region.real
    fresh = [copy for copy in real if _fresh(copy, wanted.rpo)]
    tests: tuple[tuple[str, int | None, Callable[[list[Copy]], int], str], ...] = (
        ("objective-copies", wanted.copies, lambda c: len(places_of(region.source, c)), "copies"),
        ("objective-media", wanted.media, lambda c: len(media_of(region.source, c)), "media"),
        (
            "objective-offsite",
            wanted.offsite,
            lambda c: offsite_of(region.source, c),
            "off-site copies",
        ),
        (
            "objective-beyond-host",
            wanted.beyond_host,
            _beyond_host,
            "copies that this host cannot delete",
        ),
    )
    for code, least, count, what in tests:
        if least is not None and count(fresh) < least:
            late = count(real) >= least
            return (
                "objective-rpo" if late else code,
                _say(what, count(fresh), least, real, wanted),
            )
    if wanted.rpo is not None and not fresh:
        return "objective-rpo", _say("copies", 0, 1, real, wanted)
    back = max((copy.reach for copy in real), default=0)
    if wanted.history is not None and back < wanted.history.seconds:
        return "objective-history", (
            f"copies from which a restore is sure to reach back {hours(back)} only, wanted "
            f"{wanted.history}"
        )
    return None


def _fresh(copy: Copy, limit: Duration | None) -> bool:
    return limit is None or (copy.rpo is not None and copy.rpo.seconds <= limit.seconds)


def places_of(source: Source, copies: Iterable[Copy]) -> set[str]:
    """The places that hold the data; the live data's is one of them."""
    return {source.name, *(copy.place for copy in copies)}


def media_of(source: Source, copies: Iterable[Copy]) -> set[str]:
    """The media that hold the data; one that nobody names is like no other."""
    live = source.media or f"the medium of {source.name}"
    return {live, *(copy.media or f"the medium of {copy.place}" for copy in copies)}


def offsite_of(source: Source, copies: Iterable[Copy]) -> int:
    """How many places lie at another site than the live data."""
    return len({copy.place for copy in copies if is_offsite(source, copy)})


def is_offsite(source: Source, copy: Copy) -> bool:
    """Whether a copy lies at another site than the live data."""
    home = source.site or f"the site of {source.name}"
    return (copy.site or f"the site of {copy.place}") != home


def _beyond_host(copies: list[Copy]) -> int:
    return len({copy.place for copy in copies if copy.guarded})


def _say(what: str, found: int, least: int, real: list[Copy], wanted: Objective) -> str:
    within = f" within {wanted.rpo}" if wanted.rpo is not None else ""
    ages = (
        ", ".join(f"{place} {age}" for place, age in sorted(_ages(real).items()))
        or "no copy at all"
    )
    return f"{found} of {least} {what}{within} ({ages})"


def _ages(copies: list[Copy]) -> dict[str, str]:
    """The best age of each place in words."""
    best: dict[str, int | None] = {}
    for copy in copies:
        age = copy.rpo.seconds if copy.rpo else None
        known = best.get(copy.place)
        best[copy.place] = age if known is None else min(known, age or known)
    return {
        place: "no promise" if age is None else f"up to {hours(age)}" for place, age in best.items()
    }


def hours(seconds: int) -> str:
    """A length of time as a person says it: `35 h 50 m`, `8 d 14 h`."""
    days, rest = divmod(seconds, 86400)
    if days >= 3:
        # Rounded up: these are promises of "at most".
        days, rest = divmod(seconds + 3599, 86400)
    whole, minutes = divmod(rest // 60, 60)
    if days >= 3:
        return f"{days} d {whole} h" if whole else f"{days} d"
    whole += days * 24
    return f"{whole} h {minutes} m" if minutes else f"{whole} h"
