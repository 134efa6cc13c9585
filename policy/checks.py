"""Checks that copy nothing, one dataclass and one parser a kind."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.calendar import Calendar
from policy.diagnostics import Origin
from policy.fields import Fields
from policy.parts import NOWHERE, AlertSeverity, KubernetesRunner
from policy.values import Duration

DEFAULT_LIMIT = Duration(300)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteIntegrityCheck:
    """SQLite's own integrity check on a live database."""

    name: str
    source: str
    schedule: tuple[Calendar, ...]
    timeout: Duration = DEFAULT_LIMIT
    severity: AlertSeverity = AlertSeverity.WARNING
    runner: KubernetesRunner | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    source_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


Check = SqliteIntegrityCheck


def parse_check(name: str, fields: Fields, origin: Origin) -> Check:
    """Read one check; there is one kind so far, and the schema lets no other pass."""
    return SqliteIntegrityCheck(
        name=name,
        source=fields.need("source"),
        schedule=fields.calendars("schedule"),
        timeout=fields.duration("timeout") or DEFAULT_LIMIT,
        severity=AlertSeverity(fields.text("severity") or "warning"),
        runner=fields.runner(),
        origin=origin,
        source_origin=fields.origin("source"),
    )
