"""`policyctl tell-end`: what a leg's service could not tell itself. For systemd, not for people."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, RootOption


def tell_end(
    leg: Annotated[str, typer.Argument(metavar="LEG", help="The leg whose service has ended.")],
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Record the end of a run that was killed, or that systemd could not start, and tell it.

    Does nothing after any other end. Each leg's service calls it by ExecStopPost=, and for what it
    could not begin by OnFailure=.
    """
    import os
    from datetime import UTC, datetime

    from engine.runs.service_ends import never_began
    from engine.system.runs.untold import tell_end as tell_untold
    from policyctl.boundary import Refused
    from policyctl.running import Running

    running = Running.of_applied(root)
    known = running.plan.leg(leg)
    if known is None:  # an apply has removed it while it ran: its series are gone, too
        return
    names = ("MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS")
    why = never_began(*(os.environ.get(name, "") for name in names))
    why_not = tell_untold(running.plan, known, running.places, datetime.now(UTC), never_began=why)
    if why_not:
        raise Refused(f"how {leg} ended is recorded, and could not be told: {why_not}")
