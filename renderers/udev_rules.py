"""Rules for udev, so that no other volume gets the name of the live file system.

A clone has the UUID of the volume, and so has what a rollback has set aside. Of two devices with
one UUID the last that appears gets the link in /dev/disk/by-uuid: what is then mounted by UUID
would be the clone, which is thrown away, or the data of before.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.changes.files import RenderedFile
from engine.items.thin_names import ASIDE_INFIX, CLONE_PREFIX, LvName
from engine.plan.layout import UDEV_FILE
from engine.plan.model import Plan
from policy.sources import LvmThinSource
from renderers.environment import fill


def text() -> bytes:
    """The rules: they are the same for each plan."""
    clones = LvName(group="*", volume=CLONE_PREFIX + "*").device_name
    aside = LvName(group="*", volume=f"*{ASIDE_INFIX}*").device_name
    return fill("udev.j2", names="|".join((clones, CLONE_PREFIX + "*", aside)))


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The file, or nothing where no snapshots of volumes are read."""
    if any(isinstance(one, LvmThinSource) for one in plan.sources):
        yield RenderedFile(path=UDEV_FILE, content=text())
