"""The policy: what a whole manifest says, as frozen typed values."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.checks import Check
from policy.destinations import Destination
from policy.diagnostics import Origin
from policy.drills import Drill
from policy.legs import Leg
from policy.parts import NOWHERE
from policy.routes import IgnoreRule, Objective, Route
from policy.sources import Source
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """Where results are told, and who is woken."""

    pushgateway: str | None = None
    cluster_pushgateway: str | None = field(default=None, metadata={"later": True})
    """The same one, as jobs in a cluster reach it."""
    textfile: AbsolutePath | None = None
    rules: AbsolutePath | None = None
    receivers: tuple[tuple[str, str], ...] = ()
    """(severity or `default`, receiver), sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A manifest whose parts are valid by themselves; names need not resolve yet.

    Everything is sorted by name or key: the order in the file means nothing.
    """

    host: str
    timezone: str
    destinations: tuple[Destination, ...]
    sources: tuple[Source, ...]
    legs: tuple[Leg, ...]
    routes: tuple[Route, ...] = ()
    ignores: tuple[IgnoreRule, ...] = ()
    objectives: tuple[Objective, ...] = ()
    checks: tuple[Check, ...] = ()
    drills: tuple[Drill, ...] = ()
    monitoring: Monitoring = Monitoring()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    timezone_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def destination(self, name: str | None) -> Destination | None:
        """The destination of that name."""
        return next((one for one in self.destinations if one.name == name), None)

    def source(self, name: str | None) -> Source | None:
        """The source of that name."""
        return next((one for one in self.sources if one.name == name), None)

    def leg(self, name: str | None) -> Leg | None:
        """The leg of that name."""
        return next((one for one in self.legs if one.name == name), None)
