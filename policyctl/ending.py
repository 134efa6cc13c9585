"""What `tell-end` does: which part's service has ended, and what that could not tell itself."""

from __future__ import annotations

from datetime import datetime

from policyctl.running import Running


def end_untold(running: Running, unit: str, now: datetime, *, never_began: str) -> str:
    """Record and tell the end; why somebody could not be told, or "".

    `unit` is the unit's name without `policyctl-`. What an apply has removed meanwhile has no
    series any more, and nothing is told of it.
    """
    plan, places = running.plan, running.places
    leg, drill = plan.leg(unit), plan.drill(unit.removeprefix("drill-"))
    check = plan.check(unit.removeprefix("check-"))
    if leg is not None:
        from engine.system.runs.untold import tell_end

        return tell_end(plan, leg, places, now, never_began=never_began)
    if drill is not None and unit.startswith("drill-"):
        from engine.system.drill.untold import tell_drill_end

        return tell_drill_end(plan, drill, places, now, never_began=never_began)
    if check is not None and unit.startswith("check-"):
        from engine.system.checks.untold import tell_check_end

        return tell_check_end(plan, check, places, now, never_began=never_began)
    return ""
