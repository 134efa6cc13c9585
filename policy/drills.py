"""Drills: restores that are rehearsed on a schedule."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.calendar import Calendar
from policy.diagnostics import Origin
from policy.fields import Fields
from policy.parts import NOWHERE, AlertSeverity
from policy.values import AbsolutePath, ByteSize, Duration, parse_size

DEFAULT_SAMPLE = ByteSize(1 << 30)
DEFAULT_LIMIT = Duration(6 * 3600)
_ALL = "all"
DIRECTORY = "{directory}"
"""Stands for where what came back lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One rehearsed restore of one source."""

    name: str
    source: str
    schedule: tuple[Calendar, ...]
    scratch: AbsolutePath
    """What comes back lies below it until it is checked."""
    sample: ByteSize | None = DEFAULT_SAMPLE
    """How many bytes come back; None: everything."""
    within: Duration | None = None
    """How long a restore of the whole source may take; None: nothing is stated."""
    takes: str | None = None
    """The destination named by `from`; None: each that holds copies, in turn."""
    identity: AbsolutePath | None = field(default=None, metadata={"later": True})
    """The key to what is encrypted; None: it stays closed, and is compared only."""
    load: tuple[str, ...] = field(default=(), metadata={"later": True})
    """A command that loads what came back into a throw-away server; empty: nothing is loaded."""
    timeout: Duration = DEFAULT_LIMIT
    severity: AlertSeverity = AlertSeverity.WARNING
    was: str | None = field(default=None, metadata={"later": True})
    """The name that it had before."""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    origins: tuple[tuple[str, Origin], ...] = field(default=(), compare=False, repr=False)
    """Positions of the drill's values, by key."""

    def at(self, key: str) -> Origin:
        """Where the value of a key stands; the drill itself where it has no such key."""
        return dict(self.origins).get(key, self.origin)


def _load(fields: Fields) -> tuple[str, ...]:
    words = fields.texts("load")
    if words and not any(DIRECTORY in word for word in words):
        message = f"no word of it is {DIRECTORY}: it would not know what to load"
        fields.findings.error("bad-value", message, fields.origin("load"))
    return words


def parse_drill(name: str, fields: Fields, origin: Origin) -> Drill:
    """Read one drill."""
    everything = fields.text("sample") == _ALL
    return Drill(
        name=name,
        source=fields.need("source"),
        schedule=fields.calendars("schedule"),
        scratch=fields.need_path("scratch"),
        sample=None if everything else fields.parsed("sample", parse_size) or DEFAULT_SAMPLE,
        within=fields.duration("within"),
        takes=fields.text("from"),
        identity=fields.path("identity"),
        load=_load(fields),
        timeout=fields.duration("timeout") or DEFAULT_LIMIT,
        severity=AlertSeverity(fields.text("severity") or "warning"),
        was=fields.text("was"),
        origin=origin,
        origins=tuple((key, fields.origin(key)) for key in fields.mapping.items),
    )
