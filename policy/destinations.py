"""Destinations: places that hold copies."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.diagnostics import Origin
from policy.fields import Fields
from policy.needs import Need, parse_needs
from policy.parts import NOWHERE, Attribute, SshTarget
from policy.snapshots import NativeSnapshots, parse_snapshots
from policy.values import AbsolutePath, Percentage

DEFAULT_MAX_USED = Percentage(90_000)


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
    path, sometimes = fields.need_path("path"), fields.text("presence") == "sometimes"
    return Destination(
        name=name,
        path=path,
        media=fields.need("media"),
        site=fields.need("site"),
        ssh=fields.ssh(),
        mount_required=fields.text("mount") == "required",
        max_used=fields.percentage("max_used") or DEFAULT_MAX_USED,
        cannot_keep=fields.attributes("cannot_keep"),
        sometimes=sometimes,
        snapshots=parse_snapshots(fields.child("snapshots"), path, sometimes=sometimes),
        needs=parse_needs(fields),
        was=fields.text("was"),
        origin=origin,
    )
