"""Checks of what others make or run: they copy nothing. One dataclass and one parser a kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypedDict

from policy.calendar import Calendar
from policy.destinations import Destination
from policy.diagnostics import Origin
from policy.fields import Fields
from policy.nodes import Mapping, Scalar
from policy.parts import NOWHERE, AlertSeverity, KubernetesRunner
from policy.patterns import Component, PathPattern, PatternError, parse_component
from policy.secrets import Secret, parse_secret
from policy.urls import TELLING, check_no_secret, url_problem
from policy.values import AbsolutePath, ByteSize, Duration, parse_item_key, parse_size

DEFAULT_LIMIT = Duration(300)
DEFAULT_SIZE = ByteSize(1)
"""An empty file is what a failed dump leaves behind; it counts as none."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""The name of a header field (RFC 9110, section 5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCommon:
    """What every check has."""

    name: str
    schedule: tuple[Calendar, ...]
    timeout: Duration = DEFAULT_LIMIT
    severity: AlertSeverity = AlertSeverity.WARNING
    runner: KubernetesRunner | None = None
    was: str | None = field(default=None, metadata={"later": True})
    """The name that it had before."""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    origins: tuple[tuple[str, Origin], ...] = field(default=(), compare=False, repr=False)
    """Positions of the check's values, by key."""

    def at(self, key: str) -> Origin:
        """Where the value of a key stands; the check itself where it has no such key."""
        return dict(self.origins).get(key, self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteIntegrityCheck(CheckCommon):
    """SQLite's own integrity check on live databases."""

    source: str
    """A `sqlite` source, or a tree: then of each database in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessCheck(CheckCommon):
    """The newest file below each directory that a pattern matches is young enough."""

    path: PathPattern
    """Counted from the root."""
    newer_than: Duration
    files: Component | None = None
    """Names of the files that count; None: all."""
    at_least: ByteSize = DEFAULT_SIZE
    """A smaller file counts as none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One field of a request's header."""

    name: str
    value: str = ""
    secret: Secret | None = None
    """Where its value is found; None: it is no secret, and stands here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck(CheckCommon):
    """A URL answers as it should."""

    url: str
    status: int | None = None
    """The status that it has to answer with; None: any of success (2xx)."""
    contains: str | None = None
    """What has to stand in the answer's body."""
    headers: tuple[Header, ...] = ()
    authority: AbsolutePath | None = None
    """Certificates that are believed besides none other (`ca`); None: those of the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCheck(CheckCommon):
    """A command of the administrator's own ends with 0."""

    run: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotsCheck(CheckCommon):
    """Snapshots that a destination takes of itself are what it is declared to keep.

    No manifest states it: it follows from what a destination says of its snapshots.
    """

    destination: str


Check = SqliteIntegrityCheck | FreshnessCheck | HttpCheck | CommandCheck | SnapshotsCheck


class _Common(TypedDict):
    name: str
    schedule: tuple[Calendar, ...]
    timeout: Duration
    severity: AlertSeverity
    runner: KubernetesRunner | None
    was: str | None
    origin: Origin
    origins: tuple[tuple[str, Origin], ...]


def _common(name: str, fields: Fields, origin: Origin) -> _Common:
    return _Common(
        name=name,
        schedule=fields.calendars("schedule"),
        timeout=fields.duration("timeout") or DEFAULT_LIMIT,
        severity=AlertSeverity(fields.text("severity") or "warning"),
        runner=fields.runner(),
        was=fields.text("was"),
        origin=origin,
        origins=tuple((key, fields.origin(key)) for key in fields.mapping.items),
    )


def _sqlite_integrity(fields: Fields, common: _Common) -> Check:
    return SqliteIntegrityCheck(**common, source=fields.need("source"))


def _freshness(fields: Fields, common: _Common) -> Check:
    return FreshnessCheck(
        **common,
        path=fields.parsed("path", _absolute_pattern) or PathPattern(()),
        newer_than=fields.duration("newer_than") or Duration(0),
        files=fields.parsed("files", _name_pattern),
        at_least=fields.parsed("at_least", parse_size) or DEFAULT_SIZE,
    )


def _absolute_pattern(text: str) -> PathPattern:
    key = parse_item_key(text)
    if key.source:
        raise ValueError(f"{text!r} is no absolute path")
    return key.pattern


def _name_pattern(text: str) -> Component:
    if "/" in text:
        raise ValueError(f"{text!r} is no pattern of one name: write the directories in `path`")
    try:
        return parse_component(text.encode())
    except PatternError as error:
        raise ValueError(f"{text!r}: {error}") from None


def _http(fields: Fields, common: _Common) -> Check:
    check_no_secret(fields, "url", "name a secret under `headers`")
    return HttpCheck(
        **common,
        url=fields.parsed("url", _http_url) or "",
        status=fields.integer("status"),
        contains=fields.text("contains"),
        headers=_headers(fields),
        authority=fields.path("ca"),
    )


def _http_url(text: str) -> str:
    problem = url_problem(text)
    if problem:
        raise ValueError(f"the URL {problem}")
    return text


def _headers(fields: Fields) -> tuple[Header, ...]:
    return tuple(
        _header(name, origin, fields, node)
        for name, origin, node in sorted(fields.entries("headers"), key=lambda entry: entry[0])
    )


def _header(name: str, origin: Origin, fields: Fields, node: object) -> Header:
    if not _TOKEN.fullmatch(name):
        fields.findings.error("bad-value", f"{name!r} is no name of a header field", origin)
    if isinstance(node, Mapping):
        return Header(name=name, secret=parse_secret(Fields(node, fields.findings)))
    text = node.text if isinstance(node, Scalar) else ""
    if TELLING.search(name):
        fields.findings.error(
            "secret-in-manifest",
            f"the value of {name!r} is a secret, and would stand in the plan",
            origin,
            hint="say where it is found: {file: /etc/policyctl/secrets/token}",
        )
    if not text.isprintable() or not text.isascii():
        fields.findings.error("bad-value", "a header's value is printable ASCII", origin)
    return Header(name=name, value=text)


def _command(fields: Fields, common: _Common) -> Check:
    return CommandCheck(**common, run=fields.texts("run"))


CHECK_KINDS: dict[str, Callable[[Fields, _Common], Check]] = {
    "sqlite-integrity": _sqlite_integrity,
    "freshness": _freshness,
    "http": _http,
    "command": _command,
}
CHECK_KIND_NAMES: dict[type, str] = {
    SqliteIntegrityCheck: "sqlite-integrity",
    FreshnessCheck: "freshness",
    HttpCheck: "http",
    CommandCheck: "command",
    SnapshotsCheck: "destination-snapshots",
}


def parse_check(name: str, fields: Fields, origin: Origin) -> Check:
    """Read one check by its kind."""
    return CHECK_KINDS[fields.need("kind")](fields, _common(name, fields, origin))


def snapshots_name(destination: str) -> str:
    """The name of the check of a destination's own snapshots."""
    return f"{destination}-snapshots"


def snapshots_checks(destinations: Iterable[Destination]) -> Iterator[SnapshotsCheck]:
    """The check of each destination whose own snapshots are to be read back."""
    for one in destinations:
        read = one.snapshots.read if one.snapshots is not None else None
        if read is not None:
            yield SnapshotsCheck(
                name=snapshots_name(one.name),
                destination=one.name,
                schedule=read.schedule,
                timeout=read.timeout,
                severity=read.severity,
                was=snapshots_name(one.was) if one.was else None,
                origin=read.origin,
                origins=read.origins,
            )
