"""`policyctl tell-end`: what a leg's service could not tell itself. For systemd, not for people."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, RootOption


def tell_end(
    unit: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The leg whose service has ended, or drill-NAME, or check-NAME.",
        ),
    ],
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Record the end of what was killed, or what systemd could not start, and tell it.

    Does nothing after any other end. Each leg's service calls it by ExecStopPost=, and that of a
    leg, a drill or a check by OnFailure= for what it could not begin.
    """
    import os
    from datetime import UTC, datetime

    from engine.runs.service_ends import never_began
    from policyctl.boundary import Refused
    from policyctl.ending import end_untold
    from policyctl.running import Running

    names = ("MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS")
    why = never_began(*(os.environ.get(name, "") for name in names))
    why_not = end_untold(Running.of_applied(root), unit, datetime.now(UTC), never_began=why)
    if why_not:
        raise Refused(f"how {unit} ended is recorded, and could not be told: {why_not}")
