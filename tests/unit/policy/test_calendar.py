"""Calendar expressions mean what systemd makes of them."""

import os
import subprocess
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.calendar import Calendar, CalendarError, parse_calendar

ANY = None
NIGHT = Calendar(text="00:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("02:00", replace(NIGHT, hours=(2,))),
        ("2:5", replace(NIGHT, hours=(2,), minutes=(5,))),
        ("02:00:30", replace(NIGHT, hours=(2,), seconds=(30,))),
        ("00/6:00", replace(NIGHT, hours=(0, 6, 12, 18))),
        ("8..18/5:00", replace(NIGHT, hours=(8, 13, 18))),
        ("*:0/15", replace(NIGHT, hours=ANY, minutes=(0, 15, 30, 45))),
        ("*:*:*", replace(NIGHT, hours=ANY, minutes=ANY, seconds=tuple(range(60)))),
        ("0/1:00", replace(NIGHT, hours=ANY)),
        ("Sun 05:00", replace(NIGHT, weekdays=(6,), hours=(5,))),
        ("sunday", replace(NIGHT, weekdays=(6,))),
        ("Mon,FRI", replace(NIGHT, weekdays=(0, 4))),
        ("Mon..Wed,Sat  05:00", replace(NIGHT, weekdays=(0, 1, 2, 5), hours=(5,))),
        ("Mon-Fri", replace(NIGHT, weekdays=(0, 1, 2, 3, 4))),
        ("Mon..Sun", NIGHT),
        ("*-*-*", NIGHT),
        ("*-*-01", replace(NIGHT, days=(1,))),
        ("*-1,15", replace(NIGHT, days=(1, 15))),
        ("12-25", replace(NIGHT, months=(12,), days=(25,))),
        ("*-*-1..7,15,29/2", replace(NIGHT, days=(1, 2, 3, 4, 5, 6, 7, 15, 29, 31))),
        ("*-*-1..20/4 3:00", replace(NIGHT, days=(1, 5, 9, 13, 17), hours=(3,))),
        ("2027-02-28", replace(NIGHT, years=(2027,), months=(2,), days=(28,))),
        ("2190/4-*-1", replace(NIGHT, years=(2190, 2194, 2198), days=(1,))),
        ("Sun *-*-1..7 04:00", replace(NIGHT, weekdays=(6,), days=tuple(range(1, 8)), hours=(4,))),
    ],
)
def test_an_expression_names_sets_of_components(text: str, expected: Calendar) -> None:
    calendar = parse_calendar(text)
    assert calendar == expected
    assert calendar.text == text


CANONICAL = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "WEEKLY": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
    "Mon..Fri,Sun 2:00": "Mon..Fri,Sun *-*-* 02:00:00",
    "Sat..Sun,Tue": "Tue,Sat,Sun *-*-* 00:00:00",
    "*-*-1..20/4": "*-*-01..17/4 00:00:00",
    "*-*-1..7,15": "*-*-01..07,15 00:00:00",
    "*:*:0/20": None,
    "quarterly": None,
    "*:0/15": None,
    "2027/2-*-1": None,
}


def analyzed(texts: list[str]) -> tuple[int, list[str]]:
    """Let systemd judge expressions: its exit status, and the normalised form of those it takes."""
    done = subprocess.run(
        ["systemd-analyze", "calendar", "--", *texts],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    lines = [line.partition("Normalized form: ") for line in done.stdout.splitlines()]
    return done.returncode, [normalized for _, found, normalized in lines if found]


@pytest.mark.tool("systemd-analyze")
def test_the_canonical_form_is_the_one_of_systemd() -> None:
    code, normalized = analyzed(list(CANONICAL))
    assert code == 0
    for text, theirs in zip(CANONICAL, normalized, strict=True):
        ours = parse_calendar(text).canonical()
        assert ours == (CANONICAL[text] or ours)
        assert theirs == (CANONICAL[text] or theirs)
        assert parse_calendar(theirs) == parse_calendar(ours) == parse_calendar(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("00/6:00", "*-*-* 00..18/6:00:00"),
        ("*:0/7", "*-*-* *:00..56/7:00"),
        ("*-*-1/3", "*-*-01..31/3 00:00:00"),
        ("*:0/30", "*-*-* *:00,30:00"),
        ("2190/4-*-1", "2190..2198/4-*-01 00:00:00"),
        ("*:*:*", "*-*-* *:*:*"),
    ],
)
def test_the_canonical_form_closes_every_step(text: str, canonical: str) -> None:
    """Steps without an end overflow in systemd, which then skips what comes after."""
    assert parse_calendar(text).canonical() == canonical


# What the text is, and words that the message must have.
REFUSED_BY_SYSTEMD_TOO = {
    "": "empty",
    " daily": "write 'daily'",
    "dayly": "write daily",
    "Mond 03:00": "write monday",
    "Mon3:00": "weekday",
    "Mon, Tue": "weekday",
    "Mon..": "weekday",
    "Mon..Tue..Wed": "weekday",
    "Mon Tue 3:00": "order",
    "Mon daily": "weekday first",
    "03:00 *-*-01": "order",
    "03:00 Mon": "weekday first",
    "Fri..Mon": "write Mon,Fri..Sun",
    "Tue..Mon": "write no weekday",
    "5": "for example daily",
    "*": "for example daily",
    "@x": "for example daily",
    "*-*-~1": "counting from the end",
    "*/2:00": "write 0/2",
    "*-*-*/2": "write 1/2",
    "*:*/5": "write 0/5",
    "1,*:00": "write '*' alone",
    "24:00": "from 0 to 23",
    "0:60": "from 0 to 59",
    "0:0:60": "from 0 to 59",
    "*-*-0": "from 1 to 31",
    "*-*-32": "from 1 to 31",
    "*-13-1": "from 1 to 12",
    "2200-01-01": "from 1970 to 2199",
    "1969-01-01": "from 1970 to 2199",
    "*-*-1/0": "1 or more",
    "*-*-25/10": "write 25",
    "22..2:00": "write it as two, 22..23,0..2",
    "0:0:5..5": "write 5",
    "*-*-1,,2": "not a valid day",
    "1:2:3:4": "not a time",
    "1-2-3-4": "not a date",
    "+1:00": "not a valid hour",
    "*-*-1-": "not a date",
    "9999999999:1": "not a valid hour",
    "wee\u212aly": "characters",
    "*-*-*\t3:00": "characters",
    ",".join(["0"] * 300) + ":00": "too long",
}
REFUSED_HERE_ONLY = {
    "*~1": "write a day that every month has",
    "daily UTC": "the manifest's `timezone`",
    "03:00 Europe/Sofia": "the manifest's `timezone`",
    "*:0:0.5": "whole seconds",
    "*:0:0/0.5": "whole seconds",
    "27-01-01": "from 1970 to 2199",
    "Mon,": "weekday",
    "5..5:00": "write 5",
    "*-02-30": "never comes",
    "2027-02-29": "never comes",
    "*-4,6,9,11-31": "never comes",
    "Mon 2027-01-02": "never comes",
}


@pytest.mark.parametrize(("text", "words"), (REFUSED_BY_SYSTEMD_TOO | REFUSED_HERE_ONLY).items())
def test_a_refusal_says_what_to_write_instead(text: str, words: str) -> None:
    with pytest.raises(CalendarError) as caught:
        parse_calendar(text)
    assert words in str(caught.value)


@pytest.mark.tool("systemd-analyze")
@pytest.mark.parametrize("text", REFUSED_BY_SYSTEMD_TOO)
def test_systemd_refuses_it_too(text: str) -> None:
    assert analyzed([text]) == (1, [])


@pytest.mark.tool("systemd-analyze")
def test_systemd_takes_what_is_left_out_here() -> None:
    code, normalized = analyzed(list(REFUSED_HERE_ONLY))
    assert (code, len(normalized)) == (0, len(REFUSED_HERE_ONLY))


def ascending(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    """Make two different numbers, the smaller one first."""
    return st.integers(low, high - 1).flatmap(
        lambda first: st.tuples(st.just(first), st.integers(first + 1, high))
    )


def components(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    pairs = ascending(low, high)
    step = st.integers(1, 40)
    parts = st.one_of(
        number.map(str),
        number.map("{:02}".format),
        pairs.map("{0[0]}..{0[1]}".format),
        st.tuples(pairs, step).map("{0[0][0]}..{0[0][1]}/{0[1]}".format),
        pairs.map(lambda pair: f"{pair[0]}/{pair[1] - pair[0]}"),
    )
    return st.just("*") | st.lists(parts, min_size=1, max_size=3).map(",".join)


DAY_NAMES = ["Mon", "tue", "Wednesday", "THU", "Fri", "saturday", "Sun"]
WEEKDAYS = st.lists(
    st.sampled_from(DAY_NAMES)
    | ascending(0, 6).map(lambda pair: f"{DAY_NAMES[pair[0]]}..{DAY_NAMES[pair[1]]}"),
    min_size=1,
    max_size=3,
).map(",".join)
DATES = st.one_of(
    st.tuples(components(1, 12), components(1, 31)).map("-".join),
    st.tuples(components(1970, 2199), components(1, 12), components(1, 31)).map("-".join),
)
TIMES = st.one_of(
    st.tuples(components(0, 23), components(0, 59)).map(":".join),
    st.tuples(components(0, 23), components(0, 59), components(0, 59)).map(":".join),
)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    optional = st.booleans()
    words = [draw(words) for words in (WEEKDAYS, DATES, TIMES) if draw(optional)]
    return " ".join(words or ["daily"])


def parse_or_refusal(text: str) -> Calendar | str:
    try:
        return parse_calendar(text)
    except CalendarError as error:
        return str(error)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    found = parse_or_refusal(draw(expressions()))
    if isinstance(found, str):
        # Nothing else is wrong with the expressions above.
        assert "never comes" in found
        return parse_calendar("daily")
    return found


@pytest.mark.tool("systemd-analyze")
@given(st.lists(calendars(), min_size=4, max_size=12))
def test_systemd_reads_both_forms_as_we_do(batch: list[Calendar]) -> None:
    texts = [calendar.text for calendar in batch]
    code, normalized = analyzed([*texts, *(calendar.canonical() for calendar in batch)])
    assert code == 0
    for theirs, calendar in zip(normalized, [*batch, *batch], strict=True):
        assert parse_calendar(theirs) == calendar


@given(calendars())
def test_the_canonical_form_parses_back(calendar: Calendar) -> None:
    again = parse_calendar(calendar.canonical())
    assert again == calendar
    assert again.canonical() == calendar.canonical()


@given(st.dates(date(1970, 1, 1), date(2199, 12, 31)))
def test_a_single_date_parses_to_itself(day: date) -> None:
    calendar = parse_calendar(f"{day:%a} {day}")
    assert (calendar.years, calendar.months) == ((day.year,), (day.month,))
    assert (calendar.days, calendar.weekdays) == ((day.day,), (day.weekday(),))


@given(st.text() | st.text("MonFrisu0123456789*-:.,/~ ", max_size=12) | expressions())
def test_any_text_is_a_calendar_or_a_calendar_error(text: str) -> None:
    found = parse_or_refusal(text)
    if isinstance(found, str):
        assert found.isprintable()
    else:
        assert parse_calendar(found.canonical()) == found
