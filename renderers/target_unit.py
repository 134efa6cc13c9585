"""What all legs' units share: the target that holds them, and the service that tells for them."""

from __future__ import annotations

from collections.abc import Iterator

from engine.changes.files import RenderedFile
from engine.plan.layout import TARGET_UNIT, UNTOLD_UNIT, unit_file
from engine.plan.model import Plan
from engine.runs.tracking import tracked_sources
from renderers.environment import fill
from renderers.systemd_units import has_unit


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The target, or nothing where it would hold nothing; the service where one has a unit."""
    looks = any(one.here and one.check.schedule for one in plan.checks)
    any_part = any(map(has_unit, plan.legs)) or looks or bool(plan.drills)
    if any_part or tracked_sources(plan):
        yield RenderedFile(path=unit_file(TARGET_UNIT), content=fill("target.j2"))
    if any_part:
        yield RenderedFile(path=unit_file(UNTOLD_UNIT), content=fill("untold.j2"))
