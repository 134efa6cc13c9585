"""Jobs in a cluster, as data: what each runs, when, for how long, and what it needs. Pure.

A job runs by a plan of its own: the part of the whole that is about it, in which it runs *here*. So
nothing else of the policy lies in its namespace, and an edit elsewhere leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from engine.cluster.cron import BY_HAND, CronImpossible, cron_lines
from engine.cluster.needs import Needs, needs_of_check, needs_of_leg
from engine.cluster.no_job import NoJob
from engine.plan.model import CheckPlan, LegPlan, Plan
from policy.calendar import Calendar
from policy.checks import Check
from policy.legs import Leg
from policy.model import Monitoring
from policy.parts import KubernetesRunner
from policy.sources import Source, TreeSource
from policy.urls import host_of

GRACE = 600
"""Seconds for the image to come, and for a run to tell and clean up once its limits have struck."""
LEAST_LATE = 600
_MOST_LATE = 4 * 3600
DEFAULT_USER = 65534
"""Nobody, who owns nothing on a node."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
Part = Literal["leg", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A leg or a check that a cluster runs."""

    part: Part
    subject: str
    """The name of the leg or check."""
    runner: KubernetesRunner
    plan: Plan
    """What it runs by."""
    lines: tuple[str, ...]
    """When it starts, as lines of cron."""
    by_hand: bool
    limit: int
    """Seconds after which it is ended."""
    lateness: int
    """Seconds that it may start late, where the cluster was busy or down."""
    needs: Needs

    @property
    def name(self) -> str:
        """By which the cluster knows it; at most 52 characters may stand in a CronJob's name."""
        return job_name(self.part, self.subject)

    @property
    def user(self) -> int:
        """As whom it runs."""
        return user_of(self.runner)


def user_of(runner: KubernetesRunner) -> int:
    """The uid of what a runner runs."""
    return runner.user if runner.user is not None else DEFAULT_USER


def job_name(part: Part, subject: str) -> str:
    """By which a cluster knows the job of a leg or check."""
    return subject if part == "leg" else f"check-{subject}"


def jobs_of(plan: Plan) -> tuple[Job, ...]:
    """All jobs that can be made of a plan, sorted by namespace and name."""
    return tuple(sorted(_jobs(plan), key=lambda job: (job.runner.namespace, job.name)))


def _jobs(plan: Plan) -> Iterator[Job]:
    for leg in plan.legs:
        if leg.leg.runner is not None and (found := job_of_leg(plan, leg)) is not None:
            yield found
    for check in plan.checks:
        if check.check.runner is not None and (job := job_of_check(plan, check)) is not None:
            yield job


def job_of_leg(plan: Plan, leg: LegPlan) -> Job | None:
    """The job of a leg; None where none can be made of it, as `check` says."""
    one = leg.leg
    hooks = sum(hook.timeout.seconds for hook in (*one.before, *one.finally_))
    here = replace(leg, leg=replace(one, runner=None))
    needs, seconds = partial(needs_of_leg, one, plan), one.limits.whole.seconds + hooks
    return _job(plan, "leg", one, needs, seconds, leg.longest_gap, legs=(here,))


def job_of_check(plan: Plan, check: CheckPlan) -> Job | None:
    """The same of a check."""
    one = check.check
    here = replace(check, check=replace(one, runner=None))
    needs = partial(needs_of_check, one, plan)
    return _job(plan, "check", one, needs, one.timeout.seconds, check.longest_gap, checks=(here,))


def _job(
    plan: Plan,
    part: Part,
    one: Leg | Check,
    needs: Callable[[], Needs],
    seconds: int,
    gap: int | None,
    *,
    legs: tuple[LegPlan, ...] = (),
    checks: tuple[CheckPlan, ...] = (),
) -> Job | None:
    if one.runner is None:
        return None
    try:
        needed, lines = needs(), _lines(one.schedule)
    except (NoJob, CronImpossible):
        return None
    return Job(
        part=part,
        subject=one.name,
        runner=one.runner,
        plan=replace(_bare(plan, needed.sources), legs=legs, checks=checks),
        lines=lines,
        by_hand=not one.schedule,
        limit=seconds + GRACE,
        lateness=_lateness(gap),
        needs=needed,
    )


def gateway_of_jobs(plan: Plan) -> str | None:
    """The gateway that jobs can reach; None: none, and so nobody is told of them."""
    told = plan.monitoring
    if told.cluster_pushgateway is not None:
        return told.cluster_pushgateway
    url = told.pushgateway
    return url if url is not None and host_of(url) not in _LOOPBACK else None


def tells_from_cluster(plan: Plan, one: LegPlan | CheckPlan) -> bool:
    """Whether a job is made of a leg or check, and tells how it went."""
    if gateway_of_jobs(plan) is None:
        return False
    job = job_of_leg(plan, one) if isinstance(one, LegPlan) else job_of_check(plan, one)
    return job is not None


def _lines(schedule: tuple[Calendar, ...]) -> tuple[str, ...]:
    return tuple(line.text for line in cron_lines(schedule)) or (BY_HAND,)


def _lateness(gap: int | None) -> int:
    """Half of the time to the next start, so that a late one never meets it; never a few seconds.

    With ten of them a busy controller has dropped a nightly dump (`startingDeadlineSeconds`).
    """
    return max(LEAST_LATE, min(_MOST_LATE, gap // 2 if gap is not None else 0))


def _bare(plan: Plan, sources: tuple[Source, ...]) -> Plan:
    """A plan with nothing but what every job needs, and these sources."""
    return Plan(
        host=plan.host,
        timezone=plan.timezone,
        destinations=(),
        sources=tuple(sorted(map(_plain, sources), key=lambda one: one.name)),
        tables=(),
        ignores=(),
        legs=(),
        objectives=(),
        checks=(),
        monitoring=Monitoring(pushgateway=gateway_of_jobs(plan)),
    )


def _plain(source: Source) -> Source:
    """A source without what is only for the host."""
    plain = replace(source, needs=(), was=None)
    return replace(plain, track=False) if isinstance(plain, TreeSource) else plain
