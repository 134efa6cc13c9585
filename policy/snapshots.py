"""Snapshots that a destination takes of itself: what it is set to keep, and how that is read back.

Nothing here sets anything: it says what somebody has set elsewhere, so that it can be compared with
what is there (law 29).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from policy.calendar import Calendar, parse_calendar
from policy.diagnostics import Origin
from policy.fields import Fields
from policy.parts import NOWHERE, AlertSeverity, Keep, SshTarget
from policy.patterns import Component, PatternError, parse_component
from policy.values import AbsolutePath, Duration, parse_absolute_path

DEFAULT_EVERY = Duration(24 * 3600)
DEFAULT_SCHEDULE = (parse_calendar("07:30"),)
"""After a night's runs and a snapshot of midnight, at an hour that every day has once."""
DEFAULT_LIMIT = Duration(300)
SYNOLOGY, BTRFS, ZFS = "synology", "btrfs", "zfs"
_LATER = {"later": True}
_SHARE = re.compile(r"[^/\s#-][^/#\n]*")
_DATASET = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*(?:/[A-Za-z0-9_.:-]+)*")
_ENDS = {SYNOLOGY: (b"#snapshot",), ZFS: (b".zfs", b"snapshot")}
"""Where these show their snapshots, below what they are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """How it is read back."""

    ssh: SshTarget | None = None
    """Another account than the destination's own; None: that one, or this machine."""
    sudo: bool = False
    """Whether only root may ask, and `sudo` lets the account."""
    schedule: tuple[Calendar, ...] = DEFAULT_SCHEDULE
    timeout: Duration = DEFAULT_LIMIT
    severity: AlertSeverity = AlertSeverity.WARNING
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    origins: tuple[tuple[str, Origin], ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSnapshots:
    """Snapshots that a destination takes of itself: read back, never set."""

    kind: str
    share: str
    """What they are of: a share, a subvolume's path, or a data set."""
    keep: Keep
    every: Duration = field(default=DEFAULT_EVERY, metadata=_LATER)
    """How long it is from one to the next."""
    names: Component | None = field(default=None, metadata=_LATER)
    """Names of those that count; None: all."""
    at: AbsolutePath | None = field(default=None, metadata=_LATER)
    """The directory in which each lies under its name; None: nobody can reach into them."""
    read: ReadBack | None = field(default=None, metadata=_LATER)
    """None: it is believed, and `unread` says why."""
    unread: str = field(default="", metadata=_LATER)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def top(self) -> AbsolutePath | None:
        """The directory that they show as it was; None: not known, for want of `at`."""
        if self.at is None:
            return None
        if self.kind == BTRFS:
            return parse_absolute_path(self.share)
        return AbsolutePath(self.at.names[: -len(_ENDS[self.kind])])


def parse_snapshots(
    fields: Fields | None, path: AbsolutePath, *, sometimes: bool
) -> NativeSnapshots | None:
    """Read what a destination at a path says of its own snapshots."""
    if fields is None:
        return None
    kind, share = fields.need("kind"), fields.need("share")
    unread = _unread(fields)
    snapshots = NativeSnapshots(
        kind=kind,
        share=share,
        keep=fields.keep(),
        every=fields.duration("every") or DEFAULT_EVERY,
        names=fields.parsed("names", _name_pattern),
        at=fields.path("at"),
        read=_read_back(fields) if not unread else None,
        unread=unread,
        origin=fields.mapping.origin,
    )
    _check(fields, snapshots, path, sometimes=sometimes)
    return snapshots


def _name_pattern(text: str) -> Component:
    if "/" in text:
        raise ValueError(f"{text!r} is no pattern of one name")
    try:
        return parse_component(text.encode())
    except PatternError as error:
        raise ValueError(f"{text!r}: {error}") from None


def _unread(fields: Fields) -> str:
    read = fields.child("read")
    return (read.text("none") or "") if read is not None else ""


def _read_back(fields: Fields) -> ReadBack:
    read = fields.child("read")
    if read is None:
        return ReadBack(origin=fields.mapping.origin)
    return ReadBack(
        ssh=read.ssh(),
        sudo=read.boolean("sudo") or False,
        schedule=read.calendars("schedule") or DEFAULT_SCHEDULE,
        timeout=read.duration("timeout") or DEFAULT_LIMIT,
        severity=AlertSeverity(read.text("severity") or "warning"),
        origin=read.mapping.origin,
        origins=tuple((key, read.origin(key)) for key in read.mapping.items),
    )


# ── What does not fit ────────────────────────────────────────────────────────────────────────


def _check(
    fields: Fields, snapshots: NativeSnapshots, path: AbsolutePath, *, sometimes: bool
) -> None:
    problem = _share_problem(snapshots)
    if problem:
        fields.findings.error("bad-value", problem, fields.origin("share"))
        return
    problem = _place_problem(snapshots, path)
    if problem:
        fields.findings.error("bad-value", problem, fields.origin("at"))
    if sometimes and snapshots.read is not None:
        fields.findings.error(
            "snapshots-away",
            "a destination that is only sometimes there cannot be asked on a schedule",
            fields.mapping.origin,
            hint="say why nobody reads them back: `read: {none: …}`",
        )


def _share_problem(snapshots: NativeSnapshots) -> str:
    share = snapshots.share
    match snapshots.kind:
        case "btrfs":
            try:
                parse_absolute_path(share)
            except ValueError as error:
                return f"of a btrfs `share` is the path of the subvolume: {error}"
            return ""
        case "zfs":
            fits = _DATASET.fullmatch(share)
            return "" if fits else f"{share!r} is no data set, such as tank/backup"
        case _:
            fits = _SHARE.fullmatch(share)
            return "" if fits else f"{share!r} is no name of a share, such as Backup"


def _place_problem(snapshots: NativeSnapshots, path: AbsolutePath) -> str:
    """Why no path inside a snapshot could be told."""
    if snapshots.kind == BTRFS:
        top = parse_absolute_path(snapshots.share)
        outside = f"{path} lies outside {top}, and in no snapshot of it"
        return "" if top.contains(path) else outside
    if snapshots.at is None:
        return ""
    end = _ENDS[snapshots.kind]
    if snapshots.at.names[-len(end) :] != end:
        return f"of a {snapshots.kind} `at` ends in /{b'/'.join(end).decode()}"
    top = AbsolutePath(snapshots.at.names[: -len(end)])
    return "" if top.contains(path) else f"{path} lies outside {top}, and in no snapshot of it"
