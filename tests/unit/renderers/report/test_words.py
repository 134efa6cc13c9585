"""Times, lengths and states in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.records.reports import RunStatus
from engine.report.headline import Level
from engine.standing.safety import Safety
from engine.standing.status import Health
from engine.standing.surroundings import RoomHealth
from renderers.report.words import (
    Clock,
    length,
    of_leg,
    of_level,
    of_room,
    of_run,
    of_safety,
    several,
)
from tests.report_facts import homelab_facts, local, ran

NOW = datetime(2026, 11, 25, 5, 40, tzinfo=UTC)
AT = Clock(zone=ZoneInfo("Europe/Sofia"), now=NOW)
SHAPES = {"safe", "risk", "act", "wait", "pause", "unknown", "off"}


def test_near_moments_have_a_weekday_and_others_a_date() -> None:
    assert AT.when(NOW + timedelta(hours=1)).text == "Wed 08:40"
    assert AT.when(NOW - timedelta(days=40)).text == "16 Oct, 08:40", "in summer time"
    assert AT.when(NOW + timedelta(days=90)).text == "23 Feb 2027, 07:40"
    assert AT.when(NOW).exact == "Wed 25 Nov 2026, 07:40:00 EET"
    assert AT.when(NOW).iso == "2026-11-25T07:40:00+02:00"
    assert AT.maybe(None) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "not yet"),
        (0, "0 s"),
        (99, "99 s"),
        (100, "1 min"),
        (5_999, "99 min"),
        (6_000, "1 h 40 min"),
        (36_000, "10 h"),
        (259_199, "71 h"),
        (259_200, "3 d"),
        (270_000, "3 d 3 h"),
        (14 * 86_400 + 7200, "14 d"),
    ],
)
def test_lengths(seconds: int, text: str) -> None:
    assert length(timedelta(seconds=seconds)) == text


def test_what_nobody_knows_is_a_dash() -> None:
    assert length(None) == "–"
    assert [several(1, "leg"), several(2, "leg"), several(0, "copy", "copies")] == [
        "1 leg",
        "2 legs",
        "0 copies",
    ]


def test_each_state_has_a_shape_and_a_word() -> None:
    leg = homelab_facts().legs[0]
    signs = [
        *map(of_level, Level),
        *map(of_safety, Safety),
        *map(of_room, RoomHealth),
        *(of_leg(replace(leg, health=one)) for one in Health),
        *(of_run(ran(local(0, 2), status=one)) for one in RunStatus),
    ]
    assert {one.shape for one in signs} <= SHAPES
    assert all(one.word for one in signs)


def test_states_beside_the_end_of_a_run() -> None:
    going = replace(ran(local(0, 2)), status=None, ended=None)
    killed = replace(going, status=RunStatus.INTERRUPTED)
    assert (of_run(going).word, of_run(killed).word) == ("running", "killed")
    fresh = homelab_facts().legs[0]
    assert of_leg(replace(fresh, not_told="no route")).shape == "act"
