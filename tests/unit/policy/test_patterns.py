"""Patterns of names, against brute force over all short names."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.pattern_relations import check_complexity, lies_inside, meeting
from policy.patterns import (
    ANY,
    STAR,
    PathPattern,
    PatternError,
    PatternTooComplex,
    byte_set,
    canonical,
    literal_component,
    lowest,
    members,
    parse_component,
    parse_path_pattern,
)
from tests.strategies import path_texts, pattern_texts, short_names

NAMES = tuple(short_names(5, b"ab.c"))


def oracle(pattern: str, name: bytes) -> bool:
    """Python's fnmatch, whose rules on these patterns are the same but for `**` and `/`."""
    expression = fnmatch.translate(pattern)
    return re.fullmatch(expression.encode("latin-1"), name, re.DOTALL) is not None


class TestMatching:
    """ "`*` `?` `[…]` `[!…]` work on bytes, match a leading dot, are case-sensitive"."""

    @settings(max_examples=max(60, settings().max_examples))
    @given(pattern_texts(longest=4))
    def test_as_fnmatch_does(self, text: str) -> None:
        component = parse_component(text.encode())
        for name in NAMES:
            assert component.matches(name) == oracle(text, name), name

    @given(
        st.binary(min_size=1, max_size=8).filter(
            lambda name: not set(name) & set(b"\0/") and name not in {b".", b".."}
        )
    )
    def test_a_literal_matches_itself_alone(self, name: bytes) -> None:
        component = literal_component(name)
        assert component.literal == name
        assert component.matches(name)
        assert not component.matches(name + b"x")
        assert component.example() == name

    @settings(max_examples=max(60, settings().max_examples))
    @given(pattern_texts(longest=4))
    def test_the_example_matches(self, text: str) -> None:
        component = parse_component(text.encode())
        assert component.matches(component.example())

    @settings(max_examples=max(60, settings().max_examples))
    @given(pattern_texts(longest=4))
    def test_as_written_it_reads_back(self, text: str) -> None:
        component = parse_component(text.encode())
        again = parse_component(str(component).encode())
        assert [again.matches(name) for name in NAMES] == [component.matches(n) for n in NAMES]

    def test_bytes_not_characters(self) -> None:
        assert not parse_component(b"caf?").matches("café".encode())
        assert parse_component(b"caf??").matches("café".encode())
        assert parse_component(b"caf*").matches(b"caf\xff")

    def test_case_and_dots(self) -> None:
        assert not parse_component(b"a*").matches(b"Ab")
        assert parse_component(b"*").matches(b".hidden")
        assert parse_component(b"?x").matches(b".x")

    def test_a_very_bad_pattern_is_quick(self) -> None:
        component = parse_component(b"*a" * 100)
        assert not component.matches(b"a" * 99)
        assert component.matches(b"a" * 255)


class TestClasses:
    """ "an unclosed `[` [is an error]"."""

    @pytest.mark.parametrize(
        ("text", "yes", "no"),
        [
            (b"[abc]", b"abc", b"d-]"),
            (b"[a-c]", b"abc", b"d-"),
            (b"[!a-c]", b"d-\xff\x01", b"abc"),
            (b"[]a]", b"]a", b"b"),
            (b"[!]a]", b"b", b"]a"),
            (b"[a-]", b"a-", b"b"),
            (b"[-a]", b"a-", b"b"),
            (b"[a^]", b"a^", b"b"),
            (b"[\\]", b"\\", b"]"),
            (b"[[]", b"[", b"]"),
            (b"[*?]", b"*?", b"a"),
            (b"[\x80-\xff]", b"\x80\xff", b"a"),
        ],
    )
    def test_members(self, text: bytes, yes: bytes, no: bytes) -> None:
        component = parse_component(text)
        assert all(component.matches(bytes([value])) for value in yes)
        assert not any(component.matches(bytes([value])) for value in no)

    def test_no_class_holds_a_slash_or_nul(self) -> None:
        for text in (b"?", b"[!a]", b"[.-0]"):
            assert not parse_component(text).tokens[0] & (1 | 1 << ord("/"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b".", "must not be '.'"),
        (b"..", "must not be '..'"),
        (b"**", "`**` is not part of the language"),
        (b"a**b", "`**` is not part of the language"),
        (b"[", "never closed"),
        (b"a[bc", "never closed"),
        (b"[]", "never closed"),
        (b"[!]", "never closed"),
        (b"[c-a]", "runs backwards"),
        (b"[/]", "matches no byte"),
        (b"a\0b", "NUL"),
        (b"a" * 256, "at most 255"),
        (b"?" * 256, "at most 255"),
    ],
)
def test_what_is_no_pattern_is_said_in_words(text: bytes, words: str) -> None:
    with pytest.raises(PatternError, match=re.escape(words)):
        parse_component(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a//b", "empty component"),
        (b"a/", "empty component"),
        (b"/a", "empty component"),
        (b"a/../b", "'..'"),
        (b"a/" * 2047 + b"bb", "4095"),
    ],
)
def test_what_is_no_path_is_said_in_words(text: bytes, words: str) -> None:
    with pytest.raises(PatternError, match=re.escape(words)):
        parse_path_pattern(text)


class TestMeeting:
    """ "an error that shows a path both match"."""

    @settings(max_examples=max(60, settings().max_examples))
    @given(pattern_texts(longest=3), pattern_texts(longest=3))
    def test_against_all_short_names(self, one: str, other: str) -> None:
        a, b = parse_component(one.encode()), parse_component(other.encode())
        common = [name for name in NAMES if a.matches(name) and b.matches(name)]
        found = meeting(a, b)
        assert (found is None) == (not common)
        if found is not None:
            assert a.matches(found)
            assert b.matches(found)
            assert len(found) == len(common[0])
            assert found not in {b"", b".", b".."}

    @settings(max_examples=max(60, settings().max_examples))
    @given(pattern_texts(longest=3), pattern_texts(longest=3))
    def test_inside_against_all_short_names(self, one: str, other: str) -> None:
        a, b = parse_component(one.encode()), parse_component(other.encode())
        inside = all(b.matches(name) for name in NAMES if a.matches(name))
        assert lies_inside(a, b) == inside


class TestPaths:
    """ "A key matches that path and all below it"."""

    @given(path_texts(deepest=2), path_texts(deepest=3))
    def test_prefix(self, pattern: str, path: str) -> None:
        parsed = parse_path_pattern(pattern.encode())
        names = tuple(part.encode() for part in path.split("/")) if path else ()
        expected = len(names) >= len(parsed.components) and all(
            oracle(part, name)
            for part, name in zip(pattern.split("/") if pattern else [], names, strict=False)
        )
        assert parsed.matches_prefix(names) == expected

    def test_the_root(self) -> None:
        assert parse_path_pattern(b"") == PathPattern()
        assert PathPattern().matches_prefix(())
        assert PathPattern().literal == ()
        assert str(PathPattern()) == "/"

    def test_literal(self) -> None:
        assert parse_path_pattern(b"a/b").literal == (b"a", b"b")
        assert parse_path_pattern(b"a/b*").literal is None
        assert parse_path_pattern(b"[a]/b").literal == (b"a", b"b")


def test_sets() -> None:
    assert list(members(byte_set(3, 1, 255))) == [1, 3, 255]
    assert lowest(byte_set(1, ord("q"))) == ord("q")
    assert lowest(byte_set(1, 2)) == 1
    assert ANY.bit_count() == 254
    assert STAR == 0


@pytest.mark.parametrize(
    ("text", "other"), [(b"*?", b"?*"), (b"?*", b"*"), (b"*?", b"*"), (b"a*?*", b"a?*")]
)
def test_one_spelling_of_the_same_names(text: bytes, other: bytes) -> None:
    assert canonical(parse_component(text)) == canonical(parse_component(other))


def test_two_bytes_are_not_one() -> None:
    assert canonical(parse_component(b"?*?")) != canonical(parse_component(b"*"))


def test_two_patterns_that_explode_are_named() -> None:
    one, other = parse_component(b"*a" + b"?" * 20), parse_component(b"*[ab]" + b"?" * 20)
    with pytest.raises(PatternTooComplex) as raised:
        lies_inside(one, other)
    assert raised.value.components == (one, other)
    assert all(str(each) in str(raised.value) for each in (one, other))


@pytest.mark.parametrize("text", [b"*a" + b"?" * 20, b"*a" + b"?" * 12 + b"*b"])
def test_a_pattern_that_explodes(text: bytes) -> None:
    with pytest.raises(PatternTooComplex, match="too complex"):
        check_complexity(parse_component(text))


@pytest.mark.parametrize(
    "text",
    [b"a", b"?" * 255, b"*", b"*.bak", b"*-????-??-??", b"*a" * 60, b"*-" + b"[0-9]" * 100],
)
def test_a_pattern_that_does_not(text: bytes) -> None:
    check_complexity(parse_component(text))
