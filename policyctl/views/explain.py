"""The answer to `explain`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from zoneinfo import ZoneInfo

from engine.explain import Explanation
from engine.plan.model import Plan
from engine.promises.chains import Copy
from engine.promises.objectives import hours
from engine.reach.command_words import show_command
from engine.standing.bring_back import holds_files
from engine.standing.copy_paths import copy_path, location_path
from engine.standing.copy_standing import CopyStanding, There
from policyctl.loading import Answer
from policyctl.views.console import Json
from policyctl.views.paths import counted, path_json, show_path, show_text

_MOST_BELOW = 20


def answer_json(
    plan: Plan, answer: Answer, standings: Sequence[CopyStanding] = ()
) -> dict[str, Json]:
    """The explanation, and what there is to say beside it."""
    found = explanation_json(plan, answer.explanation, standings)
    if answer.as_directory is not None:
        found["as_directory"] = explanation_json(plan, answer.as_directory)
    if answer.below:
        found["below"] = [
            {"text": one.text, "line": one.origin.line, "leg": one.leg or "none"}
            for one in answer.below
        ]
    return found


def answer_lines(
    plan: Plan, answer: Answer, standings: Sequence[CopyStanding] = ()
) -> Iterator[str]:
    """The same for people."""
    yield from explanation_lines(plan, answer.explanation, standings)
    for one in answer.below[:_MOST_BELOW]:
        reason = f" ({one.reason})" if one.reason else ""
        yield f"  below       {show_text(one.text)} → {one.leg or 'none'}{reason}"
    if len(answer.below) > _MOST_BELOW:
        yield f"  below       … and {len(answer.below) - _MOST_BELOW} more routes"
    if answer.as_directory is not None:
        yield "nothing is there yet; as a directory:"
        yield from explanation_lines(plan, answer.as_directory)


def explanation_json(
    plan: Plan, one: Explanation, standings: Sequence[CopyStanding] = ()
) -> dict[str, Json]:
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
        "copies": [
            {**_copy_json(plan, copy), **(_standing_json(plan, now) if now is not None else {})}
            for copy, now in zip_longest(one.copies, standings)
        ],
    }


def _copy_json(plan: Plan, copy: Copy) -> dict[str, Json]:
    return {
        "place": copy.place,
        **path_json(copy_path(plan, copy)),
        "leg": copy.leg,
        "via": list(copy.via),
        "rpo_seconds": copy.rpo.seconds if copy.rpo else None,
        "history_seconds": copy.reach,
        "media": copy.media,
        "site": copy.site,
        "snapshot": copy.snapshot,
        "databases_only": copy.partial,
        "generations": copy.dated is not None,
    }


def _standing_json(plan: Plan, now: CopyStanding) -> dict[str, Json]:
    known = {There.YES: True, There.NO: False, There.AWAY: False}
    return {
        "owner": now.copy.leg,
        "data_as_of": now.data_as_of.isoformat() if now.data_as_of is not None else None,
        "age_seconds": int(now.age.total_seconds()) if now.age is not None else None,
        "allowed_seconds": int(now.allowed.total_seconds()) if now.allowed is not None else None,
        "stale": now.stale,
        "why_no_age": now.why_no_age or None,
        "there": known.get(now.look.there),
        "look": now.look.there.value,
        "look_why": now.look.why or None,
        "held_by": [name.decode() for name in now.look.generations],
        "kept": now.kept or None,
        **(path_json(location_path(plan, now.kept_at), "kept_at") if now.kept_at else {}),
        "own_snapshots": now.own or None,
        "not_kept": [one.value for one in now.lost],
        "restore": show_command(now.restore) if now.restore else None,
    }


def explanation_lines(
    plan: Plan, one: Explanation, standings: Sequence[CopyStanding] = ()
) -> Iterator[str]:
    """The same for people."""
    yield f"{show_path(one.path)}"
    yield f"  leg         {one.leg or 'none: no copy is made'}"
    yield f"  because     {one.reason}"
    if one.decided_by is not None:
        yield f"  decided by  {one.decided_by.file}:{one.decided_by.line}  {show_text(one.line)}"
    if one.runner_up is not None:
        to = one.runner_up.leg or f"none ({one.runner_up.reason})"
        line, text = one.runner_up.origin.line, show_text(one.runner_up.text)
        yield f"  else        line {line}  {text} → {to}"
    for copy, now in zip_longest(one.copies, standings):
        yield f"  {'snapshot' if copy.snapshot else 'copy    '}    {_copy_line(plan, copy)}"
        if now is not None:
            yield from _standing_lines(plan, one, now)


def _standing_lines(plan: Plan, one: Explanation, now: CopyStanding) -> Iterator[str]:
    yield f"    now       {_age(plan, now)}; {_look(plan, now)}"
    if now.kept:
        where = f" in {show_path(location_path(plan, now.kept_at))}" if now.kept_at else ""
        yield f"    kept      {now.kept}{where}"
    if now.own:
        yield f"    its own   snapshots: {show_text(now.own)}"
    if now.lost:
        yield f"    not kept  {', '.join(one.value for one in now.lost)}"
    if holds_files(plan, now.copy):
        words = (b"restore", one.path, b"--from", _named(one, now.copy).encode())
        yield f"    get back  `policyctl {show_command(words)}`"
    if now.restore:
        yield f"    or        {show_command(now.restore)}"


def _named(one: Explanation, copy: Copy) -> str:
    """The name by which `--from` takes this copy: several legs may have one place."""
    places = {other.place for other in one.copies}
    makers = {other.via[0] for other in one.copies if other.place == copy.place}
    return copy.via[0] if len(makers) > 1 and copy.via[0] not in places else copy.place


def _age(plan: Plan, now: CopyStanding) -> str:
    if now.age is None or now.data_as_of is None:
        return f"age not known: {now.why_no_age}"
    seconds = int(now.age.total_seconds())
    length = hours(seconds) if seconds >= 3600 else f"{seconds // 60} m"
    too_old = ", older than its schedules allow" if now.stale else ""
    at = now.data_as_of.astimezone(ZoneInfo(plan.timezone)).strftime("%a %d %b %H:%M")
    return f"{length} old, as of {at}{too_old}"


def _look(plan: Plan, now: CopyStanding) -> str:
    there, destination = now.look.there, plan.destination(now.copy.place)
    if there is There.NOT_LOOKED and destination is not None and destination.ssh is not None:
        return f"{there.value} (`--look` asks {destination.ssh.account})"
    if now.look.generations:
        held = now.look.generations
        oldest = f", the oldest {show_path(held[0])}" if len(held) > 1 else ""
        count = counted(len(held), "generation")
        return f"{there.value}, in {count}: the newest {show_path(held[-1])}{oldest}"
    return f"{there.value}: {now.look.why}" if now.look.why else there.value


def _copy_line(plan: Plan, copy: Copy) -> str:
    age = f"at most {hours(copy.rpo.seconds)} old" if copy.rpo else "as old as its last run"
    what = ", databases only" if copy.partial else ""
    back = f", reaches back {hours(copy.reach)}" if copy.reach else ""
    way = " → ".join(copy.via)
    return f"{show_path(copy_path(plan, copy))}  ({age}{back}{what}; {way})"
