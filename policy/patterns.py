"""Patterns over the bytes of one path component, and paths made of them.

`*` is any run of bytes, `?` any one byte, `[a-z]` and `[!a-z]` one byte of a set. None matches
`/` or NUL; a leading dot is nothing special; case matters. A component is kept as a tuple of byte
sets, so that every question (does it match, does it lie inside another, do two meet) is one about
sets, and how a pattern was spelled never matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

ByteSet = NewType("ByteSet", int)
"""256 bits: bit n is set where byte n belongs to the set."""

NAME_MAX = 255
"""Longest name of one component, in bytes (limits.h, NAME_MAX)."""
PATH_MAX = 4095
"""Longest path, in bytes, without the closing NUL (limits.h, PATH_MAX)."""

_NUL, SLASH = 0, 0x2F
ANY = ByteSet(((1 << 256) - 1) & ~(1 << _NUL) & ~(1 << SLASH))
"""Every byte that a name can hold."""
STAR = ByteSet(0)
"""Stands for any run of bytes; as a set it would be empty, so it can be nothing else."""


class PatternError(ValueError):
    """The text is no pattern; the message says why and what to write."""


class PatternTooComplex(PatternError):
    """Telling which names a pattern, or two of them, match would take too long."""

    def __init__(self, message: str, components: tuple[Component, ...]) -> None:
        self.components = components
        super().__init__(message)


def byte_set(*values: int) -> ByteSet:
    """Build a set from byte values."""
    return ByteSet(sum(1 << value for value in set(values)))


def members(byte_set_: ByteSet) -> Iterator[int]:
    """Yield the bytes of a set in ascending order."""
    rest = int(byte_set_)
    while rest:
        low = rest & -rest
        yield low.bit_length() - 1
        rest ^= low


def lowest(byte_set_: ByteSet) -> int:
    """Give a readable member: a lower-case letter where there is one, else the smallest byte."""
    letters = int(byte_set_) & (((1 << 26) - 1) << ord("a"))
    chosen = letters or int(byte_set_)
    return (chosen & -chosen).bit_length() - 1


@dataclass(frozen=True, slots=True)
class Component:
    """A pattern for one name: byte sets in order, `STAR` for a run."""

    tokens: tuple[ByteSet, ...]

    @property
    def literal(self) -> bytes | None:
        """The one name it matches, or None where it matches more than one."""
        return _literal(self)

    def matches(self, name: bytes) -> bool:
        """Whether the whole name matches."""
        literal = _literal(self)
        if literal is not None:
            return name == literal
        return machine_of(self).matches(name)

    def matching(self, names: Iterable[bytes]) -> Iterator[bytes]:
        """Those of many names that match; quicker than asking for each."""
        return filter(machine_of(self).matches, names)

    def example(self) -> bytes:
        """Give a name that it matches, as short as can be."""
        return bytes(lowest(token) for token in self.tokens if token != STAR) or b"x"

    def __str__(self) -> str:
        return "".join(_token_text(token) for token in self.tokens)


def literal_component(name: bytes) -> Component:
    """Build the pattern that matches just this name."""
    return Component(tuple(byte_set(value) for value in name))


def _token_text(token: ByteSet) -> str:
    if token == STAR:
        return "*"
    if token == ANY:
        return "?"
    values = list(members(token))
    if len(values) == 1:
        text = bytes(values).decode("utf-8", "backslashreplace")
        return f"[{text}]" if text in "*?[" else text
    negated = len(values) > len(list(members(ByteSet(ANY & ~token))))
    shown = list(members(ByteSet(ANY & ~token))) if negated else values
    return "[" + ("!" if negated else "") + bytes(shown).decode("utf-8", "backslashreplace") + "]"


@lru_cache(maxsize=16384)
def _literal(component: Component) -> bytes | None:
    values = bytearray()
    for token in component.tokens:
        if token == STAR or token & (token - 1):
            return None
        values.append(token.bit_length() - 1)
    return bytes(values)


@dataclass(frozen=True, slots=True)
class Machine:
    """A component as an automaton: with n tokens its states are the positions 0..n.

    A set of positions is one integer, so a step costs a few integer operations whatever the
    pattern: no name and no pattern can make a match slow.
    """

    accepts: tuple[int, ...]
    """For each byte value the positions whose token takes it."""
    stars: int
    final: int
    head: bytes
    """The literal bytes that every match begins with: most names fail here already."""
    tail: bytes
    """The literal bytes that every match ends with."""

    def matches(self, name: bytes) -> bool:
        """Whether the whole name matches."""
        if not (name.startswith(self.head) and name.endswith(self.tail)):
            return False
        states = self.start()
        for value in name:
            states = self.step(states, value)
        return bool(states & self.final)

    def start(self) -> int:
        """The positions before the first byte."""
        return self._close(1)

    def step(self, states: int, value: int) -> int:
        """The positions after one more byte."""
        return self._close(((states & self.accepts[value]) << 1) | (states & self.stars))

    def _close(self, states: int) -> int:
        # Two stars never stand side by side, so one pass reaches everything.
        return states | (states & self.stars) << 1


@lru_cache(maxsize=16384)
def machine_of(component: Component) -> Machine:
    """The automaton of a component, made once."""
    accepts = [0] * 256
    stars = 0
    for index, token in enumerate(component.tokens):
        if token == STAR:
            stars |= 1 << index
        else:
            for value in members(token):
                accepts[value] |= 1 << index
    head = bytes(_literal_run(component.tokens))
    tail = bytes(_literal_run(component.tokens[::-1]))[::-1]
    return Machine(tuple(accepts), stars, 1 << len(component.tokens), head, tail)


def _literal_run(tokens: tuple[ByteSet, ...]) -> Iterator[int]:
    """The bytes up to the first token that is not a single one."""
    for token in tokens:
        if token == STAR or token & (token - 1):
            return
        yield token.bit_length() - 1


def parse_component(text: bytes) -> Component:
    """Read one component. Raises `PatternError`."""
    if text in {b".", b".."}:
        raise PatternError(f"a component must not be {text.decode()!r}")
    tokens: list[ByteSet] = []
    at = 0
    while at < len(text):
        char = text[at : at + 1]
        if char == b"*":
            if tokens and tokens[-1] == STAR:
                raise PatternError("`**` is not part of the language: `*` never crosses a `/`")
            tokens.append(STAR)
            at += 1
        elif char == b"?":
            tokens.append(ANY)
            at += 1
        elif char == b"[":
            token, at = _parse_class(text, at + 1)
            tokens.append(token)
        else:
            tokens.append(_byte(text[at]))
            at += 1
    component = Component(tuple(tokens))
    _check_length(component)
    return component


def _byte(value: int) -> ByteSet:
    if value == _NUL:
        raise PatternError("a name cannot hold a NUL byte")
    return byte_set(value)


def _parse_class(text: bytes, at: int) -> tuple[ByteSet, int]:
    """Read a class after its `[`; a `]` that comes first is a member, as in glob(7)."""
    negated = text[at : at + 1] == b"!"
    at += negated
    first, values = at, 0
    while at < len(text) and (text[at] != ord("]") or at == first):
        low = high = text[at]
        if text[at + 1 : at + 2] == b"-" and at + 2 < len(text) and text[at + 2] != ord("]"):
            high = text[at + 2]
            at += 2
        if high < low:
            raise PatternError(f"the range {chr(low)}-{chr(high)} runs backwards")
        values |= ((1 << (high - low + 1)) - 1) << low
        at += 1
    if at >= len(text):
        raise PatternError("a `[` is never closed; for the character itself write `[[]`")
    found = ByteSet((ANY & ~values) if negated else (ANY & values))
    if found == 0:
        raise PatternError("a `[…]` matches no byte")
    return found, at + 1


def _check_length(component: Component) -> None:
    least = sum(1 for token in component.tokens if token != STAR)
    if least > NAME_MAX:
        raise PatternError(f"a name has at most {NAME_MAX} bytes; this one needs {least}")


def canonical(component: Component) -> Component:
    """Write `*?` as `?*`, and `?*` alone as `*`: the same names, and one spelling to compare."""
    tokens = list(component.tokens)
    at = 0
    while at + 1 < len(tokens):
        if tokens[at] == STAR and tokens[at + 1] == ANY:
            tokens[at], tokens[at + 1] = tokens[at + 1], tokens[at]
            at = max(0, at - 1)
        else:
            at += 1
    squeezed = [
        one
        for index, one in enumerate(tokens)
        if one != STAR or index == 0 or tokens[index - 1] != STAR
    ]
    # No name is empty.
    return Component((STAR,) if squeezed == [ANY, STAR] else tuple(squeezed))


@dataclass(frozen=True, slots=True)
class PathPattern:
    """Components below a source's root; the empty tuple is the root itself."""

    components: tuple[Component, ...] = ()

    def matches_prefix(self, names: tuple[bytes, ...]) -> bool:
        """Whether the path is this one or lies below it."""
        return len(names) >= len(self.components) and all(
            component.matches(name) for component, name in zip(self.components, names, strict=False)
        )

    @property
    def literal(self) -> tuple[bytes, ...] | None:
        """The names of the one path it starts from, None where a wildcard is in it."""
        names = tuple(component.literal for component in self.components)
        return None if None in names else tuple(name for name in names if name is not None)

    def example(self) -> bytes:
        """Give a path that it matches, relative to the root."""
        return b"/".join(component.example() for component in self.components)

    def __str__(self) -> str:
        return "/" + "/".join(str(component) for component in self.components)


def parse_path_pattern(text: bytes) -> PathPattern:
    """Read components joined by `/`, without leading or trailing slash. Raises `PatternError`."""
    if text == b"":
        return PathPattern()
    parts = text.split(b"/")
    if b"" in parts:
        raise PatternError("an empty component (`//`, or a slash at the end)")
    if len(text) > PATH_MAX:
        raise PatternError(f"a path has at most {PATH_MAX} bytes; this one has {len(text)}")
    return PathPattern(tuple(parse_component(part) for part in parts))
