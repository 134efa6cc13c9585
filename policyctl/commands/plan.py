"""`policyctl plan`: what an edit means, before anything is touched."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


def plan(
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 4 where there is something to apply.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Show what `apply --rollback` would change.")
    ] = False,
    measure: Annotated[
        bool | None,
        typer.Option(
            "--measure/--no-measure",
            help="Count the data of changed routes and look at the room of destinations anew, or "
            "neither. Without it what is known counts, and data that are not known are counted.",
        ),
    ] = None,
    migrate: Annotated[
        bool,
        typer.Option("--migrate", help="Show what `apply --migrate` would do."),
    ] = False,
) -> None:
    """Show what `apply` would change and run: data, legs, files, commands. Touches nothing."""
    from policyctl.planning import prepare, tell_warnings
    from policyctl.views.console import result_json
    from policyctl.views.plan import plan_json, show_plan

    prepared = prepare(
        policy,
        root,
        rollback=rollback,
        measure=measure is not False,
        anew=measure is True,
        migrate=migrate,
    )
    tell_warnings(prepared.report)
    if json:
        result_json(plan_json(prepared))
    else:
        show_plan(prepared)
    if exit_code and not prepared.empty:
        raise typer.Exit(ExitCode.CHANGES)
