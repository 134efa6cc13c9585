"""Rules for udev, so that a clone never gets the name of the live file system.

A clone has the UUID of the volume, and of two devices with one UUID the last that appears gets the
link in /dev/disk/by-uuid. What is then mounted by UUID would be the clone, which is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.changes import RenderedFile
from engine.layout import UDEV_FILE
from engine.plan import Plan
from engine.thin_names import CLONE_PREFIX, LvName
from policy.sources import LvmThinSource
from renderers.environment import fill


def text() -> bytes:
    """The rules: they are the same for each plan."""
    clones = LvName(group="*", volume=CLONE_PREFIX + "*").device_name
    return fill("udev.j2", clones=clones, mappings=CLONE_PREFIX + "*")


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The file, or nothing where no snapshots of volumes are read."""
    if any(isinstance(one, LvmThinSource) for one in plan.sources):
        yield RenderedFile(path=UDEV_FILE, content=text())
