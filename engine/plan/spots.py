"""Spots: a pattern of paths at one holder, and the name by which people call it.

The name is the manifest's own notation, so that a pattern and a path that only looks like one never
share it: `sda:/immich`, `sda:/*/cache`, `sda:/[*]`.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.plan.model import Location
from policy.pattern_relations import lies_inside
from policy.patterns import (
    ANY,
    STAR,
    ByteSet,
    Component,
    PathPattern,
    PatternTooComplex,
    literal_component,
    members,
    parse_path_pattern,
)
from policy.values import display

_SPECIAL = frozenset(b"*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """All paths at a destination or in a source that a pattern matches, with all below them."""

    holder: str
    """Name of the destination or source."""
    pattern: PathPattern

    @property
    def text(self) -> bytes:
        """The pattern in a form that `parse_path_pattern` reads back."""
        return b"/".join(map(_component_text, self.pattern.components))

    @property
    def name(self) -> bytes:
        """The whole spot as bytes: `holder:/pattern`."""
        return self.holder.encode() + b":/" + self.text

    def __str__(self) -> str:
        return display(self.name)


def spot(holder: str, text: bytes) -> Spot:
    """The spot of that text. Raises `PatternError`."""
    return Spot(holder=holder, pattern=parse_path_pattern(text))


def spot_named(name: bytes) -> Spot:
    """Read `holder:/pattern`. Raises `PatternError`."""
    holder, _, text = name.partition(b":/")
    return spot(holder.decode(), text)


def spot_below(root: Location, pattern: PathPattern = PathPattern()) -> Spot:  # noqa: B008 - a constant
    """What a pattern matches below a directory."""
    head = tuple(literal_component(name) for name in root.names)
    return Spot(holder=root.holder, pattern=PathPattern(head + pattern.components))


def literal_head(pattern: PathPattern) -> tuple[bytes, ...]:
    """The names before the first wildcard."""
    names = []
    for component in pattern.components:
        if component.literal is None:
            break
        names.append(component.literal)
    return tuple(names)


def below(pattern: PathPattern, names: tuple[bytes, ...]) -> PathPattern | None:
    """What of a pattern may lie in a directory, counted from there; None where nothing does.

    Where the directory itself lies in it, all that is there does.
    """
    shared = zip(pattern.components, names, strict=False)
    if not all(one.matches(name) for one, name in shared):
        return None
    return PathPattern(pattern.components[len(names) :])


def crossing(one: PathPattern, other: PathPattern) -> PathPattern | None:
    """The pattern of what both match, where neither is all of it; None where that is no pattern."""
    found: list[Component] = []
    for mine, theirs in zip(one.components, other.components, strict=False):
        try:
            inner = mine if lies_inside(mine, theirs) else theirs
            if inner is theirs and not lies_inside(theirs, mine):
                return None
        except PatternTooComplex:
            return None
        found.append(inner)
    longer = max(one.components, other.components, key=len)
    both = PathPattern((*found, *longer[len(found) :]))
    return both if both not in {one, other} else None


def covers(outer: PathPattern, inner: PathPattern) -> bool:
    """Whether all that the second matches lies in what the first does; False where unsure."""
    pairs = zip(outer.components, inner.components, strict=False)
    try:
        return len(outer.components) <= len(inner.components) and all(
            lies_inside(mine, theirs) for theirs, mine in pairs
        )
    except PatternTooComplex:
        return False


def _component_text(component: Component) -> bytes:
    return b"".join(map(_token_text, component.tokens))


def _token_text(token: ByteSet) -> bytes:
    if token == STAR:
        return b"*"
    if token == ANY:
        return b"?"
    values = list(members(token))
    if len(values) == 1 and values[0] not in _SPECIAL:
        return bytes(values)
    return b"[" + _class_text(values) + b"]"


def _class_text(values: list[int]) -> bytes:
    """Members in an order in which none is taken for a sign: `]` first, then all, `!` and `-`."""
    signs = [ord("]"), ord("!"), ord("-")]
    plain = bytes(value for value in values if value not in signs)
    bracket, bang, dash = (bytes([one]) if one in values else b"" for one in signs)
    if not bracket and not plain:
        return dash + bang
    return bracket + plain + bang + dash
