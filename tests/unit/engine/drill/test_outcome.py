"""What a drill has come to, in figures and in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.drill.outcome import (
    Drilled,
    DrillFacts,
    Status,
    came_words,
    checked_words,
    estimate_words,
)
from engine.records.measurement import length_words

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DONE = Drilled(
    drill="nfs",
    source="nfs",
    place="sda",
    began=NOW,
    ended=NOW,
    status=Status.OK,
    seed=7,
    files=3,
    bytes=1 << 30,
    seconds=10.0,
    compared=2,
    whole=100 << 30,
)


def test_the_whole_is_reckoned_at_the_measured_rate() -> None:
    assert DONE.estimate == 1_000
    assert not DONE.slower_than(1_000)
    assert DONE.slower_than(999)
    assert not DONE.slower_than(None)


def test_what_came_whole_is_no_estimate() -> None:
    assert replace(DONE, whole=1 << 30).estimate == 10
    assert replace(DONE, whole=1).estimate == 10, "never less than what it took"


@pytest.mark.parametrize("more", [{"bytes": 0}, {"seconds": 0.0}, {"whole": None}])
def test_without_figures_there_is_none(more: dict[str, Any]) -> None:
    one = replace(DONE, **more)
    assert one.estimate is None
    assert not one.slower_than(1)
    assert estimate_words(one, 1) == ""


def test_in_words() -> None:
    assert came_words(DONE) == "3 files, 1.0 GiB in 10 s (102.4 MiB/s)"
    assert came_words(replace(DONE, files=1, bytes=0, seconds=0.0)) == (
        "1 file, 0 B in 0.0 s (0 B/s)"
    )
    assert checked_words(DONE) == "2 compared by content"
    assert checked_words(replace(DONE, databases=1)).endswith("as databases")
    assert "nothing could be compared" in checked_words(replace(DONE, compared=0))
    assert estimate_words(DONE, 7_200) == "all of nfs, 100.0 GiB, in about 17 m, of 2.0 h stated"
    assert estimate_words(DONE, None) == "all of nfs, 100.0 GiB, in about 17 m"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *((0.04, "0.0 s"), (9.94, "9.9 s"), (119, "119 s"), (120, "2 m"), (7_199, "120 m")),
        *((7_200, "2.0 h"), (259_199, "72.0 h"), (259_200, "3.0 d")),
    ],
)
def test_lengths_of_time(seconds: float, said: str) -> None:
    assert length_words(seconds) == said


def test_the_newest_of_each_sort() -> None:
    failed = replace(DONE, status=Status.FAILED, place="nas", began=NOW + timedelta(1))
    running = replace(DONE, status=None, ended=None, bytes=0, began=NOW + timedelta(2))
    facts = DrillFacts(drills=(running, failed, DONE))
    assert facts.last() == failed
    assert facts.last("sda") == DONE
    assert (facts.success(), facts.success("nas")) == (DONE, None)
    assert (facts.measured(), facts.measured("sda")) == (failed, DONE)
    assert not running.told
    assert failed.told
    assert not replace(DONE, status=Status.INTERRUPTED).told
