"""Places on a line, in percent."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from renderers.report.scale import Scale

SOFIA = ZoneInfo("Europe/Sofia")
VALUES = st.floats(-1e6, 1e6)


@given(VALUES, VALUES, st.floats(0, 5))
def test_whatever_is_drawn_lies_on_the_line(begins: float, ends: float, least: float) -> None:
    span = Scale(begins=0, ends=100).span(min(begins, ends), max(begins, ends), least=least)
    assert 0 <= span.x <= 100
    assert span.width >= round(least, 2)
    assert span.x + span.width <= 100.01


def test_hours_are_those_of_the_local_clock() -> None:
    begins = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    scale = Scale.of_time(begins, begins + timedelta(hours=24))
    ticks = list(scale.hours(SOFIA, every=6))
    assert [one.text for one in ticks] == ["18", "Wed", "06", "12"]
    assert [one.strong for one in ticks] == [False, True, False, False]
    assert ticks[0].x == round(100 * 5.5 / 24, 2)


def test_a_day_on_which_clocks_go_back_has_an_hour_more() -> None:
    begins = datetime(2026, 10, 24, 21, tzinfo=UTC)  # midnight in Sofia
    scale = Scale.of_time(begins, begins + timedelta(hours=25))
    ticks = {one.text: one.x for one in scale.hours(SOFIA, every=6)}
    assert ticks["06"] == 28.0, "seven hours after midnight"


def test_zones_may_lie_half_an_hour_apart() -> None:
    begins = datetime(2026, 11, 24, tzinfo=UTC)
    scale = Scale.of_time(begins, begins + timedelta(hours=24))
    assert [one.text for one in scale.hours(ZoneInfo("Asia/Kolkata"), every=12)] == ["12", "Wed"]
