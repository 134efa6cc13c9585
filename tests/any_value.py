"""A hypothesis strategy for any frozen dataclass, from its type hints alone."""

import enum
import types
from dataclasses import fields, is_dataclass
from typing import Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from policy.calendar import Calendar, parse_calendar
from policy.patterns import ANY, STAR, ByteSet, byte_set, parse_path_pattern
from policy.values import AbsolutePath, Duration, Percentage, Place

CALENDARS = ("02:00", "Sun 05:00", "*:0/15", "*-*-01,15 04:30:10", "Mon..Fri,Sun 00/6:00", "yearly")
PATTERNS = ("", "immich", "*/x[a-f]y", "[*]?", "a\\b/ü *", "[!x]", "#-;$%", "[]a-]", "[^-]")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.lists(
    st.binary(min_size=1, max_size=5).filter(lambda name: b"/" not in name), max_size=3
)
SPECIAL = {
    str: TEXT,
    int: st.integers(),
    bool: st.booleans(),
    bytes: st.binary(max_size=5),
    type(None): st.none(),
    AbsolutePath: NAMES.map(lambda names: AbsolutePath(tuple(names))),
    ByteSet: st.one_of(
        st.just(ANY),
        st.just(STAR),
        st.sampled_from(b"ab*?[]\\-!^/\xff\n").map(byte_set),
        st.sets(st.integers(1, 255), min_size=1, max_size=5).map(lambda some: byte_set(*some)),
    ),
    Calendar: st.sampled_from(CALENDARS).map(parse_calendar),
    Duration: st.integers(0, 10**10).map(Duration),
    Percentage: st.integers(-1, 100_001).map(Percentage),
    Place: st.builds(Place, TEXT, TEXT),
}


def any_value(hint):
    """Any value of the type: also such as no manifest could give."""
    if hint in SPECIAL:
        return SPECIAL[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return st.one_of([any_value(one) for one in arguments])
    if origin is tuple and arguments[-1] is ...:
        return st.lists(any_value(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(any_value(one) for one in arguments))
    if issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    assert isinstance(hint, type), hint
    assert is_dataclass(hint), hint
    hints = get_type_hints(hint)
    return st.deferred(
        lambda: st.builds(
            hint, **{one.name: any_value(hints[one.name]) for one in fields(hint) if one.compare}
        )
    )


def any_pattern():
    """Patterns that a manifest can hold, those that are hard to write among them."""
    return st.sampled_from(PATTERNS).map(lambda text: parse_path_pattern(text.encode()))
