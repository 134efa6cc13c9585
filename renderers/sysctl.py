"""The kernel's limits that the tracker needs, by a formula that no machine has to be asked for.

How many directories there are is seen only where they are, and changes from day to day; a plan is a
function of the manifest alone. So each tracked source is granted a generous number (ADR 18).
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.changes.files import RenderedFile
from engine.plan.layout import SYSCTL_FILE
from engine.plan.model import Plan
from engine.runs.tracking import tracked_sources
from renderers.environment import fill

WATCHES = 2**20
"""For each source: as many as the kernel grants of itself where there is much memory, so that the
file never lowers a limit that the kernel chose (inotify(7), fs/notify/inotify)."""
EVENTS = 2**17
"""Eight times the kernel's own limit."""


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The file for `sysctl --load`, or nothing where nothing is tracked."""
    sources = len(tracked_sources(plan))
    if sources:
        content = fill("sysctl.j2", watches=sources * WATCHES, events=EVENTS)
        yield RenderedFile(path=SYSCTL_FILE, content=content)
