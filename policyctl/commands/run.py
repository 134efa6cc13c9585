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
    legs: Annotated[list[str], typer.Argument(metavar="LEG...", help="Legs, one after another.")],
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
    """Run legs of the applied plan (not of the edited manifest), as full passes."""
    from policyctl.running import Running
    from policyctl.views.console import result, result_json
    from policyctl.views.run import exit_code_of, report_json, report_lines

    running = Running.of_applied(
        root, waived=tuple(one.value for one in allow or ()), verbose=verbose
    )
    if explain:
        told = {leg: running.explain(leg) for leg in legs}
        if json:
            shown = [{"leg": leg, "steps": list(lines)} for leg, lines in told.items()]
            result_json(shown[0] if len(legs) == 1 else shown)
        else:
            result("\n".join(line for lines in told.values() for line in lines))
        return
    reports = []
    for report in running.run(legs):
        reports.append(report)
        for line in () if json else report_lines(report):
            result(line)
    if json:
        ended = [report_json(one) for one in reports]
        result_json(ended[0] if len(legs) == 1 else ended)
    code = max((exit_code_of(one) for one in reports), default=ExitCode.OK)
    if code is not ExitCode.OK:
        raise typer.Exit(code)
