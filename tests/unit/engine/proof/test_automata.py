"""Many patterns as one automaton."""

import re
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from engine.proof.automata import Automaton, Scale
from engine.proof.nearest import Nearest, byte_beside
from engine.proof.pattern_set import NEVER, PatternSet
from engine.rsync.wildmatch import CROSS, Parts, merge_parts, parts_regex
from policy.patterns import ANY, STAR, ByteSet, byte_set

TEXTS = [bytes(text) for size in range(5) for text in product(b"ab/", repeat=size)]

SOME: list[bytes | ByteSet] = [
    *(b"a", b"b", b"/"),
    *(STAR, CROSS, ANY, byte_set(*b"ab"), ByteSet(ANY & ~byte_set(*b"a"))),
]
some_parts = st.lists(st.sampled_from(SOME), max_size=4).map(merge_parts)
"""Neighbouring stars too, which no rule has."""


def built(patterns: list[Parts], answers: list[int] | None = None) -> Automaton:
    found = PatternSet(1)
    for rank, parts in enumerate(patterns):
        found.mark(found.place(parts), 0, rank)
    return Automaton(found, [Scale(answers=answers or range(len(patterns)))])


def first(patterns: list[Parts], text: bytes) -> int:
    """What the automaton should say, by regular expressions."""
    return next(
        (
            rank
            for rank, parts in enumerate(patterns)
            if re.fullmatch(parts_regex(parts), text, re.DOTALL)
        ),
        NEVER,
    )


class TestAgreesWithRegularExpressions:
    """The lowest rank that matches answers a channel."""

    @given(st.lists(some_parts, min_size=1, max_size=6))
    def test_each_text_has_the_first_pattern_that_matches(self, patterns: list[Parts]) -> None:
        automaton = built(patterns)
        for text in TEXTS:
            assert automaton.ranks(text) == (first(patterns, text),), text

    @given(st.lists(st.tuples(some_parts, st.booleans()), min_size=1, max_size=6))
    def test_ranks_with_one_answer_may_be_merged(self, patterns: list[tuple[Parts, bool]]) -> None:
        answers = [int(answer) for _, answer in patterns]
        automaton = built([parts for parts, _ in patterns], answers)
        for text in TEXTS:
            rank = first([parts for parts, _ in patterns], text)
            assert automaton.ranks(text) == (NEVER if rank == NEVER else answers[rank],), text

    @given(st.lists(some_parts, min_size=1, max_size=6), st.data())
    def test_channels_do_not_touch_each_other(
        self, patterns: list[Parts], data: st.DataObject
    ) -> None:
        channels = [data.draw(st.integers(0, 2)) for _ in patterns]
        found = PatternSet(3)
        for rank, (channel, parts) in enumerate(zip(channels, patterns, strict=True)):
            found.mark(found.place(parts), channel, rank)
        automaton = Automaton(found, [Scale(answers=range(len(patterns)))] * 3)
        for text in TEXTS:
            ranks = automaton.ranks(text)
            for channel in range(3):
                own = [
                    (rank, parts)
                    for rank, (one, parts) in enumerate(zip(channels, patterns, strict=True))
                    if one == channel
                ]
                index = first([parts for _, parts in own], text)
                assert ranks[channel] == (NEVER if index == NEVER else own[index][0])


class TestSize:
    def test_what_is_outranked_forever_makes_no_states(self) -> None:
        deep = [(b"a/" + name * 20,) for name in (b"c", b"d", b"e")]
        automaton = built([(b"a/", CROSS), *deep])
        assert automaton.ranks(b"a/" + b"c" * 20) == (0,)
        assert len(automaton.value) <= 4

    def test_of_two_endless_patterns_with_one_answer_one_state_is_left(self) -> None:
        automaton = built([(b"a/", CROSS), (b"b/", CROSS)], [1, 1])
        ends = {
            automaton.step(automaton.step(automaton.start, first_byte), ord("/"))
            for first_byte in b"ab"
        }
        assert len(ends) == 1

    def test_only_bytes_that_matter_have_edges(self) -> None:
        automaton = built([(b"abc",), (byte_set(*b"xy"), b"z")])
        assert set(automaton.expand(automaton.start)) == set(b"axy/")


class TestNearest:
    def test_the_way_to_each_kind_of_name_is_a_shortest_one(self) -> None:
        automaton = built([(b"ab",), (CROSS, b".x")])
        nearest = Nearest(automaton)
        assert nearest.prepare(most=100)
        lengths = {
            automaton.values[value][0]: (length, nearest.way(automaton.start, value))
            for value, length in nearest.ways(automaton.start)
        }
        assert lengths == {NEVER: (0, b""), 0: (2, b"ab"), 1: (2, b".x")}

    def test_it_gives_up_above_its_limit(self) -> None:
        assert not Nearest(built([(b"abcdefgh",)])).prepare(most=3)

    def test_the_byte_beside_is_readable_and_on_no_edge(self) -> None:
        assert byte_beside({}) == ord("a")
        assert byte_beside({ord("a"): 0}, {ord("b"): 0}) == ord("c")
        assert byte_beside(dict.fromkeys(range(256), 0)) is None
