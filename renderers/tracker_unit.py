"""The service of the tracker, where the plan tracks anything.

Its restart is a gap in the journal, so an `apply` must not restart it: it follows the applied plan
by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.changes.files import RenderedFile
from engine.plan.layout import TARGET_UNIT, TRACKER_UNIT, unit_file
from engine.plan.model import Plan
from engine.runs.tracking import tracked_sources
from renderers.environment import fill


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The unit, or nothing."""
    if tracked_sources(plan):
        content = fill("tracker.j2", unit=TRACKER_UNIT, target=TARGET_UNIT)
        yield RenderedFile(path=unit_file(TRACKER_UNIT), content=content)
