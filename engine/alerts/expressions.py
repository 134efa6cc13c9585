"""When an alert fires, as PromQL over the series that runs tell. Pure.

Most take the age of a value, and look back for it, so that they also fire where the series are gone
or a gateway came back empty. Where series of several hosts look alike the oldest one counts: none
may hide another.
"""

from __future__ import annotations

from engine.alerts.metrics import (
    DESTINATION_FREE,
    DESTINATION_MEASURED,
    DESTINATION_SIZE,
    LEG_PAUSED_UNTIL,
    OF_ITEM,
    OF_LEG,
    POLICY_DRIFT,
    STATUS_LABEL,
    TRACKER_HEARTBEAT,
    TRACKER_STANDING,
    OfRun,
    status_label,
)
from engine.alerts.promql import Matchers, any_of, none_of, series, span
from engine.alerts.samples import Metric
from engine.promises.allowed_age import SLACK
from engine.records.reports import RunStatus

_BEYOND = 3 * 3600
"""Seconds that an expression looks back beyond the age at which it fires: until NeverRan does."""
_SAID_BEFORE = 30 * 24 * 3600
"""Seconds for which a destination that has once said its room is missed when it does not."""
SILENCE = 600
"""Seconds for which a tracker that lives may give no sign of life."""


def leg_stale(leg: Matchers, *, own: int, data: int | None) -> str:
    """A leg's last success, or the data that it holds, are too old; or it never had a success."""
    return _unless_paused(_stale(OF_LEG, leg, own, data), leg)


def item_stale(item: Matchers, leg: Matchers, *, own: int, data: int | None) -> str:
    """The same of one item; an item that no run has come as far as is the leg's to tell."""
    return _unless_paused(_stale(OF_ITEM, item, own, data), leg)


def leg_failing(leg: Matchers) -> str:
    """Its last run did not succeed, however it ended."""
    return _failing(OF_LEG, leg, leg)


def item_failing(item: Matchers, leg: Matchers) -> str:
    """The item's last run did not succeed."""
    return _failing(OF_ITEM, item, leg)


def leg_never_ran(leg: Matchers) -> str:
    """Nobody has told of any run."""
    return f"{_absent(OF_LEG.last_run, leg)}\nunless\n  {_paused(leg)}"


def destination_full(destination: Matchers, most: float) -> str:
    """More of the room is used than may be."""
    free, size = series(DESTINATION_FREE, destination), series(DESTINATION_SIZE, destination)
    return f"1 - min({free}) / max({size}) > {most:g}"


def destination_unknown(destination: Matchers, age: int | None) -> str:
    """The figure of the room is old, or the destination says no more how much it has.

    One that never said it, such as an rrsync account, is no news: `status` tells of it.
    """
    measured, free = (
        series(DESTINATION_MEASURED, destination),
        series(DESTINATION_FREE, destination),
    )
    silent = (
        f"time() - max({measured}) and max(last_over_time({free}[{span(_SAID_BEFORE)}]))"
        f" unless min({free}) / (max({series(DESTINATION_SIZE, destination)}) > 0)"
    )
    if age is None:
        return silent
    return f"{_age(DESTINATION_MEASURED, destination, age)} > {age}\nor\n{silent}"


def tracker_down(source: Matchers, told: Matchers, legs: list[str]) -> str:
    """When a run last told, the tracker had given no sign of life for a while, or saw not all."""
    run = series(OF_LEG.last_run, told, any_of("leg", legs))
    heartbeat = f"min({series(TRACKER_HEARTBEAT, source)})"
    return (
        f"max({run}) - {heartbeat} > {SILENCE}\n"
        f"or\ntime() - {heartbeat} unless min({series(TRACKER_STANDING, source)}) == 1"
    )


def tracker_never_ran(source: Matchers) -> str:
    """Nobody has told of the tracker."""
    return _absent(TRACKER_HEARTBEAT, source)


def policy_drift(told: Matchers) -> str:
    """What runs is not what the manifest says, or not what was applied."""
    return f"max by (what) ({series(POLICY_DRIFT, told)}) > 0"


def _stale(of: OfRun, matchers: Matchers, own: int, data: int | None) -> str:
    success = series(of.last_success, matchers)
    ahead = int(SLACK.total_seconds())
    parts = [f"{_age(of.last_success, matchers, own)} > {own}"]
    if data is not None:
        parts.append(f"{_age(of.last_success_state, matchers, data)} > {data}")
    parts += [
        f"max({success}) - time() > {ahead}",  # a clock was wrong: it would hide all that follows
        f"time() - max({series(of.last_run, matchers)}) unless min({success})",
    ]
    return "\n  or\n    ".join(parts)


def _age(metric: Metric, matchers: Matchers, most: int) -> str:
    """Seconds since the time that a series last held."""
    held = f"last_over_time({series(metric, matchers)}[{span(most + _BEYOND)}])"
    return f"time() - min({held})"


def _failing(of: OfRun, matchers: Matchers, leg: Matchers) -> str:
    good = [status_label(one) for one in RunStatus if one.succeeded]
    bad = series(of.status, matchers, none_of(STATUS_LABEL, good))
    return f"max by ({STATUS_LABEL}) ({bad}) == 1\nunless on ()\n  {_paused(leg)}"


def _absent(metric: Metric, matchers: Matchers) -> str:
    return f"absent(max({series(metric, matchers)}))"


def _unless_paused(expression: str, leg: Matchers) -> str:
    return f"(\n    {expression}\n)\nunless\n  {_paused(leg)}"


def _paused(leg: Matchers) -> str:
    return f"max({series(LEG_PAUSED_UNTIL, leg)}) > time()"
