"""Laws of WHEN: whatever is typed is a time to come, or a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from engine.schedule.pauses import LONGEST, parse_until

ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/St_Johns",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "Asia/Tehran",
    ]
).map(ZoneInfo)
NOWS = st.floats(946_684_800, 4_102_444_800).map(lambda one: datetime.fromtimestamp(one, UTC))


class TestAnyText:
    """A pause has a time of its end, to come and at most 90 days away, or it is refused."""

    @given(
        text=st.text(alphabet="0123456789-: dhmswT", max_size=18) | st.text(max_size=20),
        now=NOWS,
        zone=ZONES,
    )
    def test_is_a_time_to_come_or_a_sentence(self, text: str, now: datetime, zone: ZoneInfo):
        try:
            until = parse_until(text, now=now, zone=zone)
        except ValueError:
            return
        assert now < until <= now + LONGEST
        assert until.tzinfo is UTC


class TestTimes:
    """`2026-12-01 06:00` is what the clock on the wall shows in the manifest's zone."""

    @given(now=NOWS, zone=ZONES, ahead=st.integers(2, 89 * 24 * 60))
    def test_the_wall_shows_what_was_typed(self, now: datetime, zone: ZoneInfo, ahead: int):
        wall = (now + timedelta(minutes=ahead)).astimezone(zone)
        text = f"{wall:%Y-%m-%d %H:%M}"
        try:
            until = parse_until(text, now=now, zone=zone)
        except ValueError as error:
            # Of an hour that comes twice the first is meant, and that may have passed.
            assume("has passed" not in str(error))
            raise
        assert f"{until.astimezone(zone):%Y-%m-%d %H:%M}" == text

    @given(now=NOWS, zone=ZONES, number=st.integers(1, 2160), unit=st.sampled_from("smh"))
    def test_a_length_counts_from_now(self, now: datetime, zone: ZoneInfo, number: int, unit: str):
        length = timedelta(seconds=number * {"s": 1, "m": 60, "h": 3600}[unit])
        until = parse_until(f"{number}{unit}", now=now, zone=zone)
        assert timedelta(0) <= now + length - until < timedelta(seconds=1)
