"""Wildcards as rsync reads them."""

import re

import pytest

from engine.rsync.wildmatch import CROSS, Parts, example, merge_parts, parse_wild, parts_regex
from policy.patterns import ANY, STAR, ByteSet, byte_set


def one_of(text: bytes) -> ByteSet:
    return byte_set(*text)


def other_than(text: bytes) -> ByteSet:
    return ByteSet(ANY & ~byte_set(*text))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (b"a*b", (b"a", STAR, b"b")),
        (b"a**b", (b"a", CROSS, b"b")),
        (b"a***b", (b"a", CROSS, b"b")),
        (b"a****", (b"a", CROSS)),
        (b"?", (ANY,)),
        (rb"\a\*", (b"a*",)),
        (rb"\**", (b"*", STAR)),
        (b"x[a]y", (b"xay",)),
        (b"[ab]", (one_of(b"ab"),)),
        (b"[!ab]", (other_than(b"ab"),)),
        (b"[^ab]", (other_than(b"ab"),)),
        (b"[a-c]", (one_of(b"abc"),)),
        (b"[c-a]x", (b"cx",)),
        (b"[]a]", (one_of(b"]a"),)),
        (b"[!]a]", (other_than(b"]a"),)),
        (b"[a-]", (one_of(b"a-"),)),
        (b"[-a]", (one_of(b"-a"),)),
        (b"[a-c-e]", (one_of(b"abc-e"),)),
        (rb"[\]a]", (one_of(b"]a"),)),
        (rb"[a-\c]", (one_of(b"abc"),)),
        (rb"[\a-c]", (one_of(b"abc"),)),
        (b"[[:digit:]]", (one_of(b"0123456789"),)),
        (b"[[:digit:]-z]", (one_of(b"0123456789-z"),)),
        (b"[[:blank:]a]", (one_of(b" \ta"),)),
        (b"[[:digi]", (one_of(b"[:digi"),)),
        (b"[[:]", (one_of(b"[:"),)),
        (b"[a/]b", (b"ab",)),
        (b"[[:none:]]", None),
        (b"[[:digit:", None),
        (b"[/]", None),
        (b"[a", None),
        (b"[", None),
        (b"[!", None),
        (b"[a\\", None),
        (b"*\\", None),
        (b"[!\x01-\x09\x0b-\xff]", (b"\n",)),
    ],
)
def test_a_pattern_becomes_parts(text: bytes, parts: Parts | None) -> None:
    assert parse_wild(text) == parts


def test_neighbouring_literals_are_joined() -> None:
    assert merge_parts((b"a", b"", byte_set(ord("b")), STAR, b"", b"c")) == (b"ab", STAR, b"c")
    assert merge_parts((b"",)) == ()


@pytest.mark.parametrize("text", [b"a*b", b"a**/b", b"[x-z]?", rb"\[*", b"[!a]x"])
def test_the_example_matches_its_pattern(text: bytes) -> None:
    parts = parse_wild(text)
    assert parts is not None
    assert re.fullmatch(parts_regex(parts), example(parts), re.DOTALL)
