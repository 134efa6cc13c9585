"""What `plan` and `apply` show: data first, then legs, alerts, files, and what is run."""

from __future__ import annotations

import difflib
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from engine.changes.activation import Activation, ActivationStep, Where
from engine.changes.changes import ChangeSet, FileChange, Reason
from engine.changes.plan_changes import Action, PartChange, RouteChange
from engine.plan.layout import STATE
from policyctl.plan_data import PlanData
from policyctl.planning import Prepared
from policyctl.views.console import Json, paint, result
from policyctl.views.coverage import coverage_json, coverage_lines
from policyctl.views.paths import show_text
from policyctl.views.plan_data import (
    acceptance_lines,
    destination_lines,
    leg_lines,
    rename_lines,
    route_words,
)
from policyctl.views.plan_data_json import data_json, route_data_json

Left = Mapping[str, Sequence[str]]
"""Where copies stay behind, by the route's text or the name of the leg that is gone."""
_DIFF_LINES = 40
_STYLES = {Action.CREATE: "green", Action.UPDATE: "yellow", Action.DELETE: "red"}


def show_plan(prepared: Prepared) -> None:
    """Print what would change, for people."""
    for line in plan_lines(prepared):
        result(line)


def plan_lines(prepared: Prepared) -> Iterator[str]:
    """Lines of it."""
    changes, orphans = prepared.changes, prepared.orphans
    yield from prepared.notes
    yield from coverage_lines(prepared.coverage)
    if prepared.empty:
        yield "nothing to change: what is applied is what the manifest says"
        return
    if changes.completes:
        yield "an earlier apply was interrupted; this one completes it"
    elif changes.empty:
        yield "no file changes, but not everything that is applied has taken effect"
    elif not _visible(changes):
        yield "nothing but the stored plan changes: no route, no leg, no file"
    yield from _data(prepared)
    yield from _section("legs", [_part(one) + _left(orphans, one) for one in changes.legs])
    yield from _section("other", [_part(one, with_section=True) for one in changes.others])
    yield from _section("alerts", [_part(one) for one in prepared.alerts])
    files = [one for one in changes.files if one.action is not Action.KEEP]
    yield from _section("files", [text for one in files for text in _file(one, prepared)])
    yield from _section("series taken back", list(prepared.leaving))
    yield from _activation(prepared.activation)
    yield from _section(
        "refused", [f"{one.message}\n    hint: {one.hint}" for one in changes.refused]
    )
    if changes.refused:
        yield "apply would refuse this"


def _data(prepared: Prepared) -> Iterator[str]:
    """What it means for the data."""
    data, routes, now = prepared.data, prepared.changes.routes, datetime.now(UTC)
    yield from _section("routes", [_route(one, data, prepared.orphans) for one in routes])
    yield from _section("data by leg", leg_lines(data))
    yield from _section("renames", rename_lines(data))
    yield from _section("destinations", destination_lines(data, now))
    yield from _section("generations", [one.words(now) for one in data.generations])
    yield from _section("patterns", [one.sentence for one in data.patterns])
    yield from _section("accepted shortfalls", acceptance_lines(data, now))


def _activation(activation: Activation) -> Iterator[str]:
    """The commands that follow; below another root they are only named."""
    staged = activation.where is Where.STAGED
    title = "would run on the machine itself (not below --root)" if staged else "run"
    first = [f"{_command(one)}, before files go" for one in activation.first]
    yield from _section(title, [*first, *map(_command, activation.then)])
    yield from _section("notes", list(activation.notes))


def _command(step: ActivationStep) -> str:
    return f"{shlex.join(step.argv)}  ({step.because})"


def _visible(changes: ChangeSet) -> bool:
    files = any(one.action is not Action.KEEP for one in changes.files)
    return bool(files or changes.routes or changes.legs or changes.others or changes.refused)


def _left(orphans: Left, one: PartChange) -> str:
    """Where the copies of a leg that is gone stay."""
    places = orphans.get(one.name, ()) if one.action is Action.DELETE else ()
    return "".join(f"\n      left behind, protected: {place}" for place in places)


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield paint(title, "bold", sys.stdout)
        yield from (f"  {line}" for line in lines)


def _sign(action: Action) -> str:
    style = _STYLES.get(action)
    return paint(action.sign, style, sys.stdout) if style else action.sign


def _route(one: RouteChange, data: PlanData, orphans: Left) -> str:
    way = (
        one.after or "no line" if one.before is None else f"{one.before} → {one.after or 'no line'}"
    )
    known = data.volumes.get(one.source)
    volume = known.by_line.get(one.text) if known else None
    parts = [f"{_sign(one.action)} {show_text(one.text)}  {way}"]
    if known is not None and volume is not None:
        age = known.age_words(datetime.now(UTC))
        parts.append(f"  ({volume}; {age})" if age else f"  ({volume})")
    said = route_words(data, one, orphans.get(one.text, ()))
    parts.extend(f"\n      {word}" for word in (*one.words, *said))
    return "".join(parts)


_ABOUT_NEW = (
    "kind: ",
    "from: ",
    "to: ",
    "schedule: ",
    "path: ",
    "ssh account: ",
    "restores from: ",
)
"""Of something new only this is shown: the rest stands in the manifest."""


def _part(one: PartChange, *, with_section: bool = False) -> str:
    said = one.words
    if one.action is Action.CREATE:
        said = tuple(word for word in said if word.startswith(_ABOUT_NEW))
    name = f"{one.section} {one.name}" if with_section and one.section != one.name else one.name
    renamed = f" (was {one.was})" if one.was else ""
    words = f": {'; '.join(said)}" if said else ""
    return f"{_sign(one.action)} {name}{renamed}{words}"


def _file(one: FileChange, prepared: Prepared) -> Iterator[str]:
    why = one.reason.value.replace("_", " ")
    refused = ", refused" if one.refused else ""
    yield f"{_sign(one.action)} {one.path}  ({why}{refused})"
    updated = one.action is Action.UPDATE and not _is_said(one, prepared)
    if updated and one.after is not None and one.before is not None:
        yield from _diff(one.before.content or b"", one.after.content)


def _is_said(one: FileChange, prepared: Prepared) -> bool:
    """Whether what changes in a file is said by its meaning: alerts, and all that follows them."""
    follows = one.path == prepared.plan.monitoring.rules or one.path.names[:-1] == STATE.names
    return follows and one.reason is Reason.POLICY_CHANGED


def _diff(before: bytes, after: bytes) -> Iterator[str]:
    old, new = (text.decode("utf-8", "backslashreplace").split("\n") for text in (before, after))
    lines = list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]
    for line in lines[:_DIFF_LINES]:
        style = {"+": "green", "-": "red"}.get(line[:1])
        yield "    " + (paint(line, style, sys.stdout) if style else line)
    if len(lines) > _DIFF_LINES:
        yield f"    … and {len(lines) - _DIFF_LINES} more lines"


def plan_json(prepared: Prepared) -> dict[str, Json]:
    """The same for programs."""
    changes, orphans = prepared.changes, prepared.orphans
    return {
        "empty": prepared.empty,
        "completes_interrupted": changes.completes,
        "notes": list(prepared.notes),
        "routes": [_route_json(one, prepared.data, orphans) for one in changes.routes],
        "legs": [
            {**_part_json(one), "orphans": list(orphans.get(one.name, ()))} for one in changes.legs
        ],
        "other": [_part_json(one) for one in changes.others],
        "data": data_json(prepared.data),
        "alerts": [_part_json(one) for one in prepared.alerts],
        "files": [
            {
                "path": str(one.path),
                "action": one.action.value,
                "reason": one.reason.value,
                "refused": one.refused,
            }
            for one in changes.files
        ],
        "series_taken_back": list(prepared.leaving),
        **coverage_json(prepared.coverage),
        "activation": _activation_json(prepared.activation),
        "refused": [
            {"code": one.code, "message": one.message, "hint": one.hint} for one in changes.refused
        ],
    }


def _activation_json(activation: Activation) -> dict[str, Json]:
    return {
        "where": activation.where.value,
        "steps": [
            {
                "argv": list(step.argv),
                "because": step.because,
                "before_files_go": step in activation.first,
            }
            for step in activation.steps
        ],
        "notes": list(activation.notes),
    }


def _route_json(one: RouteChange, data: PlanData, orphans: Left) -> dict[str, Json]:
    known = data.volumes.get(one.source)
    volume = known.by_line.get(one.text) if known else None
    return {
        "source": one.source,
        "route": one.text,
        "action": one.action.value,
        "before": one.before,
        "after": one.after,
        "words": list(one.words),
        "bytes": volume.bytes if volume else None,
        "files": volume.files if volume else None,
        "measured": known.measured.isoformat() if known and known.measured else None,
        "orphan": next(iter(orphans.get(one.text, ())), None),
        "orphans": list(orphans.get(one.text, ())),
        **route_data_json(data, one),
    }


def _part_json(one: PartChange) -> dict[str, Json]:
    return {
        "section": one.section,
        "name": one.name,
        "action": one.action.value,
        "was": one.was,
        "words": list(one.words),
    }
