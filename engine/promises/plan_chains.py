"""The chains of a plan that is stored: the same as those of the policy behind it."""

from __future__ import annotations

from engine.plan.model import Plan
from engine.promises.chains import Chains
from engine.routing.feeds import Draft
from engine.schedule.timeline import Timeline
from policy.model import Policy


def policy_of(plan: Plan) -> Policy:
    """The policy behind a compiled plan, without its positions in the manifest."""
    return Policy(
        host=plan.host,
        timezone=plan.timezone,
        destinations=plan.destinations,
        sources=plan.sources,
        legs=tuple(one.leg for one in plan.legs),
        ignores=plan.ignores,
        objectives=plan.objectives,
        checks=tuple(one.check for one in plan.checks),
        drills=tuple(one.drill for one in plan.drills),
        monitoring=plan.monitoring,
    )


def chains_of(plan: Plan) -> Chains:
    """Follow the paths of a compiled plan from hop to hop."""
    policy = policy_of(plan)
    drafts = tuple(Draft(one.leg, feed) for one in plan.legs for feed in one.feeds)
    return Chains(policy, plan.tables, drafts, Timeline(policy))
