"""Parts that several kinds of source, leg and destination share."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from policy.diagnostics import Origin
from policy.values import AbsolutePath, Duration

NOWHERE = Origin(file="", line=0, column=0)
"""Stands where a value was not read from a file; never shown."""


class Attribute(enum.Enum):
    """Metadata that a leg can preserve and a destination may be unable to keep."""

    TIMES = "times"
    PERMS = "perms"
    OWNER = "owner"
    HARDLINKS = "hardlinks"
    ACLS = "acls"
    XATTRS = "xattrs"
    DEVICES = "devices"
    SYMLINKS = "symlinks"


DEFAULT_PRESERVE = (Attribute.TIMES, Attribute.PERMS, Attribute.OWNER, Attribute.HARDLINKS)
"""What a leg that copies trees keeps, where it does not say."""


class AlertSeverity(enum.Enum):
    """Severity of alerts."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Which generations stay: each rule by itself; None is a rule not given."""

    within: Duration | None = None
    last: int | None = None
    hourly: int | None = None
    daily: int | None = None
    weekly: int | None = None
    monthly: int | None = None
    yearly: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """An account on another machine; nothing secret, only where the key lies."""

    account: str
    """user@host"""
    port: int | None = None
    key: AbsolutePath | None = None
    known_hosts: AbsolutePath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesRunner:
    """A CronJob in a cluster."""

    namespace: str
    secret: str | None = None
    volume: str | None = None
    """namespace/claim"""
    node: str | None = None
    at: AbsolutePath | None = field(default=None, metadata={"later": True})
    """Where the claim is mounted; None: as the source that is read says."""
    beside: tuple[tuple[str, str], ...] = field(default=(), metadata={"later": True})
    """Labels of the pod on whose node it runs; none: of any pod of the namespace, if there is one.
    """
    user: int | None = field(default=None, metadata={"later": True})
    image: str | None = field(default=None, metadata={"later": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits of a run, counted from its first step."""

    whole: Duration
    """Of a whole run; for a leg with incremental passes, of a full one."""
    each: Duration | None = None
    incremental: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command before or after a run."""

    run: tuple[str, ...]
    timeout: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """How whatever uses a volume is stopped and started, for a rollback."""

    stop: tuple[Hook, ...]
    start: tuple[Hook, ...]
