"""What holds a path, what `restore` takes of it, and what has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.plan.model import Plan
from engine.promises.chains import Copy
from engine.records.measurement import human_bytes
from engine.restore.choice import Passed, said, shown, unseen_words
from engine.restore.room import Room, room_words
from engine.restore.steps import restore_words
from engine.restore.versions import Unseen, Version
from engine.standing.copy_paths import copy_path, location_path
from engine.standing.copy_standing import There
from engine.system.restore.compare import Difference
from engine.system.restore.opening import Opened
from engine.system.restore.outcome import Restored
from policyctl.asking import Found, Proposal
from policyctl.naming import all_of
from policyctl.views.console import Json
from policyctl.views.paths import counted, path_json, show_path

MOST_TOLD = 20
"""Differences that are told one by one."""


def choice_lines(plan: Plan, found: Found) -> Iterator[str]:
    """What is taken and why, and what is not."""
    yield show_path(found.asked.path)
    chosen = found.choice.chosen
    if chosen is not None:
        yield f"  takes     {_place(plan, chosen, found.zone)}"
        yield f"  because   {found.choice.why}"
    for one in found.choice.passed:
        yield f"  not       {_place(plan, one.version, found.zone)}: {one.why}"
    for absent in found.unseen:
        where = show_path(copy_path(plan, absent.copy))
        via = _made_by(found, absent.copy)
        yield f"  not       {where}{via}: {unseen_words(absent)}"


def _made_by(found: Found, copy: Copy) -> str:
    """Which leg has made a copy, where several have made some at one place; else empty."""
    makers = {one.via[0] for one in found.asked.copies if one.place == copy.place}
    return f" ({copy.via[0]})" if len(makers) > 1 else ""


def _place(plan: Plan, one: Version, zone: ZoneInfo) -> str:
    via = " → ".join(one.copy.via)
    where = show_path(location_path(plan, one.location, one.shadow))
    return f"{one.label}: {said(one, zone)}, in {where} ({via})"


def no_other_words(found: Found) -> str:
    """That nothing else may be taken, as far as anybody could look."""
    whole = all_of(found.asked, found.asked.wholes)
    away = [one for one in found.unseen if one.there is not There.NO]
    if not away:
        return f"there is no other copy to take{whole}"
    places = ", ".join(dict.fromkeys(f"{one.copy.place} ({unseen_words(one)})" for one in away))
    return f"there is no other copy to take where anybody could look, unlike at {places}{whole}"


def proposal_lines(proposal: Proposal, room: Room | None, *, steps: bool) -> Iterator[str]:
    """What is to be known beforehand, and each step."""
    yield from (f"  note      {one}" for one in proposal.notes)
    yield f"  to        {show_path(proposal.to)}"
    words = room_words(room) if room is not None else ""
    if words:
        yield f"  room      {words}"
    if steps:
        told = restore_words(proposal.steps)
        yield from (f"  {number}. {one}" for number, one in enumerate(told, 1))


def done_lines(proposal: Proposal, done: Restored) -> Iterator[str]:
    """What is there now."""
    what = f"{counted(done.entries, 'entry', 'entries')}, {human_bytes(done.size)}"
    yield f"restored {show_path(_path(proposal, done))}: {what}"
    if done.instead:
        yield (
            f"  it is {done.instead}, which had come before the restore was cut off; the same "
            "command, typed again, brings what is told above"
        )
    if done.kept:
        yield f"  what was there before lies in {show_path(done.kept)} until you remove it"
    yield from difference_lines(done.differences)


def _path(proposal: Proposal, done: Restored) -> bytes:
    return proposal.aim.folder.rstrip(b"/") + b"/" + done.name


def difference_lines(differences: tuple[Difference, ...]) -> Iterator[str]:
    """The first of what speaks against what came."""
    for one in differences[:MOST_TOLD]:
        yield f"  differs   {show_path(b'/'.join(one.path)) or 'it'}: {one.what}"
    if len(differences) > MOST_TOLD:
        yield f"  differs   … and {len(differences) - MOST_TOLD:,} more"


def version_lines(plan: Plan, found: Found) -> Iterator[str]:
    """All versions, the newest first."""
    yield show_path(found.asked.path)
    chosen = found.choice.chosen
    passed = {id(one.version): one for one in found.choice.passed}
    for one in ordered(found):
        when = shown(one.moment, found.zone) if one.moment is not None else "age not known"
        size = f", {human_bytes(one.size)}" if one.size is not None else ""
        mark = "→" if one is chosen else " "
        left = "  an orphan: no leg carries it any more" if one.left is not None else ""
        why = left if one is chosen else f"  {passed[id(one)].why}"
        where = show_path(location_path(plan, one.location, one.shadow))
        by = _made_by(found, one.copy)
        yield f"{mark} {when}  {one.label}{by}{size}  {where}{why}"
    for absent in found.unseen:
        by = _made_by(found, absent.copy)
        yield f"  -  {absent.copy.place}{by}  {unseen_words(absent)}"


def entry_lines(found: Found, entries: Sequence[tuple[bytes, bool]]) -> Iterator[str]:
    """What the chosen version of a directory holds."""
    if entries and found.choice.chosen is not None:
        yield f"in {found.choice.chosen.label}:"
    yield from (f"  {show_path(name)}{'/' if inside else ''}" for name, inside in entries)


def entries_json(entries: Sequence[tuple[bytes, bool]]) -> list[Json]:
    """The same for programs."""
    return [{**path_json(name, "name"), "directory": inside} for name, inside in entries]


def ordered(found: Found) -> list[Version]:
    """Versions, the newest first; those of no known age last."""
    first = datetime.min.replace(tzinfo=found.zone)
    return sorted(
        found.versions,
        key=lambda one: (one.moment is None, -((one.moment or first) - first).total_seconds()),
    )


def found_json(plan: Plan, found: Found) -> dict[str, Json]:
    """All of it for programs."""
    chosen = found.choice.chosen
    passed = {id(one.version): one for one in found.choice.passed}
    return {
        **path_json(found.asked.path),
        "as_of": found.as_of.isoformat() if found.as_of is not None else None,
        "chosen": chosen.label if chosen is not None else None,
        "because": found.choice.why or None,
        "versions": [
            _version_json(plan, one, passed.get(id(one)), chosen=one is chosen)
            for one in ordered(found)
        ],
        "unseen": [_unseen_json(plan, one) for one in found.unseen],
    }


def _version_json(
    plan: Plan, one: Version, passed: Passed | None, *, chosen: bool
) -> dict[str, Json]:
    return {
        "place": one.place,
        "from": one.label,
        **path_json(location_path(plan, one.location, one.shadow)),
        "kind": one.kind.value,
        "leg": one.copy.leg,
        "via": list(one.copy.via),
        "moment": one.moment.isoformat() if one.moment is not None else None,
        "unchanged_since": one.since.isoformat() if one.since is not None else None,
        "whole": one.whole.value,
        "directory": one.directory,
        "bytes": one.size,
        "far": one.far,
        "part": one.part,
        "database": one.database,
        "orphan": _left_json(one),
        "not_kept": [lost.value for lost in one.lost],
        "chosen": chosen,
        "why_not": passed.why if passed is not None else None,
        "why": one.why or None,
    }


def _left_json(one: Version) -> Json:
    left = one.left
    return {"name": left.name, "since": left.since.isoformat(), "why": left.why} if left else None


def _unseen_json(plan: Plan, one: Unseen) -> dict[str, Json]:
    return {
        "place": one.copy.place,
        **path_json(copy_path(plan, one.copy)),
        "look": one.there.value,
        "why": one.why or None,
    }


def proposal_json(plan: Plan, proposal: Proposal, done: Restored | None) -> dict[str, Json]:
    """The same with what is done; `done` where it was carried out."""
    return {
        **found_json(plan, proposal.found),
        "notes": list(proposal.notes),
        **path_json(_path(proposal, done) if done is not None else proposal.to, "to"),
        "steps": list(restore_words(proposal.steps)),
        "done": done is not None,
        "entries": done.entries if done is not None else None,
        "bytes": done.size if done is not None else None,
        "instead": (done.instead or None) if done is not None else None,
        **(path_json(done.kept, "kept") if done is not None and done.kept else {}),
        **_opened_json(proposal, done.opened if done is not None else Opened()),
        "differences": differences_json(done.differences if done is not None else ()),
    }


def _opened_json(proposal: Proposal, opened: Opened) -> dict[str, Json]:
    """What was encrypted: what is open now, and why the rest is not."""
    folder = proposal.aim.folder.rstrip(b"/") + b"/"
    return {
        "opened": [path_json(folder + one) for one in opened.files],
        "not_opened": list(opened.failed),
    }


def room_json(room: Room | None) -> dict[str, Json]:
    """The room where it goes; null where nothing is to come any more."""
    if room is None:
        return {"room": None}
    enough = None if room.unknown else not room.lacks
    return {"room": {"free_bytes": room.free, "needed_bytes": room.size, "enough": enough}}


def differences_json(differences: tuple[Difference, ...]) -> list[Json]:
    """What speaks against what came."""
    return [{**path_json(b"/".join(one.path)), "what": one.what} for one in differences]
