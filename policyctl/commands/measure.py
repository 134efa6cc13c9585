"""`policyctl measure`: how much data each route decides."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


def measure(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE...]", help="Trees of the manifest. Default: all."),
    ] = None,
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Count the files and bytes that each route decides, and keep the figures for `plan`.

    Where no source is named, the room that generations take is counted as well.

    Nothing but the figures is written. Ends with 6 if directories could not be read, with 5 if a
    tree is not there.
    """
    from policyctl.exit_codes import ExitCode
    from policyctl.measuring import measure_generations, measure_sources
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.measure import measured_json, measured_lines, measured_warnings

    plan, found = measure_sources(policy, root, sources or ())
    rooms, not_kept = measure_generations(root) if not sources else ((), "")
    if json:
        result_json(measured_json(plan, found, rooms))
    else:
        for line in measured_lines(plan, found, rooms):
            result(line)
    if not_kept:
        tell(f"policyctl: generations: what was counted is not all, or not kept: {not_kept}")
    for line in measured_warnings(found):
        tell(f"policyctl: {line}")
    if any(one.volumes is None for one in found):
        raise typer.Exit(ExitCode.FAILED)
    if any(one.volumes is not None and one.volumes.unreadable for one in found):
        raise typer.Exit(ExitCode.DEGRADED)
