"""The answer to `explain`."""

from __future__ import annotations

from collections.abc import Iterator

from engine.chains import Copy
from engine.explain import Explanation
from engine.objectives import hours
from engine.plan import Plan
from policyctl.loading import Answer
from policyctl.views.console import Json
from policyctl.views.paths import location_path, path_json, show_path

_MOST_BELOW = 20


def answer_json(plan: Plan, answer: Answer) -> dict[str, Json]:
    """The explanation, and what there is to say beside it."""
    found = explanation_json(plan, answer.explanation)
    if answer.as_directory is not None:
        found["as_directory"] = explanation_json(plan, answer.as_directory)
    if answer.below:
        found["below"] = [
            {"text": one.text, "line": one.origin.line, "leg": one.leg or "none"}
            for one in answer.below
        ]
    return found


def answer_lines(plan: Plan, answer: Answer) -> Iterator[str]:
    """The same for people."""
    yield from explanation_lines(plan, answer.explanation)
    for one in answer.below[:_MOST_BELOW]:
        reason = f" ({one.reason})" if one.reason else ""
        yield f"  below       {one.text} → {one.leg or 'none'}{reason}"
    if len(answer.below) > _MOST_BELOW:
        yield f"  below       … and {len(answer.below) - _MOST_BELOW} more routes"
    if answer.as_directory is not None:
        yield "nothing is there yet; as a directory:"
        yield from explanation_lines(plan, answer.as_directory)


def explanation_json(plan: Plan, one: Explanation) -> dict[str, Json]:
    """The fixed shape: path, leg, reason, decided_by, copies."""
    decided: Json = None
    if one.decided_by is not None:
        decided = {
            "file": one.decided_by.file,
            "line": one.decided_by.line,
            "text": one.line,
        }
    return {
        **path_json(one.path),
        "leg": one.leg or "none",
        "reason": one.reason,
        "decided_by": decided,
        "runner_up": {"text": one.runner_up.text, "line": one.runner_up.origin.line}
        if one.runner_up
        else None,
        "source": one.source,
        "copies": [_copy_json(plan, copy) for copy in one.copies],
    }


def _copy_json(plan: Plan, copy: Copy) -> dict[str, Json]:
    return {
        "place": copy.place,
        **path_json(location_path(plan, copy.location)),
        "leg": copy.leg,
        "via": list(copy.via),
        "rpo_seconds": copy.rpo.seconds if copy.rpo else None,
        "history_seconds": copy.history,
        "media": copy.media,
        "site": copy.site,
        "snapshot": copy.snapshot,
        "databases_only": copy.partial,
    }


def explanation_lines(plan: Plan, one: Explanation) -> Iterator[str]:
    """The same for people."""
    yield f"{show_path(one.path)}"
    yield f"  leg         {one.leg or 'none: no copy is made'}"
    yield f"  because     {one.reason}"
    if one.decided_by is not None:
        yield f"  decided by  {one.decided_by.file}:{one.decided_by.line}  {one.line}"
    if one.runner_up is not None:
        to = one.runner_up.leg or f"none ({one.runner_up.reason})"
        yield f"  else        line {one.runner_up.origin.line}  {one.runner_up.text} → {to}"
    for copy in one.copies:
        yield f"  {'snapshot' if copy.snapshot else 'copy    '}    {_copy_line(plan, copy)}"


def _copy_line(plan: Plan, copy: Copy) -> str:
    age = f"at most {hours(copy.rpo.seconds)} old" if copy.rpo else "as old as its last run"
    what = ", databases only" if copy.partial else ""
    back = f", reaches back {hours(copy.history)}" if copy.history else ""
    way = " → ".join(copy.via)
    return f"{show_path(location_path(plan, copy.location))}  ({age}{back}{what}; {way})"
