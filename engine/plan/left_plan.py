"""The applied plan as it is left beside copies: whoever finds them can read what they are.

It holds no secret, as no plan does, and what is known of the runs that wrote there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.plan.model import Plan
from engine.plan.stored import PlanUnreadable, plan_from_json, plan_to_json

NAME = b".policyctl-plan.json"
"""Its name, at the root of a destination; no leg takes such a name."""
MOST = 64 << 20
"""Nothing that a run has left is longer."""
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRun:
    """One success of a leg."""

    began: datetime
    ended: datetime
    data_as_of: datetime | None
    """The live data as they were then are in what it left; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftPlan:
    """What lies beside the copies of one destination."""

    destination: str
    written: datetime
    runs: Mapping[str, Sequence[LeftRun]]
    """The successes of each leg that writes there, the newest first."""
    unfinished: Mapping[str, datetime] = field(default_factory=dict)
    """Legs whose last run has not succeeded, or had not come to its end, and when it began."""
    plan: Plan


def left_to_json(left: LeftPlan) -> str:
    """Write it; a person may read it, too."""
    runs = {
        leg: [
            {
                "began": one.began.isoformat(),
                "ended": one.ended.isoformat(),
                "data_as_of": one.data_as_of.isoformat() if one.data_as_of else None,
            }
            for one in found
        ]
        for leg, found in left.runs.items()
    }
    document = {
        "format": _FORMAT,
        "destination": left.destination,
        "written": left.written.isoformat(),
        "runs": runs,
        "unfinished": {leg: began.isoformat() for leg, began in left.unfinished.items()},
        "plan": json.loads(plan_to_json(left.plan)),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def left_from_json(text: str) -> LeftPlan:
    """Read it. Raises `PlanUnreadable`."""
    try:
        document = json.loads(text)
        if document["format"] != _FORMAT:
            raise PlanUnreadable(f"its format is {document['format']!r}: another version wrote it")
        return LeftPlan(
            destination=str(document["destination"]),
            written=_moment(document["written"]),
            runs={
                str(leg): [
                    LeftRun(
                        began=_moment(one["began"]),
                        ended=_moment(one["ended"]),
                        data_as_of=_moment(one["data_as_of"]) if one["data_as_of"] else None,
                    )
                    for one in found
                ]
                for leg, found in document["runs"].items()
            },
            # What an earlier version has left does not tell of them.
            unfinished={
                str(leg): _moment(began) for leg, began in document.get("unfinished", {}).items()
            },
            plan=_plain(plan_from_json(json.dumps(document["plan"]))),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, PlanUnreadable):
            raise
        raise PlanUnreadable(f"the plan beside the copies cannot be read: {error!r}") from None


def _plain(plan: Plan) -> Plan:
    """The plan, where no place of it leads out of the copies: anybody may have written it.

    Raises `PlanUnreadable`.
    """
    for leg in plan.legs:
        for feed in leg.feeds:
            for name in feed.writes.names if feed.writes is not None else ():
                if name in {b"", b".", b".."} or b"/" in name or b"\0" in name:
                    raise PlanUnreadable(f"the place of {leg.name} in it is none: {name!r}")
    return plan


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
