"""A service and a timer for each drill."""

from __future__ import annotations

from collections.abc import Iterator

from engine.changes.files import RenderedFile
from engine.plan.layout import TARGET_UNIT, UNTOLD_UNIT, unit_file
from engine.plan.model import DrillPlan, Plan
from policy.values import AbsolutePath
from renderers.environment import fill
from renderers.paths import as_text
from renderers.sandbox import Sandbox, sandbox_of_drill
from renderers.systemd_units import GRACE, sandbox_values, unit_name


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The units of a plan's drills. Raises `RenderRefused`."""
    for one in plan.drills:
        yield _service(plan, one)
        yield _timer(plan, one)


def _service(plan: Plan, one: DrillPlan) -> RenderedFile:
    unit = unit_name(f"drill-{one.name}")
    sandbox: Sandbox = sandbox_of_drill(plan, one)
    content = fill(
        "drill.j2",
        drill=one.name,
        unit=unit,
        mounts=[as_text(path) for path in _mounts(plan, one)],
        network=any(place.ssh for place in plan.destinations if place.name in one.places),
        untold=UNTOLD_UNIT.replace("@", f"@drill-{one.name}"),
        timeout=one.drill.timeout.seconds + GRACE,
        **sandbox_values(sandbox),
    )
    return RenderedFile(path=unit_file(f"{unit}.service"), content=content)


def _timer(plan: Plan, one: DrillPlan) -> RenderedFile:
    unit = unit_name(f"drill-{one.name}")
    content = fill(
        "timer.j2",
        unit=unit,
        what=f"drill {one.name}",
        calendars=[f"{each.canonical()} {plan.timezone}" for each in one.drill.schedule],
        delay=None,
        target=TARGET_UNIT,
    )
    return RenderedFile(path=unit_file(f"{unit}.timer"), content=content)


def _mounts(plan: Plan, one: DrillPlan) -> list[AbsolutePath]:
    """What has to be mounted: the scratch space, and disks here that are always there."""
    disks = {
        place.path
        for place in plan.destinations
        if place.name in one.places and place.ssh is None and not place.sometimes
    }
    return sorted({one.drill.scratch, *disks}, key=lambda path: path.names)
