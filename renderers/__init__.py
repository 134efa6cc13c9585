"""Renderers: a plan to files. Pure; templates only loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.changes.files import RenderedFile
from engine.plan.model import Plan
from renderers import (
    alert_rules,
    alert_tests,
    alertmanager_routes,
    check_units,
    dashboard,
    drill_units,
    rsync_filters,
    sysctl,
    systemd_units,
    target_unit,
    tracker_unit,
    udev_rules,
)
from renderers.environment import RenderRefused

RENDERERS: tuple[Callable[[Plan], Iterable[RenderedFile]], ...] = (
    rsync_filters.render,
    systemd_units.render,
    drill_units.render,
    check_units.render,
    target_unit.render,
    tracker_unit.render,
    sysctl.render,
    udev_rules.render,
    alert_rules.render,
    alert_tests.render,
    alertmanager_routes.render,
    dashboard.render,
)
"""Everything that a plan is turned into."""


def render(plan: Plan) -> tuple[RenderedFile, ...]:
    """All files of a plan, sorted by path. Raises `RenderRefused`."""
    files: dict[tuple[bytes, ...], RenderedFile] = {}
    for renderer in RENDERERS:
        for one in renderer(plan):
            if files.setdefault(one.path.names, one) is not one:
                raise RenderRefused(f"two things of the policy would both write {one.path}")
    return tuple(files[names] for names in sorted(files))


__all__ = ["RENDERERS", "RenderRefused", "render"]
