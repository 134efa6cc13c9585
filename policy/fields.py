"""Typed access to a mapping whose shape the schema has already approved.

Each getter parses a value once and turns the parser's `ValueError` into a finding at the value's
own position; reading then goes on, so that all problems are reported at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from policy.calendar import Calendar, CalendarError, parse_calendar
from policy.diagnostics import Findings, Origin
from policy.nodes import Mapping, Node, Scalar, Sequence
from policy.parts import Attribute, Hook, Keep, KubernetesRunner, Limits, SshTarget
from policy.values import (
    AbsolutePath,
    Duration,
    Percentage,
    parse_absolute_path,
    parse_duration,
    parse_percentage,
)

T = TypeVar("T")

DEFAULT_LIMIT = Duration(3600)
DEFAULT_HOOK_LIMIT = Duration(60)
CALENDAR_HINT = "such as `daily`, `02:00`, `Sun 05:00`, `*-*-01 03:00`; this is not cron"


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping of the manifest with the findings that reading it adds to."""

    mapping: Mapping
    findings: Findings

    def __contains__(self, key: str) -> bool:
        return key in self.mapping.items

    def origin(self, key: str) -> Origin:
        """Where the value of the key stands; the mapping itself without it."""
        node = self.mapping.items.get(key)
        return node.origin if node is not None else self.mapping.origin

    def text(self, key: str) -> str | None:
        """A text value, None where the key is not there."""
        node = self.mapping.items.get(key)
        return node.text if isinstance(node, Scalar) else None

    def need(self, key: str) -> str:
        """A text value that the schema requires."""
        text = self.text(key)
        assert text is not None, f"the schema does not require {key}"
        return text

    def integer(self, key: str) -> int | None:
        """A whole number."""
        node = self.mapping.items.get(key)
        value = node.value if isinstance(node, Scalar) else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def boolean(self, key: str) -> bool | None:
        """True or false."""
        node = self.mapping.items.get(key)
        value = node.value if isinstance(node, Scalar) else None
        return value if isinstance(value, bool) else None

    def parsed(self, key: str, parser: Callable[[str], T]) -> T | None:
        """A text value through its parser; a finding and None where it does not parse."""
        node = self.mapping.items.get(key)
        return self._parse(node, parser) if isinstance(node, Scalar) else None

    def _parse(self, node: Scalar, parser: Callable[[str], T]) -> T | None:
        try:
            return parser(node.text)
        except CalendarError as error:
            self.findings.error("bad-calendar", str(error), node.origin, hint=CALENDAR_HINT)
        except ValueError as error:
            self.findings.error("bad-value", str(error), node.origin)
        return None

    def duration(self, key: str) -> Duration | None:
        """A duration."""
        return self.parsed(key, parse_duration)

    def percentage(self, key: str) -> Percentage | None:
        """A percentage."""
        return self.parsed(key, parse_percentage)

    def path(self, key: str) -> AbsolutePath | None:
        """A literal absolute path."""
        return self.parsed(key, parse_absolute_path)

    def need_path(self, key: str) -> AbsolutePath:
        """A required path; the root where it does not parse (a finding stands by then)."""
        return self.path(key) or AbsolutePath(())

    def child(self, key: str) -> Fields | None:
        """A nested mapping."""
        node = self.mapping.items.get(key)
        return Fields(node, self.findings) if isinstance(node, Mapping) else None

    def entries(self, key: str) -> Iterator[tuple[str, Origin, Node]]:
        """The keys, their positions and the values of a nested mapping."""
        node = self.mapping.items.get(key)
        if isinstance(node, Mapping):
            for name, value in node.items.items():
                yield name, node.keys[name], value

    def scalars(self, key: str) -> tuple[Scalar, ...]:
        """The leaves of a list, or the one value given instead of a list."""
        node = self.mapping.items.get(key)
        if isinstance(node, Scalar):
            return (node,)
        if isinstance(node, Sequence):
            return tuple(item for item in node.items if isinstance(item, Scalar))
        return ()

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list."""
        return tuple(item.text for item in self.scalars(key))

    def paths(self, key: str) -> tuple[AbsolutePath, ...]:
        """The absolute paths of a list."""
        found = (self._parse(item, parse_absolute_path) for item in self.scalars(key))
        return tuple(path for path in found if path is not None)

    def calendars(self, key: str) -> tuple[Calendar, ...]:
        """The calendar expressions of a schedule."""
        found = (self._parse(item, parse_calendar) for item in self.scalars(key))
        return tuple(one for one in found if one is not None)

    def attributes(self, key: str) -> tuple[Attribute, ...]:
        """Metadata names, in the order of the enumeration: it must not matter how they stand."""
        given = set(self.texts(key))
        return tuple(one for one in Attribute if one.value in given)

    def ssh(self) -> SshTarget | None:
        """The keys that say how to reach another machine."""
        account = self.text("ssh")
        if account is None:
            return None
        return SshTarget(
            account=account,
            port=self.integer("port"),
            key=self.path("key"),
            known_hosts=self.path("known_hosts"),
        )

    def keep(self) -> Keep:
        """The retention rules under `keep`."""
        rules = self.child("keep")
        if rules is None:
            return Keep()
        counts = {
            name: rules.integer(name)
            for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly")
        }
        return Keep(within=rules.duration("within"), **counts)

    def limits(self) -> Limits:
        """The time limits under `timeout`."""
        several = self.child("timeout")
        if several is None:
            return Limits(whole=self.duration("timeout") or DEFAULT_LIMIT)
        incremental = several.duration("incremental")
        whole = several.duration("all") or several.duration("full") or incremental
        return Limits(
            whole=whole or DEFAULT_LIMIT, each=several.duration("each"), incremental=incremental
        )

    def runner(self) -> KubernetesRunner | None:
        """The runner, None for the host's own systemd."""
        runner = self.child("runner")
        cluster = runner.child("kubernetes") if runner else None
        if cluster is None:
            return None
        return KubernetesRunner(
            namespace=cluster.need("namespace"),
            secret=cluster.text("secret"),
            volume=cluster.text("volume"),
            node=cluster.text("node"),
            at=cluster.path("at"),
            beside=tuple(
                sorted(
                    (name, node.text)
                    for name, _, node in cluster.entries("beside")
                    if isinstance(node, Scalar)
                )
            ),
            user=cluster.integer("user"),
            image=cluster.text("image"),
        )

    def hooks(self, key: str) -> tuple[Hook, ...]:
        """Commands before or after a run."""
        node = self.mapping.items.get(key)
        if not isinstance(node, Sequence):
            return ()
        found = [Fields(item, self.findings) for item in node.items if isinstance(item, Mapping)]
        return tuple(
            Hook(run=one.texts("run"), timeout=one.duration("timeout") or DEFAULT_HOOK_LIMIT)
            for one in found
        )
