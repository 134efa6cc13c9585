"""What the checks of a policy amount to: how old a look may get."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from engine.plan.model import CheckPlan, Plan
from engine.schedule.calendars import longest_gap
from policy.checks import Check
from policy.model import Policy


def with_checks(plan: Plan, policy: Policy) -> Plan:
    """The plan with the checks of its policy."""
    zone = ZoneInfo(policy.timezone)
    return replace(plan, checks=tuple(_check_plan(one, zone) for one in policy.checks))


def _check_plan(check: Check, zone: ZoneInfo) -> CheckPlan:
    if not check.schedule:
        return CheckPlan(check=check)
    gap = longest_gap(check.schedule, zone=zone).seconds
    return CheckPlan(check=check, longest_gap=gap, allowed_age=gap + check.timeout.seconds)
