"""Destinations: places that hold copies."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.diagnostics import Origin
from policy.fields import Fields
from policy.needs import Need, parse_needs
from policy.parts import NOWHERE, Attribute, Keep, SshTarget
from policy.values import AbsolutePath, Percentage

DEFAULT_MAX_USED = Percentage(90_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSnapshots:
    """Snapshots that a destination takes of itself: read back, never set."""

    kind: str
    share: str
    keep: Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A place that holds copies."""

    name: str
    path: AbsolutePath
    media: str
    site: str
    ssh: SshTarget | None = None
    mount_required: bool = False
    max_used: Percentage = DEFAULT_MAX_USED
    cannot_keep: tuple[Attribute, ...] = ()
    sometimes: bool = False
    """Rotated or travelling: legs run when it is there."""
    snapshots: NativeSnapshots | None = None
    needs: tuple[Need, ...] = field(default=(), metadata={"later": True})
    """What must be at hand before its copies can be read."""
    was: str | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


def parse_destination(name: str, fields: Fields, origin: Origin) -> Destination:
    """Read one destination."""
    return Destination(
        name=name,
        path=fields.need_path("path"),
        media=fields.need("media"),
        site=fields.need("site"),
        ssh=parse_ssh(fields),
        mount_required=fields.text("mount") == "required",
        max_used=fields.percentage("max_used") or DEFAULT_MAX_USED,
        cannot_keep=fields.attributes("cannot_keep"),
        sometimes=fields.text("presence") == "sometimes",
        snapshots=_snapshots(fields.child("snapshots")),
        needs=parse_needs(fields),
        was=fields.text("was"),
        origin=origin,
    )


def parse_ssh(fields: Fields) -> SshTarget | None:
    """Read the keys that say how to reach another machine."""
    account = fields.text("ssh")
    if account is None:
        return None
    return SshTarget(
        account=account,
        port=fields.integer("port"),
        key=fields.path("key"),
        known_hosts=fields.path("known_hosts"),
    )


def _snapshots(fields: Fields | None) -> NativeSnapshots | None:
    if fields is None:
        return None
    return NativeSnapshots(kind=fields.need("kind"), share=fields.need("share"), keep=fields.keep())
