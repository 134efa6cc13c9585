"""What every leg has, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

from policy.calendar import Calendar
from policy.diagnostics import Origin
from policy.fields import Fields
from policy.parts import (
    DEFAULT_PRESERVE,
    NOWHERE,
    AlertSeverity,
    Attribute,
    Hook,
    KubernetesRunner,
    Limits,
)
from policy.values import Duration, Percentage, Place, parse_place

DEFAULT_WAIT = Duration(12 * 3600)
DEFAULT_SHRINK = Percentage(50_000)
"""By what share a fetched file, or a dump, may be smaller than the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCommon:
    """One hop of bytes on one schedule."""

    name: str
    takes: str | None = None
    """The source, leg or destination named by `from`; None: fed by routes."""
    schedule: tuple[Calendar, ...] = ()
    """None given: it runs by hand only."""
    after: tuple[str, ...] = ()
    limits: Limits
    wait: Duration = DEFAULT_WAIT
    """How long a run may wait for `after` and for the destination's lock."""
    random_delay: Duration | None = None
    idle: bool = False
    runner: KubernetesRunner | None = None
    """None: systemd on the manifest's host."""
    before: tuple[Hook, ...] = ()
    finally_: tuple[Hook, ...] = ()
    severity: AlertSeverity = AlertSeverity.WARNING
    alert: str | None = None
    was: str | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    origins: tuple[tuple[str, Origin], ...] = field(default=(), compare=False, repr=False)
    """Positions of the leg's values, by key."""

    def at(self, key: str) -> Origin:
        """Where the value of a key stands; the leg itself where it has no such key."""
        return dict(self.origins).get(key, self.origin)


class CommonFields(TypedDict):
    """The arguments that every leg's constructor takes."""

    name: str
    takes: str | None
    schedule: tuple[Calendar, ...]
    after: tuple[str, ...]
    limits: Limits
    wait: Duration
    random_delay: Duration | None
    idle: bool
    runner: KubernetesRunner | None
    before: tuple[Hook, ...]
    finally_: tuple[Hook, ...]
    severity: AlertSeverity
    alert: str | None
    was: str | None
    origin: Origin
    origins: tuple[tuple[str, Origin], ...]


def parse_common(name: str, fields: Fields, origin: Origin) -> CommonFields:
    """Read what every leg has."""
    return CommonFields(
        name=name,
        takes=fields.text("from"),
        schedule=fields.calendars("schedule"),
        after=tuple(sorted(fields.texts("after"))),
        limits=fields.limits(),
        wait=fields.duration("wait") or DEFAULT_WAIT,
        random_delay=fields.duration("random_delay"),
        idle=fields.text("priority") == "idle",
        runner=fields.runner(),
        before=fields.hooks("before"),
        finally_=fields.hooks("finally"),
        severity=AlertSeverity(fields.text("severity") or "warning"),
        alert=fields.text("alert"),
        was=fields.text("was"),
        origin=origin,
        origins=tuple((key, node.origin) for key, node in fields.mapping.items.items()),
    )


def parse_to(fields: Fields) -> Place:
    """Read where the copies lie; an empty place where it does not parse (a finding stands)."""
    return fields.parsed("to", parse_place) or Place("", "/")


def parse_preserve(fields: Fields) -> tuple[Attribute, ...]:
    """Read what is kept of each file beside its content."""
    return fields.attributes("preserve") if "preserve" in fields else DEFAULT_PRESERVE
