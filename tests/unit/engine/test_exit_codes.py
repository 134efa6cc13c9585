"""The table of rsync's exit codes, code by code."""

import pytest

from engine.exit_codes import Outcome, is_refusal, meaning_of, outcome_of

FAILED = (1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 124, 125, 126, 127, 255)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, Outcome.OK),
        (23, Outcome.DEGRADED),
        (24, Outcome.OK_NOTED),
        (25, Outcome.GUARD),
        (30, Outcome.TIMED_OUT),
        (35, Outcome.TIMED_OUT),
        *((code, Outcome.FAILED) for code in FAILED),
    ],
)
def test_each_documented_code_has_its_outcome(code: int, outcome: Outcome) -> None:
    assert outcome_of(code) is outcome
    assert "never documented" not in meaning_of(code)


@pytest.mark.parametrize("code", [7, 99, 128, 254, 1000])
def test_an_unknown_code_has_failed(code: int) -> None:
    assert outcome_of(code) is Outcome.FAILED
    assert meaning_of(code) == "rsync ended with a code that it never documented"


def test_a_killed_rsync_has_failed() -> None:
    assert outcome_of(-9) is Outcome.FAILED
    assert meaning_of(-9) == "rsync was killed by signal 9"


def test_an_rrsync_that_says_no_is_told_from_one_that_is_busy() -> None:
    end = b"rsync: connection unexpectedly closed (0 bytes received so far) [sender]\n"
    assert is_refusal(b"/usr/bin/rrsync error: option --delete has been disabled.\n" + end)
    assert not is_refusal(
        b"/usr/bin/rrsync error: Another instance of rrsync is already accessing this.\n" + end
    )
    assert not is_refusal(end + b"rsync error: error in rsync protocol data stream (code 12)\n")
    assert not is_refusal(b'rsync: open "/a/rrsync error: x" failed\n')
