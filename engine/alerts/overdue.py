"""When something that ought to happen on a schedule is overdue, as PromQL. Pure.

Since when it is expected is a series as well, told by each run of a leg. So what never happened
grows old in the expression itself, and needs no `for` of a month (law 40).
"""

from __future__ import annotations

from engine.alerts.promql import Matchers, series, span
from engine.alerts.samples import Metric
from engine.promises.allowed_age import SLACK

_BEYOND = 3 * 3600
"""Seconds that an expression looks back beyond the age at which it fires."""


def overdue(last: Metric, expected: Metric, subject: Matchers, age: int) -> str:
    """The last time is too long ago, or there never was one; one ahead of now counts as none."""
    back = span(age + _BEYOND)
    held = f"max(last_over_time({series(last, subject)}[{back}]))"
    since = f"max(last_over_time({series(expected, subject)}[{back}]))"
    ahead = int(SLACK.total_seconds())
    parts = (
        f"time() - {held} > {age}",
        f"max({series(last, subject)}) - time() > {ahead}",
        f"(time() - {since} > {age} unless {held})",
    )
    return "\nor\n".join(parts)
