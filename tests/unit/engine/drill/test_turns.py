"""Which place comes next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.drill.outcome import Drilled, Status
from engine.drill.turns import next_place

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def one(place: str, days: int, status: Status | None = Status.OK) -> Drilled:
    began = NOW - timedelta(days=days)
    ended = began if status is not None else None
    return Drilled(
        drill="d", source="s", place=place, began=began, ended=ended, status=status, seed=1
    )


def test_what_was_never_tried_comes_first() -> None:
    assert next_place(["b", "a"], []) == "a"
    assert next_place(["b", "a"], [one("a", 1)]) == "b"


def test_then_what_was_tried_the_longest_ago() -> None:
    assert next_place(["a", "b", "c"], [one("a", 2), one("b", 3), one("c", 1)]) == "b"
    assert next_place(["a", "b"], [one("a", 1), one("b", 2), one("a", 9)]) == "b"


def test_a_failed_one_was_its_turn_and_an_interrupted_one_was_not() -> None:
    assert next_place(["a", "b"], [one("a", 1, Status.FAILED), one("b", 2)]) == "b"
    assert next_place(["a", "b"], [one("a", 1, Status.REFUSED), one("b", 2)]) == "b"
    assert next_place(["a", "b"], [one("a", 1, Status.INTERRUPTED), one("b", 2)]) == "a"
    assert next_place(["a", "b"], [one("a", 1, None), one("b", 2)]) == "a"


def test_a_disk_that_is_away_is_passed_over() -> None:
    assert next_place(["a", "b"], [one("b", 1)], away=["a"]) == "b"
    assert next_place(["a"], [], away=["a"]) is None
