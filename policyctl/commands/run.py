"""`policyctl run`: carry out legs of the applied plan."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption


class Allowed(enum.StrEnum):
    """Guards that a person may waive for one run."""

    SMALLER_SOURCE = "smaller-source"
    OTHER_FILE_SYSTEM = "other-file-system"
    DELETIONS = "deletions"


def run(
    legs: Annotated[
        list[str] | None, typer.Argument(metavar="[LEG...]", help="Legs, one after another.")
    ] = None,
    due: Annotated[
        bool,
        typer.Option(
            "--due", help="Run what is due since it last began: for cron, and after downtime."
        ),
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Run all legs of this host now.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Look at everything, whatever the journal says.")
    ] = False,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what a run would look at and do, and stop.")
    ] = False,
    allow: Annotated[
        list[Allowed] | None,
        typer.Option("--allow", help="Waive a guard for this run. Repeatable."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell each step as it is taken.")
    ] = False,
) -> None:
    """Run legs of the applied plan (not of the edited manifest), each after those it depends on.

    A leg looks at everything when that is due (`full_every`), and else at what changed only.
    """
    from engine.modes import Forced
    from policyctl.running import Running
    from policyctl.views.console import result, result_json
    from policyctl.views.run import exit_code_of, report_json, report_lines

    if sum((bool(legs), due, every)) != 1:
        raise typer.BadParameter("name legs, or say --due, or --all", param_hint="LEG")
    running = Running.of_applied(
        root,
        waived=tuple(one.value for one in allow or ()),
        verbose=verbose,
        forced=Forced.FULL if full else Forced.NOTHING,
    )
    wanted = running.due() if due else running.every() if every else running.named(legs or ())
    alone = bool(legs) and len(wanted) == 1
    if explain:
        told = {one.leg: running.explain(one.leg) for one in wanted}
        if json:
            shown = [{"leg": leg, "steps": list(lines)} for leg, lines in told.items()]
            result_json(shown[0] if alone else shown)
        else:
            result("\n".join(line for lines in told.values() for line in lines))
        return
    reports = []
    for report in running.run(wanted):
        reports.append(report)
        for line in () if json else report_lines(report, table=verbose):
            result(line)
    if json:
        ended = [report_json(one) for one in reports]
        result_json(ended[0] if alone else ended)
    code = max((exit_code_of(one) for one in reports), default=ExitCode.OK)
    if code is not ExitCode.OK:
        raise typer.Exit(code)
