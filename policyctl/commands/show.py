"""`policyctl show`: the compiled policy, part by part."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


class Part(enum.StrEnum):
    """What can be shown."""

    ROUTES = "routes"
    LEGS = "legs"
    FILTERS = "filters"
    FILES = "files"
    TIMELINE = "timeline"
    PLAN = "plan"
    GENERATIONS = "generations"


def show(
    part: Annotated[Part, typer.Argument(help="What to show.")],
    name: Annotated[str | None, typer.Argument(metavar="[LEG]", help="This leg only.")] = None,
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Show what the manifest compiles to: routes, legs, filters, files, timeline or the plan.

    `generations` shows what legs have kept by the plan that is applied: why each one stays, and
    when it will go.
    """
    if part is Part.GENERATIONS:
        _show_generations(root, name, json=json)
        return
    from policyctl.boundary import Refused
    from policyctl.loading import load_manifest
    from policyctl.views.console import result, result_json
    from policyctl.views.show import shown, shown_json

    loaded = load_manifest(policy, root)
    if name is not None and loaded.compilation.plan.leg(name) is None:
        known = ", ".join(leg.name for leg in loaded.compilation.plan.legs)
        raise Refused(f"there is no leg {name!r}; there are: {known}")
    if json:
        result_json(shown_json(part.value, loaded.compilation, name))
        return
    for line in shown(part.value, loaded.compilation, name):
        result(line)


def _show_generations(root: Path, leg: str | None, *, json: bool) -> None:
    from policyctl.keeping import keepings
    from policyctl.views.console import result, result_json
    from policyctl.views.generations import generation_lines, generations_json

    zone, found = keepings(root, leg)
    if json:
        result_json(generations_json(found))
        return
    for line in generation_lines(found, zone):
        result(line)
