"""What has come back of each item of a source."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from engine.plan.model import Plan
from engine.records.measurement import human_bytes
from engine.restore.choice import said
from engine.restore.versions import Whole
from policyctl.asking import Proposal
from policyctl.exit_codes import ExitCode
from policyctl.restoring import Restoring
from policyctl.restoring_items import ItemRestored
from policyctl.views.console import Json, paint
from policyctl.views.paths import counted, show_path
from policyctl.views.restore import difference_lines, proposal_json


def item_lines(work: Restoring, one: ItemRestored, noted: set[str]) -> Iterator[str]:
    """What became of one item; a note that was told of another one is not told again."""
    if one.failed:
        yield f"{one.text}: {paint('not restored', 'red', sys.stdout)}: {one.failed}"
        return
    if one.no_databases:
        yield f"{one.text}: no verified copy of databases of it is there"
        return
    assert one.proposal is not None, "it did not fail"
    version = one.proposal.version
    yield f"{one.text}: {_became(one)}from {version.label}: {said(version, work.zone)}"
    yield from _better(one.proposal)
    for note in one.proposal.notes:
        if note not in noted:
            noted.add(note)
            yield f"  note      {note}"
    if one.done is not None:
        yield from difference_lines(one.done.differences)


def _better(proposal: Proposal) -> Iterator[str]:
    """Newer states that may not be taken; and what speaks against the one that is."""
    version, choice = proposal.version, proposal.found.choice
    if version.moment is None or version.whole is Whole.UNKNOWN:
        yield f"  because   {choice.why}"
        return
    for one in choice.passed:
        moment = one.version.moment
        newer = moment is not None and moment > version.moment
        if newer and not one.eligible and one.version.copy.partial == version.copy.partial:
            yield f"  not       {one.version.label}: {one.why}"


def _became(one: ItemRestored) -> str:
    if one.there:
        return f"{show_path(one.there)} is there already, and was left alone; else "
    if one.done is None:
        return "would come "
    what = f"{counted(one.done.entries, 'entry', 'entries')}, {human_bytes(one.done.size)}"
    return f"{what}, "


def summary_line(ended: Sequence[ItemRestored], folder: bytes) -> str:
    """How many came."""
    came = sum(one.done is not None for one in ended)
    parts = [f"restored {came:,} of {counted(len(ended), 'item')} into {show_path(folder)}"]
    there = sum(bool(one.there) for one in ended)
    failed = sum(bool(one.failed) for one in ended)
    parts += [f"{there:,} were there already, and were not looked at"] if there else []
    without = sum(one.no_databases for one in ended)
    parts += [f"{without:,} have no copies of databases"] if without else []
    parts += [f"{failed:,} did not come: the same command tries these again"] if failed else []
    return "; ".join(parts)


def exit_code_of(ended: Sequence[ItemRestored], *, problems: bool) -> ExitCode:
    """5 where an item did not come; 6 where one differs, or was not looked at."""
    if any(one.failed for one in ended):
        return ExitCode.FAILED
    differs = any(one.done is not None and one.done.differences for one in ended)
    unsure = problems or any(one.there or one.no_databases for one in ended)
    return ExitCode.DEGRADED if differs or unsure else ExitCode.OK


def item_json(plan: Plan, one: ItemRestored) -> dict[str, Json]:
    """The same for programs."""
    rest = proposal_json(plan, one.proposal, one.done) if one.proposal is not None else {}
    return {
        "item": one.text,
        "failed": one.failed or None,
        "there_already": bool(one.there),
        "no_databases": one.no_databases,
        **rest,
    }
