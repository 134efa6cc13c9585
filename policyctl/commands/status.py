"""`policyctl status`: how every leg stands."""

from __future__ import annotations

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


def status(
    policy: PolicyOption = None, root: RootOption = DEFAULT_ROOT, json: JsonOption = False
) -> None:
    """Show how each leg, destination and the tracker stand. Ends with 5 if one needs you.

    The first line is one sentence that begins with OK or CRITICAL. Asking changes nothing.
    """
    from policyctl.standing import read_standing
    from policyctl.views.console import result, result_json
    from policyctl.views.status import status_lines
    from policyctl.views.status_json import status_json

    standing = read_standing(policy, root)
    if json:
        result_json(status_json(standing))
    else:
        for line in status_lines(standing):
            result(line)
    if not standing.healthy:
        raise typer.Exit(ExitCode.FAILED)
