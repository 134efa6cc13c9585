"""The judgement that waits for a count: what one run may delete."""

import pytest

from engine.runs.deletions import Counted, judge_deletions, much_smaller
from engine.steps.model import DeletionLimit, GuardDeletions


def guard(*feeds: DeletionLimit, most: int = 10, **allowed: bool) -> GuardDeletions:
    return GuardDeletions(
        most=most,
        smaller_source_allowed=allowed.get("smaller_source", False),
        deletions_allowed=allowed.get("deletions", False),
        feeds=feeds,
    )


def limit(feed: str, before: int | None = 100) -> DeletionLimit:
    return DeletionLimit(feed=feed, previous_entries=before)


def test_deletions_within_the_limit_are_allowed_as_counted() -> None:
    counted = {"a": Counted(entries=90, wanted=6), "b": Counted(entries=100, wanted=0)}
    verdict = judge_deletions(guard(limit("a"), limit("b")), counted)
    assert (verdict.allowed, verdict.stopped) == ({"a": 6}, {})


def test_the_limit_counts_all_feeds_together() -> None:
    counted = {"a": Counted(entries=90, wanted=6), "b": Counted(entries=90, wanted=5)}
    step = guard(limit("a"), limit("b"))
    verdict = judge_deletions(step, counted)
    assert verdict.allowed == {}
    assert set(verdict.stopped) == {"a", "b"}
    assert "11 deletions are wanted and 10 allowed: nothing was deleted" in verdict.stopped["a"]
    waived = judge_deletions(guard(limit("a"), limit("b"), deletions=True), counted)
    assert waived.allowed == {"a": 6, "b": 5}


def test_exactly_the_limit_is_allowed() -> None:
    assert judge_deletions(guard(limit("a")), {"a": Counted(entries=90, wanted=10)}).allowed


def test_a_feed_whose_copy_failed_deletes_nothing() -> None:
    verdict = judge_deletions(guard(limit("a"), limit("b")), {"b": Counted(entries=1, wanted=None)})
    assert verdict.allowed == {}
    assert set(verdict.stopped) == {"b"}


def test_uncounted_deletions_are_too_many() -> None:
    verdict = judge_deletions(guard(limit("a")), {"a": Counted(entries=90, wanted=None)})
    assert verdict.stopped == {"a": "so many deletions are wanted that they were not counted"}


def test_a_source_that_shrank_while_it_was_read_loses_nothing() -> None:
    counted = {"a": Counted(entries=49, wanted=5)}
    verdict = judge_deletions(guard(limit("a")), counted)
    assert "held 100 entries at the last success and 49 now" in verdict.stopped["a"]
    assert judge_deletions(guard(limit("a"), smaller_source=True), counted).allowed == {"a": 5}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (100, 50, False),
        (100, 49, True),
        (20, 9, True),
        (19, 1, False),
        (None, 5, False),
        (100, None, False),
    ],
)
def test_much_smaller_means_less_than_half(
    before: int | None, now: int | None, expected: bool
) -> None:
    assert much_smaller(before, now) is expected


def test_law_01_what_changed_hands_goes_by_nobodys_count_but_a_persons() -> None:
    counted = {
        "a": Counted(entries=90, wanted=1, examples=(b"photos",)),
        "b": Counted(entries=90, wanted=2),
        "c": Counted(entries=90, wanted=0),
    }
    mine = DeletionLimit(feed="a", previous_entries=None, handed_over=True)
    same = DeletionLimit(feed="c", previous_entries=None, handed_over=True)
    verdict = judge_deletions(guard(mine, limit("b"), same), counted)
    assert (verdict.allowed, set(verdict.stopped)) == ({"b": 2}, {"a"})
    assert "1 deletion is wanted (photos is one of them)" in verdict.stopped["a"]
    waived = judge_deletions(guard(mine, limit("b"), same, deletions=True), counted)
    assert (waived.allowed, waived.stopped) == ({"a": 1, "b": 2}, {})
