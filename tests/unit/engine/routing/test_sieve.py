"""A selection with a memory: the verdicts are those of the selection without one."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from engine.plan.selection import Ignore, Line, Selection, Verdict
from engine.routing.sieve import Sieve
from policy.patterns import parse_path_pattern
from tests.strategies import path_texts, pattern_texts

NAMES = (b"a", b"b", b"ab", b"c", b".policyctl-x", b"lost+found")
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5).map(tuple)
small = tuple(names for depth in (1, 2, 3) for names in product(NAMES, repeat=depth))


@st.composite
def selections(draw) -> Selection:
    lines = [
        Line(pattern=parse_path_pattern(text.encode()), taken=taken)
        for text, taken in draw(
            st.lists(st.tuples(path_texts(deepest=4), st.booleans()), max_size=5)
        )
    ]
    lines.sort(key=lambda line: -len(line.pattern.components))
    ignores = []
    for anchored, directory in draw(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=3)):
        text = draw(path_texts() if anchored else pattern_texts(longest=2)) or "a"
        pattern = parse_path_pattern(text.encode())
        ignores.append(Ignore(pattern=pattern, anchored=anchored, directory=directory))
    return Selection(
        lines=tuple(lines),
        ignores=tuple(ignores),
        blocked=tuple(draw(st.lists(paths, max_size=2))),
    )


@given(selection=selections(), asked=st.lists(st.tuples(paths, st.booleans()), max_size=20))
def test_it_decides_as_the_selection_does(
    selection: Selection, asked: list[tuple[tuple[bytes, ...], bool]]
) -> None:
    sieve = Sieve(selection)
    everything = [(names, directory) for names in small for directory in (True, False)]
    for names, directory in asked + everything + asked:
        verdict = selection.decide(names, directory=directory)
        assert sieve.decide(names, directory=directory) is verdict, (names, directory)


def test_it_forgets_rather_than_grow() -> None:
    selection = Selection(
        lines=(
            Line(pattern=parse_path_pattern(b"left"), taken=False),
            Line(pattern=parse_path_pattern(b""), taken=True),
        )
    )
    sieve = Sieve(selection)
    for number in range(10_000):
        assert sieve.decide((b"d%d" % number, b"x"), directory=False) is Verdict.TAKEN
    assert len(sieve._known) <= 4_096
    assert sieve.decide((b"left", b"x"), directory=False) is Verdict.LEFT
    assert sieve.decide((b"d0", b"x"), directory=False) is Verdict.TAKEN
