"""Each reason in words."""

from __future__ import annotations

import pytest

from engine.generations.reasons import (
    Circumstance,
    Counted,
    Expired,
    Oldest,
    Outrun,
    Reason,
    Recent,
    Rule,
    Superseded,
    say,
)
from policy.values import Duration

WEEK = Duration(7 * 86400)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            Counted(rule=Rule.WEEKLY, number=2, limit=4, period="2026-W48"),
            "weekly 2 of 4: newest of 2026-W48",
        ),
        (Counted(rule=Rule.LAST, number=2, limit=3, period="x"), "last 2 of 3"),
        (Oldest(rule=Rule.YEARLY, filled=1, limit=2), "the oldest: yearly has 1 of 2"),
        (Recent(within=WEEK), "within 7d of the newest"),
        (Circumstance.NEWEST_VERIFIED, "the newest verified one"),
        (
            Superseded(rule=Rule.DAILY, period="2026-11-28"),
            "daily: a newer one stands for 2026-11-28",
        ),
        (Outrun(rule=Rule.LAST, limit=3, period="x"), "last: 3 are newer"),
        (
            Outrun(rule=Rule.MONTHLY, limit=6, period="2026-05"),
            "monthly: 6 later ones than 2026-05",
        ),
        (Expired(within=WEEK), "more than 7d older than the newest"),
    ],
)
def test_a_reason_in_words(reason: Reason, words: str) -> None:
    assert say(reason) == words
