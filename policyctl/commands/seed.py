"""`policyctl seed`: the first full pass of a leg, however long it takes."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption


def seed(
    leg: Annotated[str, typer.Argument(metavar="LEG", help="A leg that has not succeeded yet.")],
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell each step as it is taken.")
    ] = False,
) -> None:
    """Make the first full pass of a leg, without a time limit. Interrupted, it can be resumed.

    Until it has ended no copy of it is counted, and `status` says since when it is being seeded.
    """
    from engine.steps.modes import Forced
    from policyctl.running import Running
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.run import exit_code_of, report_json, report_lines, what_stays

    running = Running.of_applied(root, verbose=verbose, forced=Forced.SEED)
    wanted = running.named((leg,))
    running.refuse_seeded(leg)
    for report in running.run(wanted):
        if json:
            result_json(report_json(report))
        else:
            result("\n".join(report_lines(report, running.leg_of(report), table=verbose)))
        if not report.status.succeeded:
            stays = what_stays(running.leg_of(report))
            tell(f"policyctl: {stays}; so does `policyctl seed {leg}`, without a time limit")
        code = exit_code_of(report)
        if code is not ExitCode.OK:
            raise typer.Exit(code)
