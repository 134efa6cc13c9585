"""A service and a timer for each check that this host carries out."""

from __future__ import annotations

from collections.abc import Iterator

from engine.changes.files import RenderedFile
from engine.plan.layout import TARGET_UNIT, UNTOLD_UNIT, unit_file
from engine.plan.model import CheckPlan, Plan
from policy.checks import HttpCheck
from policy.secrets import Secret
from renderers.checked import mounts_of
from renderers.credentials import credentials_of
from renderers.environment import fill
from renderers.paths import as_text
from renderers.sandbox import Network, sandbox_of_check
from renderers.systemd_units import GRACE, sandbox_values, unit_name


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The units of a plan's checks. Raises `RenderRefused`."""
    for one in plan.checks:
        if one.here and one.check.schedule:
            yield _service(plan, one)
            yield _timer(plan, one)


def _service(plan: Plan, one: CheckPlan) -> RenderedFile:
    unit, sandbox = unit_name(f"check-{one.name}"), sandbox_of_check(plan, one)
    content = fill(
        "check.j2",
        check=one.name,
        unit=unit,
        mounts=[as_text(path) for path in mounts_of(plan, one.check)],
        network=sandbox.network is Network.ANY,
        untold=UNTOLD_UNIT.replace("@", f"@check-{one.name}"),
        credentials=list(credentials_of(_secrets(one))),
        timeout=one.check.timeout.seconds + GRACE,
        **sandbox_values(sandbox),
    )
    return RenderedFile(path=unit_file(f"{unit}.service"), content=content)


def _timer(plan: Plan, one: CheckPlan) -> RenderedFile:
    unit = unit_name(f"check-{one.name}")
    content = fill(
        "timer.j2",
        unit=unit,
        what=f"check {one.name}",
        calendars=[f"{each.canonical()} {plan.timezone}" for each in one.check.schedule],
        delay=None,
        target=TARGET_UNIT,
    )
    return RenderedFile(path=unit_file(f"{unit}.timer"), content=content)


def _secrets(one: CheckPlan) -> Iterator[Secret | None]:
    if isinstance(one.check, HttpCheck):
        yield from (header.secret for header in one.check.headers)
