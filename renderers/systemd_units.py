"""A service and a timer for each leg that runs on the host on a schedule.

Owns what the units say. When a leg runs, how long it may take and what it touches was compiled
before; nothing of it is decided in a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.changes.files import RenderedFile
from engine.plan.layout import TARGET_UNIT, TRACKER_UNIT, UNTOLD_UNIT, unit_file
from engine.plan.model import LegPlan, Plan
from engine.runs.tracking import tracked_sources
from policy.secrets import Secret
from policy.sources import ServerSource
from renderers.credentials import credentials_of
from renderers.dumped import dumped_by
from renderers.environment import RenderRefused, fill
from renderers.paths import as_text
from renderers.sandbox import Network, Sandbox, Width, sandbox_of
from renderers.touched import is_remote, mount_paths

GRACE = 300
"""Seconds that a run may take to tell and to clean up once its own limits have struck."""
_UNIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]*")


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The units of a plan. Raises `RenderRefused`."""
    for leg in plan.legs:
        if has_unit(leg):
            yield _service(plan, leg)
            yield _timer(plan, leg)


def unit_name(leg: str) -> str:
    """The name of a leg's units, without suffix."""
    if not _UNIT_NAME.fullmatch(leg):
        raise RenderRefused(f"{leg!r} cannot be part of a unit's name")
    return f"policyctl-{leg}"


def has_unit(leg: LegPlan) -> bool:
    """Whether systemd runs the leg: this host does, and it has a schedule."""
    return leg.leg.runner is None and bool(leg.leg.schedule)


def _service(plan: Plan, leg: LegPlan) -> RenderedFile:
    content = fill(
        "service.j2",
        leg=leg.name,
        mounts=[as_text(path) for path in mount_paths(plan, leg)],
        network=is_remote(plan, leg),
        tracker=TRACKER_UNIT if _is_tracked(plan, leg) else "",
        after=_services_before(plan, leg),
        untold=UNTOLD_UNIT.replace("@", f"@{leg.name}"),
        timeout=_timeout(leg),
        idle=leg.leg.idle,
        credentials=list(credentials_of(_secrets(plan, leg))),
        **sandbox_values(sandbox_of(plan, leg)),
    )
    return RenderedFile(path=unit_file(f"{unit_name(leg.name)}.service"), content=content)


def _secrets(plan: Plan, leg: LegPlan) -> Iterator[Secret | None]:
    """What opens the servers that a leg dumps."""
    for source in dumped_by(plan, leg):
        if isinstance(source, ServerSource):
            yield source.connect.secret


def _timer(plan: Plan, leg: LegPlan) -> RenderedFile:
    delay = leg.leg.random_delay
    content = fill(
        "timer.j2",
        unit=unit_name(leg.name),
        what=f"leg {leg.name}",
        calendars=[f"{one.canonical()} {plan.timezone}" for one in leg.leg.schedule],
        delay=delay.seconds if delay else None,
        target=TARGET_UNIT,
    )
    return RenderedFile(path=unit_file(f"{unit_name(leg.name)}.timer"), content=content)


def _services_before(plan: Plan, leg: LegPlan) -> list[str]:
    """The services that this one queues behind, where both are to start.

    `after` alone: it has no circles, whereas reading and `after` together may have some, and
    systemd drops a job to break one.
    """
    legs = (plan.leg(name) for name in leg.leg.after)
    return [f"{unit_name(one.name)}.service" for one in legs if one is not None and has_unit(one)]


def sandbox_values(sandbox: Sandbox) -> dict[str, object]:
    """A sandbox as the template wants it."""
    return {
        "sandboxed": sandbox.width is not Width.OPEN,
        "closed": sandbox.width is Width.CLOSED,
        "shown": [as_text(path) for path in sandbox.shown],
        "written": [as_text(path) for path in sandbox.written],
        "capabilities": sandbox.capabilities,
        "makes_devices": sandbox.makes_devices,
        "alone": sandbox.network is Network.NONE,
        "loopback": sandbox.network is Network.LOOPBACK,
    }


def _timeout(leg: LegPlan) -> int:
    """Seconds after which systemd ends a run: never before the run would have ended itself."""
    hooks = sum(hook.timeout.seconds for hook in (*leg.leg.before, *leg.leg.finally_))
    return leg.leg.wait.seconds + leg.leg.limits.whole.seconds + hooks + GRACE


def _is_tracked(plan: Plan, leg: LegPlan) -> bool:
    """Whether the tracker follows what the leg reads.

    A pass that begins before all watches stand closes no gap: after a boot it would be in vain.
    """
    followed = {one.source for one in tracked_sources(plan)}
    return any(feed.reads in followed for feed in leg.feeds)
