"""The plan: what a policy compiles to. Pure data, a function of the manifest's meaning alone.

Comments, key order and the file's place change nothing in it. It is stored at `apply`, and a run
executes the stored plan, never the edited file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.plan.selection import Selection
from policy.checks import CHECK_KIND_NAMES, Check
from policy.destinations import Destination
from policy.diagnostics import Origin
from policy.drills import Drill
from policy.legs import KIND_NAMES, Leg
from policy.model import Monitoring
from policy.parts import NOWHERE
from policy.patterns import PathPattern
from policy.routes import IgnoreRule, Objective, Stop
from policy.sources import FilesSource, Source, TreeSource
from policy.values import AbsolutePath, display

FORMAT = 1
"""Version of the stored form; `run` refuses a plan of another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A directory below a destination's root or a tree source's root."""

    holder: str
    """Name of the destination or source."""
    names: tuple[bytes, ...] = ()

    def contains(self, other: Location) -> bool:
        """Whether the other is this one or lies below it."""
        return self.holder == other.holder and other.names[: len(self.names)] == self.names

    def below(self, name: bytes) -> Location:
        """One entry in it."""
        return Location(holder=self.holder, names=(*self.names, name))

    def inner(self, others: Iterable[Location]) -> tuple[tuple[bytes, ...], ...]:
        """Those of others that lie below this one, relative to it."""
        depth = len(self.names)
        return tuple(one.names[depth:] for one in others if self.contains(one) and one != self)

    def __str__(self) -> str:
        return f"{self.holder}:/{display(b'/'.join(self.names))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLine:
    """One routing line of one source, its pattern counted from the source's root."""

    text: str
    """The key as written."""
    pattern: PathPattern
    leg: str | None
    reason: str = ""
    because: str = ""
    stop: Stop | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """The lines of one routed source, most specific first: the first that matches decides."""

    source: str
    lines: tuple[RouteLine, ...]

    def line_for(self, names: tuple[bytes, ...]) -> RouteLine | None:
        """The line that decides a path, given as names below the source's root."""
        return next((line for line in self.lines if line.pattern.matches_prefix(names)), None)

    def runner_up(self, names: tuple[bytes, ...]) -> RouteLine | None:
        """The line that would decide if the deciding one were not there."""
        matching = (line for line in self.lines if line.pattern.matches_prefix(names))
        next(matching, None)
        return next(matching, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One stream of a leg: what it reads, where it writes, and what it takes of it."""

    reads: str
    """Name of the source, leg or destination that is read."""
    writes: Location | None
    """None for a leg whose product stays in its source (snapshots)."""
    selection: Selection | None
    """Which paths it takes; None where the input has no paths (a server, a device)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPlan:
    """One leg with everything that was derived for it."""

    leg: Leg
    feeds: tuple[Feed, ...]
    longest_gap: int | None = None
    """Seconds between two scheduled runs at most, over the reference years; None: by hand."""
    allowed_age: int | None = None
    """Seconds from one run's earliest end to the next one's latest end at most: beyond it the
    leg is stale."""

    @property
    def name(self) -> str:
        """The leg's name."""
        return self.leg.name

    @property
    def kind(self) -> str:
        """The leg's kind, as the manifest calls it."""
        return KIND_NAMES[type(self.leg)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPlan:
    """One drill with everything that was derived for it."""

    drill: Drill
    places: tuple[str, ...] = ()
    """The destinations whose copies it restores, in turn; sorted."""
    longest_gap: int | None = None
    """Seconds between two scheduled drills at most; None: not worked out."""
    allowed_age: int | None = None
    """Seconds from one drill's begin to the next one's latest end at most: beyond it the drill is
    stale."""

    @property
    def name(self) -> str:
        """The drill's name."""
        return self.drill.name


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """One check with everything that was derived for it."""

    check: Check
    longest_gap: int | None = None
    """Seconds between two scheduled looks at most; None: not worked out."""
    allowed_age: int | None = None
    """Seconds from one look's begin to the next one's latest end at most: beyond it nobody looks
    any more."""

    @property
    def name(self) -> str:
        """The check's name."""
        return self.check.name

    @property
    def kind(self) -> str:
        """The check's kind, as the manifest calls it."""
        return CHECK_KIND_NAMES[type(self.check)]

    @property
    def here(self) -> bool:
        """Whether this host carries it out."""
        return self.check.runner is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A compiled policy."""

    format: int = FORMAT
    host: str
    timezone: str
    destinations: tuple[Destination, ...]
    sources: tuple[Source, ...]
    tables: tuple[RoutingTable, ...]
    ignores: tuple[IgnoreRule, ...]
    legs: tuple[LegPlan, ...]
    objectives: tuple[Objective, ...]
    checks: tuple[CheckPlan, ...]
    monitoring: Monitoring
    drills: tuple[DrillPlan, ...] = ()

    def leg(self, name: str | None) -> LegPlan | None:
        """The leg of that name."""
        return next((one for one in self.legs if one.name == name), None)

    def drill(self, name: str | None) -> DrillPlan | None:
        """The drill of that name."""
        return next((one for one in self.drills if one.name == name), None)

    def check(self, name: str | None) -> CheckPlan | None:
        """The check of that name."""
        return next((one for one in self.checks if one.name == name), None)

    def destination(self, name: str | None) -> Destination | None:
        """The destination of that name."""
        return next((one for one in self.destinations if one.name == name), None)

    def source(self, name: str | None) -> Source | None:
        """The source of that name."""
        return next((one for one in self.sources if one.name == name), None)

    def table(self, source: str | None) -> RoutingTable | None:
        """The routing table of a source; None where it is taken as a whole."""
        return next((one for one in self.tables if one.source == source), None)


def tree_root(source: Source) -> AbsolutePath | None:
    """Where a source's paths count from, None where it has none on this machine.

    A `files` source keeps full paths, so its root is `/`.
    """
    if isinstance(source, TreeSource):
        return source.path
    return AbsolutePath(()) if isinstance(source, FilesSource) else None
