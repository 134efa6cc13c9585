"""What a leg took before an edit and takes after it, judged part by part."""

from hypothesis import given
from hypothesis import strategies as st

from engine.plan.selection import Ignore, Line, Selection, Verdict
from engine.routing.taken_before import took_all
from policy.patterns import PathPattern, parse_path_pattern


def selection(*lines: str, ignores: tuple[str, ...] = ()) -> Selection:
    """Lines by their paths, the most specific first; `-` before one: not taken."""
    return Selection(
        lines=tuple(
            Line(pattern=pattern(one.removeprefix("-")), taken=not one.startswith("-"))
            for one in lines
        ),
        ignores=tuple(
            Ignore(pattern=pattern(one), anchored=False, directory=True) for one in ignores
        ),
    )


def pattern(text: str) -> PathPattern:
    return parse_path_pattern(text.encode()) if text else PathPattern()


ALL = selection("")


def test_a_line_that_changes_nothing_takes_nothing_new() -> None:
    now = selection("photos", "")
    assert took_all(ALL, now, pattern("photos"))
    assert took_all(ALL, now, pattern(""))


def test_a_carve_out_concerns_nothing_that_stays() -> None:
    now = selection("-photos/raw", "-films", "")
    assert took_all(ALL, now, pattern(""))


def test_a_carve_out_that_goes_concerns_the_line_around_it_only() -> None:
    was = selection("-photos/raw", "docs", "")
    now = selection("docs", "")
    assert not took_all(was, now, pattern(""))
    assert took_all(was, now, pattern("docs"))


def test_what_another_leg_took_is_new() -> None:
    assert not took_all(selection("-photos", ""), selection("photos", ""), pattern("photos"))
    assert not took_all(selection("photos"), selection("photos", "docs"), pattern("docs"))


def test_an_ignore_that_goes_may_bring_something_anywhere() -> None:
    was = selection("", ignores=("cache", "tmp"))
    assert not took_all(was, selection("", ignores=("cache",)), pattern(""))
    assert took_all(was, selection("", ignores=("cache", "tmp", "more")), pattern(""))


NAMES = st.lists(st.sampled_from(["a", "b", "*", "a*"]), min_size=0, max_size=3).map("/".join)
LINES = st.lists(st.tuples(NAMES, st.booleans()), min_size=1, max_size=5, unique_by=lambda x: x[0])
PATHS = [
    tuple(one.encode() for one in (x, y, z, "f"))
    for x in ("a", "b", "ab")
    for y in ("a", "b", "ab")
    for z in ("a", "b", "ab")
]


def ordered(lines: list[tuple[str, bool]]) -> Selection:
    deepest = sorted(lines, key=lambda one: (-one[0].count("/") - bool(one[0]), "*" in one[0]))
    return selection(*(text if taken else f"-{text}" for text, taken in deepest))


@given(was=LINES, now=LINES)
def test_law_10_what_was_taken_already_was_taken_path_by_path(
    was: list[tuple[str, bool]], now: list[tuple[str, bool]]
) -> None:
    before, after = ordered(was), ordered(now)
    for line in after.lines:
        if line.taken and took_all(before, after, line.pattern):
            for path in PATHS:
                if after.deciding_line(path) is line:
                    assert before.decide(path, directory=False) is Verdict.TAKEN, (line, path)
