"""A full pass carried out: rsync compares everything, counts deletions, and only then deletes."""

from __future__ import annotations

from dataclasses import replace

from engine.reach.targets import entry_argument
from engine.records.reports import RunStatus
from engine.rsync.output import (
    Figures,
    deletions_wanted,
    directories_wanted,
    only_lacks_room_for_types,
    parse_figures,
    would_change,
)
from engine.runs.deletions import Counted
from engine.steps.model import CompareForeign, DeletePass, Transfer
from engine.system.host.directories import write_private
from engine.system.passes.feed_runs import FeedRuns, FeedStopped, check_still_there, sentence
from policy.values import display

_PARTIAL = 23
"""rsync's code for a partial transfer (rsync(1), EXIT VALUES)."""


def transfer(feeds: FeedRuns, step: Transfer) -> None:
    """Copy everything, and count the deletions that are wanted. Raises `FeedStopped`."""
    check_still_there(step.still)
    if feeds.transfers.sink is not None:
        feeds.transfers.sink.expect(step.feed, entries=step.previous_entries, size=None)
    told = feeds.rsync(step.feed, step.argv, step.target)
    figures = parse_figures(told.stdout)
    wanted = deletions_wanted(told.stdout, told.stderr) if told.whole else None
    feeds.add_figures(step.feed, replace(figures, deleted=None))
    seen = _entries(figures)
    report = feeds.report(step.feed)
    feeds.put(replace(report, entries=seen, size=figures.size, deletions_wanted=wanted or 0))
    check_still_there(step.still)
    whole = feeds.judge_transfer(step.feed, told)
    stuck = told.code == _PARTIAL and told.whole and only_lacks_room_for_types(told.stderr)
    if stuck and not wanted:
        # A directory in the way of a file holds something protected, and stays.
        raise FeedStopped(RunStatus.DEGRADED, sentence(told))
    if not whole:
        feeds.note(step.feed, RunStatus.NOTED, "nothing was deleted")
    examples = directories_wanted(told.stdout, told.stderr)
    feeds.counted[step.feed] = Counted(
        entries=seen,
        wanted=wanted if whole else 0,
        examples=examples[:1],
        everything_sent=told.code == 0,
    )


def compare_foreign(feeds: FeedRuns, step: CompareForeign, leg: str) -> None:
    """Stop the feed where somebody else's file has a name that the source has another file for."""
    write_private(step.rules_path, step.rules)
    told = feeds.rsync(step.feed, step.argv, step.target)
    feeds.judge_transfer(step.feed, told)
    other = [name for name in step.names if name in would_change(told.stdout)]
    if other:
        place = step.target.place
        more = f" (and {len(other) - 1:,} more)" if other[1:] else ""
        raise FeedStopped(
            RunStatus.DEGRADED,
            f"{display(other[0])}{more} lay at {place} before this leg, and the source has "
            "something else under that name: nothing there was overwritten, so what the source has "
            "is not copied, and nothing was deleted; move it away, or let the leg overwrite it: "
            f"`policyctl adopt {entry_argument(place, other[0])} --by {leg}`",
        )


def delete(feeds: FeedRuns, step: DeletePass) -> None:
    """Delete as much as was counted. Raises `FeedStopped`."""
    count = feeds.allowed.get(step.feed, 0)
    if count == 0:
        return
    check_still_there(step.still)
    sent = feeds.counted[step.feed].everything_sent
    told = feeds.rsync(step.feed, step.limited(count, everything_sent=sent), step.target)
    feeds.judge_deleted(step.feed, told)
    check_still_there(step.still)


def _entries(figures: Figures) -> int | None:
    """What the pass saw below its source: rsync counts the source's root too."""
    return None if figures.entries is None else max(0, figures.entries - 1)
