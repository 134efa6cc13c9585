"""What was seen, judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.checks.judge import Seen, judge_answer, judge_ending, judge_freshness, named
from engine.checks.outcome import Status
from policy.checks import FreshnessCheck, HttpCheck
from policy.patterns import parse_component, parse_path_pattern
from policy.values import Duration

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
CHECK = FreshnessCheck(
    name="dumps",
    schedule=(),
    path=parse_path_pattern(b"srv/dumps/*"),
    newer_than=Duration(26 * 3600),
)


def seen(path: bytes = b"/srv/dumps/a", hours: float = 1, **more: Any) -> Seen:
    written = (NOW - timedelta(hours=hours)).timestamp()
    return Seen(**{"path": path, "name": b"x.gz", "written": written, "size": 2048, **more})


def test_law_32_the_oldest_of_the_newest_files_decides() -> None:
    found = judge_freshness(CHECK, [seen(), seen(b"/srv/dumps/b", 25)], NOW)
    assert found.status is Status.OK
    assert found.reason == "/srv/dumps/b: the newest file, x.gz, is 25.0 h old, 2.0 KiB"
    assert (found.looked, found.newest, found.bytes) == (2, NOW - timedelta(hours=25), 2048)


@pytest.mark.parametrize(("hours", "status"), [(26, Status.OK), (26.001, Status.FAILED)])
def test_the_age_allowed_is_allowed(hours: float, status: Status) -> None:
    assert judge_freshness(CHECK, [seen(hours=hours)], NOW).status is status


def test_what_is_too_old_is_named_though_others_are_fresh() -> None:
    found = judge_freshness(CHECK, [seen(), seen(b"/srv/dumps/b\n", 48)], NOW)
    assert found.status is Status.FAILED
    assert found.reason == (
        "/srv/dumps/b\\n: the newest file, x.gz, is 48.0 h old, and 26h are allowed"
    )


def test_law_18_nothing_there_is_no_success() -> None:
    assert judge_freshness(CHECK, [], NOW).reason == "nothing is at /srv/dumps/*"
    empty = Seen(path=b"/srv/dumps/a", passed_over=3)
    found = judge_freshness(CHECK, [empty], NOW)
    assert found.status is Status.FAILED
    assert found.reason == "/srv/dumps/a: no file that counts: 3 smaller than 1"
    assert judge_freshness(CHECK, [Seen(path=b"/a")], NOW).reason == "/a: no file that counts"
    named_so = replace(CHECK, files=parse_component(b"*.dump"))
    found = judge_freshness(named_so, [Seen(path=b"/a")], NOW)
    assert found.reason == "/a: no file that counts (*.dump)"


def test_what_could_not_be_looked_at_is_not_well() -> None:
    found = judge_freshness(CHECK, [seen(problem="it cannot be listed")], NOW)
    assert (found.status, found.reason) == (Status.FAILED, "/srv/dumps/a: it cannot be listed")


def test_law_40_a_file_of_the_future_hides_nothing() -> None:
    found = judge_freshness(CHECK, [seen(hours=-48)], NOW)
    assert found.status is Status.FAILED
    assert "is dated 48.0 h from now: a clock was wrong, or is" in found.reason
    assert judge_freshness(CHECK, [seen(hours=-0.5)], NOW).status is Status.OK


def test_a_file_itself_may_be_looked_at() -> None:
    found = judge_freshness(CHECK, [seen(name=b"")], NOW)
    assert found.reason == "/srv/dumps/a: the newest file is 60 m old, 2.0 KiB"


def test_of_many_faults_the_first_are_named() -> None:
    assert named([]) == ""
    assert named(["a", "b", "c"]) == "a; b; c"
    assert named(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"


def http(**more: Any) -> HttpCheck:
    return HttpCheck(**{"name": "web", "schedule": (), "url": "https://w.example.net/", **more})


@pytest.mark.parametrize(
    ("check", "status", "body", "good"),
    [
        (http(), 200, b"", True),
        (http(), 204, b"", True),
        (http(), 302, b"", False),
        (http(), 500, b"", False),
        (http(status=401), 401, b"", True),
        (http(status=401), 200, b"", False),
        (http(contains='"ok":true'), 200, b'{"ok":true}', True),
        (http(contains='"ok":true'), 200, b'{"ok":false}', False),
        (http(contains="ü"), 200, "grün".encode(), True),
    ],
)
def test_an_answer(check: HttpCheck, status: int, body: bytes, good: bool) -> None:
    assert (judge_answer(check, status, "Reason", body).status is Status.OK) is good


def test_an_answer_is_told_with_its_url() -> None:
    assert judge_answer(http(), 503, "Gone", b"").reason == (
        "https://w.example.net/ answers 503 Gone"
    )
    assert judge_answer(http(status=204), 200, "OK", b"").reason == (
        "https://w.example.net/ answers 200 OK, and not 204"
    )


@pytest.mark.parametrize(
    ("code", "out", "err", "status", "reason"),
    [
        (0, b"all\nwell\n", b"", Status.OK, "well"),
        (0, b"", b"warning\n", Status.OK, ""),
        (2, b"out\n", b"", Status.FAILED, "it ended with 2: out"),
        (
            2,
            b"out\n",
            b"first\nlast \x1b[31m\n\n",
            Status.FAILED,
            "it ended with 2: last \\x1b[31m",
        ),
        (1, b"", b"", Status.FAILED, "it ended with 1"),
        (-9, b"", b"", Status.FAILED, "it was killed by signal 9"),
    ],
)
def test_how_a_command_ended(
    code: int, out: bytes, err: bytes, status: Status, reason: str
) -> None:
    found = judge_ending(code, out, err)
    assert (found.status, found.reason) == (status, reason)


def test_what_a_command_says_at_length_is_cut() -> None:
    assert len(judge_ending(1, b"", b"x" * 10_000).reason) < 400
