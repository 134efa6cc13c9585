"""The wildcards of rsync's filter patterns, as rsync's own matcher reads them.

rsync(1), "PATTERN MATCHING RULES": `*` and `?` stop at a slash, `**` crosses it, `[…]` is a set
of bytes. What the manual leaves open (where a class begins and ends, what is malformed) follows
rsync's matcher and is checked against the real one in the tests. A text becomes parts, so that
nothing downstream ever looks at the spelling again.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence

from policy.patterns import ANY, STAR, ByteSet, byte_set, lowest, members

CROSS = ByteSet(-1)
"""Stands for any run of bytes, slashes too (`**`); no set is negative, so it is nothing else."""

Part = bytes | ByteSet
"""Literal bytes, or one byte of a set, or `STAR`, or `CROSS`."""
Parts = tuple[Part, ...]

_CLASSES = {
    # The C locale's: the engine runs rsync under it.
    b"alnum": string.ascii_letters + string.digits,
    b"alpha": string.ascii_letters,
    b"blank": " \t",
    b"cntrl": "".join(map(chr, (*range(1, 32), 127))),
    b"digit": string.digits,
    b"graph": "".join(map(chr, range(33, 127))),
    b"lower": string.ascii_lowercase,
    b"print": "".join(map(chr, range(32, 127))),
    b"punct": string.punctuation,
    b"space": string.whitespace,
    b"upper": string.ascii_uppercase,
    b"xdigit": string.hexdigits,
}


class _MatchesNothingError(Exception):
    """The pattern is malformed: rsync accepts it, and no name ever matches it."""


def parse_wild(text: bytes) -> Parts | None:
    """Read a pattern that holds a wildcard; None where it can match nothing."""
    try:
        return merge_parts(_tokens(text))
    except _MatchesNothingError:
        return None


def merge_parts(tokens: Iterator[Part] | Sequence[Part]) -> Parts:
    """Join neighbouring literals; a set of one byte is a literal too."""
    parts: list[Part] = []
    for token in tokens:
        single = token if isinstance(token, bytes) else _single(token)
        if single is None:
            parts.append(token)
        elif parts and isinstance(parts[-1], bytes):
            parts[-1] += single
        elif single:
            parts.append(single)
    return tuple(parts)


def _single(token: ByteSet) -> bytes | None:
    if token > 0 and not token & (token - 1):
        return bytes([token.bit_length() - 1])
    return None


def _tokens(text: bytes) -> Iterator[Part]:
    at = 0
    while at < len(text):
        char = text[at : at + 1]
        if char == b"*":
            end = at + 1
            while text[end : end + 1] == b"*":
                end += 1
            yield STAR if end == at + 1 else CROSS
            at = end
        elif char == b"?":
            yield ANY
            at += 1
        elif char == b"[":
            found, at = _ClassReader(text, at + 1).read()
            yield found
        else:
            if char == b"\\":
                at += 1
                if at == len(text):
                    raise _MatchesNothingError
            yield text[at : at + 1]
            at += 1


class _ClassReader:
    """Reads one `[…]`, byte for byte in the order in which rsync does."""

    def __init__(self, text: bytes, at: int) -> None:
        self._text = text
        self._at = at
        self._found = 0
        self._previous = 0
        """Where a range would begin; 0 after a range or a named class."""

    def read(self) -> tuple[ByteSet, int]:
        negated = self._text[self._at : self._at + 1] in {b"!", b"^"}
        self._at += negated
        while True:
            # The first member is read before the end is looked for: `[]a]` holds a bracket.
            self._member()
            if self._peek() == ord("]"):
                break
        found = ByteSet(ANY & ~self._found if negated else ANY & self._found)
        if not found:
            raise _MatchesNothingError
        return found, self._at + 1

    def _peek(self, ahead: int = 0) -> int:
        at = self._at + ahead
        return self._text[at] if at < len(self._text) else 0

    def _take(self) -> int:
        if self._at >= len(self._text):
            raise _MatchesNothingError
        self._at += 1
        return self._text[self._at - 1]

    def _take_unescaped(self) -> int:
        value = self._take()
        return self._take() if value == ord("\\") else value

    def _member(self) -> None:
        value = self._take()
        if value == ord("\\"):
            self._single(self._take())
        elif value == ord("-") and self._previous and self._peek() not in {0, ord("]")}:
            low, high = self._previous, self._take_unescaped()
            if low <= high:
                self._found |= ((1 << (high - low + 1)) - 1) << low
            self._previous = 0
        elif value == ord("[") and self._peek() == ord(":"):
            self._named_class()
        else:
            self._single(value)

    def _single(self, value: int) -> None:
        self._found |= 1 << value
        self._previous = value

    def _named_class(self) -> None:
        """Read on after `[` where a `:` follows; without `:]` it is a bracket like any other."""
        end = self._text.find(b"]", self._at + 1)
        if end < 0:
            raise _MatchesNothingError
        if end == self._at + 1 or self._text[end - 1] != ord(":"):
            self._single(ord("["))
            return
        named = _CLASSES.get(self._text[self._at + 1 : end - 1])
        if named is None:
            raise _MatchesNothingError
        self._found |= byte_set(*named.encode())
        self._previous = 0
        self._at = end + 1


def parts_regex(parts: Parts) -> bytes:
    """Write parts as a regular expression: a second, independent way to match."""
    return b"".join(_part_regex(part) for part in parts)


def _part_regex(part: Part) -> bytes:
    if isinstance(part, bytes):
        return re.escape(part)
    if part == STAR:
        return b"[^/]*"
    if part == CROSS:
        return b".*"
    return b"[" + b"".join(b"\\x%02x" % value for value in members(part)) + b"]"


def example(parts: Parts) -> bytes:
    """Give a text that the parts match, readable where they allow it."""
    return b"".join(
        part if isinstance(part, bytes) else b"x" if part <= 0 else bytes([lowest(part)])
        for part in parts
    )
