"""`policyctl resume`: end the pause of a leg before its time."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption


def resume(
    leg: Annotated[str, typer.Argument(metavar="LEG", help="A leg of the applied plan.")],
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """End the pause of a leg: its timer and its alerts are as before. Runs nothing."""
    from datetime import UTC, datetime

    from policyctl.pausing import resume_leg
    from policyctl.running import Running
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.pause import not_told_sentence, resumed_json, resumed_lines

    done = resume_leg(Running.of_applied(root), leg, datetime.now(UTC))
    if json:
        result_json(resumed_json(done))
    else:
        result("\n".join(resumed_lines(done)))
    if done.not_told:
        tell(not_told_sentence(leg, done.not_told, paused=False))
        raise typer.Exit(ExitCode.FAILED)
