"""`policyctl status`: how every leg stands."""

from __future__ import annotations

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


def status(
    policy: PolicyOption = None, root: RootOption = DEFAULT_ROOT, json: JsonOption = False
) -> None:
    """Show last run, last success, age and next run of each leg. Ends with 5 if one needs you."""
    from policyctl.standing import read_standing
    from policyctl.views.console import result, result_json
    from policyctl.views.status import status_json, status_lines

    standing = read_standing(policy, root)
    if json:
        result_json(status_json(standing.legs, standing.notes))
    else:
        for line in status_lines(standing.legs, standing.notes, standing.timezone):
            result(line)
    if not all(one.health.sound for one in standing.legs):
        raise typer.Exit(ExitCode.FAILED)
