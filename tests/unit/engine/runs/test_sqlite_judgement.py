"""What a run makes of the databases that it found."""

from __future__ import annotations

import pytest

from engine.plan.selection import Line, Selection
from engine.records.reports import RunStatus
from engine.runs.sqlite_judgement import judge_copies, wanted
from engine.sqlite.copies import CopyStatus, DatabaseCopy
from policy.patterns import parse_path_pattern

GOOD = DatabaseCopy(path=b"a.db", status=CopyStatus.OK)
LINES = (("*.cache", False), ("scratch", False), ("elsewhere/kept.db", True), ("elsewhere", False))
RULES = Selection(
    lines=tuple(
        Line(pattern=parse_path_pattern(text.encode()), taken=taken)
        for text, taken in (*LINES, ("", True))
    )
)


def copy(path: bytes, status: CopyStatus = CopyStatus.OK, reason: str = "why") -> DatabaseCopy:
    return DatabaseCopy(path=path, status=status, reason=reason)


def many(number: int) -> list[DatabaseCopy]:
    return [copy(b"%d.db" % at) for at in range(number)]


class TestWanted:
    @pytest.mark.parametrize(
        ("path", "status", "expected"),
        [
            (b"photos.db", CopyStatus.CORRUPT, True),
            (b"app/photos.db", CopyStatus.OK, True),
            (b"scratch/x.db", CopyStatus.CORRUPT, False),
            (b"x.cache", CopyStatus.CORRUPT, False),
            (b"elsewhere/x.db", CopyStatus.OK, False),
            (b"elsewhere/kept.db", CopyStatus.OK, True),
            (b"bad\xff.db", CopyStatus.CORRUPT, True),
            (b"", CopyStatus.UNREADABLE, True),  # the root itself
        ],
    )
    def test_what_is_ignored_or_routed_elsewhere_is_missed_by_nobody(
        self, path: bytes, status: CopyStatus, expected: bool
    ) -> None:
        one = copy(path, status)
        assert wanted([one], RULES) == ([one] if expected else [])

    def test_a_directory_that_could_not_be_read_may_hold_some(self) -> None:
        """What is inside of it nobody knows, so it counts where anything in it would."""
        unread = copy(b"elsewhere", CopyStatus.UNREADABLE)
        assert wanted([unread], RULES) == [unread]
        assert wanted([copy(b"elsewhere", CopyStatus.CORRUPT)], RULES) == []
        assert wanted([copy(b"scratch", CopyStatus.UNREADABLE)], RULES) == []

    def test_of_an_item_all_are(self) -> None:
        assert wanted([copy(b"scratch/x.db")], None) == [copy(b"scratch/x.db")]


class TestJudgement:
    def test_all_of_them_are_good(self) -> None:
        assert judge_copies([GOOD], None) == (RunStatus.OK, "")
        assert judge_copies([GOOD], 1) == (RunStatus.OK, "")

    @pytest.mark.parametrize("status", [one for one in CopyStatus if one is not CopyStatus.OK])
    def test_law_18_one_that_is_not_good_makes_no_verified_generation(
        self, status: CopyStatus
    ) -> None:
        found, reason = judge_copies([GOOD, copy(b"b\n.db", status, "because")], 2)
        assert found is RunStatus.DEGRADED
        assert not found.succeeded
        assert reason == "1 of 2 databases could not be copied: b\\n.db: because"

    def test_the_first_ones_are_named_and_the_others_counted(self) -> None:
        bad = [copy(b"%d" % at, CopyStatus.CORRUPT) for at in range(1200)]
        _, reason = judge_copies(bad, None)
        assert reason.startswith("1,200 of 1,200 databases could not be copied: 0: why; 1: why;")
        assert reason.endswith("; 2: why; and 1,197 more")

    @pytest.mark.parametrize(
        ("before", "now", "status"),
        [
            (30, 30, RunStatus.OK),
            (30, 16, RunStatus.OK),
            (30, 14, RunStatus.DEGRADED),
            (5, 1, RunStatus.OK),  # so few may well become one
            (5, 0, RunStatus.DEGRADED),
            (1, 0, RunStatus.DEGRADED),
            (0, 0, RunStatus.NOTED),
            (None, 0, RunStatus.NOTED),
        ],
    )
    def test_law_18_fewer_than_before_let_nothing_older_go(
        self, before: int | None, now: int, status: RunStatus
    ) -> None:
        assert judge_copies(many(now), before)[0] is status
