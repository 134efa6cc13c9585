"""The plan's stored form: JSON that a person can read, and that gives back an equal plan.

Owns the text of the values that a plan is made of. Positions in the manifest are left out, as they
are out of equality: moving a comment must not change what is stored.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TypeVar, cast

from engine.plan.kinds import SOURCE_KIND_NAMES
from engine.plan.model import FORMAT, Plan
from engine.plan.typed_json import Codec, Registry, TextForm, Unreadable, parse_json
from policy.calendar import Calendar, parse_calendar
from policy.checks import CHECK_KIND_NAMES
from policy.legs import KIND_NAMES
from policy.needs import FileNeed, SecretNeed, SourceNeed
from policy.patterns import (
    ANY,
    STAR,
    ByteSet,
    Component,
    PathPattern,
    byte_set,
    members,
    parse_component,
    parse_path_pattern,
)
from policy.secrets import SecretCommand, SecretCredential, SecretFile, SecretVariable
from policy.values import (
    AbsolutePath,
    ByteSize,
    Chmod,
    Duration,
    ItemKey,
    Percentage,
    Place,
    parse_absolute_path,
    parse_chmod,
    parse_duration,
    parse_item_key,
    parse_percentage,
    parse_place,
    parse_size,
)

Part = TypeVar("Part")


class PlanUnreadable(ValueError):
    """A stored plan that this version cannot read; the message says why."""


def plan_to_json(plan: Plan) -> str:
    """Write a plan; equal plans give equal text."""
    return _REGISTRY.dumps(Plan, plan)


def plan_from_json(text: str) -> Plan:
    """Read a stored plan. Raises `PlanUnreadable`."""
    try:
        document = parse_json(text)
        _check_format(document)
        _add_later_keys(document)
        return cast(Plan, _REGISTRY.codec(Plan).decode(document))
    except Unreadable as error:
        raise PlanUnreadable(f"the stored plan cannot be read: {error}") from None


def _check_format(document: object) -> None:
    """Another format is told as such, not as the first key that happens to be unknown in it."""
    if isinstance(document, dict) and document.get("format", FORMAT) != FORMAT:
        raise Unreadable(
            f"its format is {document['format']!r} and this version reads {FORMAT}: "
            "run `policyctl apply` with this version"
        )


def _add_later_keys(document: object) -> None:
    """What an earlier version wrote says nothing of what came after it: disks keep such plans."""
    if isinstance(document, dict):
        document.setdefault("drills", [])
        checks = document.get("checks", [])
        if isinstance(checks, list):
            document["checks"] = [_check_plan(one) for one in checks]


def _check_plan(one: object) -> object:
    """A check as it was stored before anything was derived for it."""
    if not isinstance(one, dict) or "check" in one:
        return one
    return {"allowed_age": None, "check": one, "longest_gap": None}


def part_to_json(hint: type[Part], part: Part) -> str:
    """Write something that is made of a plan's values, for another process."""
    return _REGISTRY.dumps(hint, part)


def part_from_json(hint: type[Part], text: str) -> Part:
    """Read it. Raises `PlanUnreadable`."""
    try:
        return cast(Part, _REGISTRY.codec(hint).decode(parse_json(text)))
    except Unreadable as error:
        raise PlanUnreadable(f"it cannot be read: {error}") from None


def plan_digest(plan: Plan) -> str:
    """The SHA-256 of the stored form, in hexadecimal: equal for equal plans."""
    return text_digest(plan_to_json(plan))


def text_digest(text: str) -> str:
    """The SHA-256 of a stored form that is at hand already."""
    return hashlib.sha256(text.encode()).hexdigest()


# ── Patterns ─────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=16384)
def _component_text(component: Component) -> bytes:
    return b"".join(_token_text(token) for token in component.tokens)


def _token_text(token: ByteSet) -> bytes:
    if token == STAR:
        return b"*"
    if token == ANY:
        return b"?"
    values = list(members(token))
    if len(values) == 1:
        return b"[%c]" % values[0] if values[0] in b"*?[" else bytes(values)
    others = list(members(ByteSet(ANY & ~token)))
    if len(others) < len(values):
        return b"[!" + _class_text(others) + b"]"
    return b"[" + _class_text(values) + b"]"


def _class_text(values: list[int]) -> bytes:
    """What stands inside brackets; whether the whole reads back is asked afterwards.

    A `]` is a member where it comes first, a `-` where it comes last; runs become ranges.
    """
    first = [one for one in values if one in b"]"]
    last = [one for one in values if one in b"!-"]
    between = [one for one in values if one not in b"]!-"]
    return bytes(first) + _ranges(between) + bytes(last)


def _ranges(values: list[int]) -> bytes:
    """Runs of four and more as a range."""
    parts: list[bytes] = []
    start = 0
    for end in range(1, len(values) + 1):
        if end == len(values) or values[end] != values[end - 1] + 1:
            run = bytes(values[start:end])
            parts.append(run if len(run) < 4 else run[:1] + b"-" + run[-1:])
            start = end
    return b"".join(parts)


def _pattern_text(pattern: PathPattern) -> str:
    return b"/".join(map(_component_text, pattern.components)).decode()


@lru_cache(maxsize=16384)
def _read_pattern(text: str) -> PathPattern:
    return parse_path_pattern(text.encode())


def _item_key_text(key: ItemKey) -> str:
    return (f"{key.source}:" if key.source else "/") + _pattern_text(key.pattern)


def _decode_byte_set(value: object) -> object:
    """Read the members as a list of byte values; the empty list is `*`."""
    if isinstance(value, list) and all(type(one) is int and 0 <= one < 256 for one in value):
        return byte_set(*value)
    raise Unreadable("a set of bytes is a list of numbers from 0 to 255")


# ── The registry ─────────────────────────────────────────────────────────────────────────────

PATHS_AS_TEXT: dict[type, TextForm] = {
    AbsolutePath: TextForm(
        lambda value: cast(AbsolutePath, value).text.decode(), parse_absolute_path
    ),
}
"""For other stored forms that hold paths."""

_REGISTRY = Registry(
    texts={
        **PATHS_AS_TEXT,
        ByteSize: TextForm(str, parse_size),
        Calendar: TextForm(lambda value: cast(Calendar, value).canonical(), parse_calendar),
        Chmod: TextForm(lambda value: cast(Chmod, value).text, parse_chmod),
        Component: TextForm(
            lambda value: _component_text(cast(Component, value)).decode(),
            lambda text: parse_component(text.encode()),
        ),
        Duration: TextForm(str, parse_duration),
        ItemKey: TextForm(lambda value: _item_key_text(cast(ItemKey, value)), parse_item_key),
        PathPattern: TextForm(lambda value: _pattern_text(cast(PathPattern, value)), _read_pattern),
        Percentage: TextForm(str, parse_percentage),
        Place: TextForm(str, parse_place),
    },
    kinds={
        **KIND_NAMES,
        **SOURCE_KIND_NAMES,
        **CHECK_KIND_NAMES,
        SecretFile: "file",
        SecretCredential: "credential",
        SecretVariable: "variable",
        SecretCommand: "command",
        SourceNeed: "source",
        FileNeed: "file",
        SecretNeed: "secret",
    },
    special={
        ByteSet: Codec(
            lambda value: list(members(cast(ByteSet, value))), _decode_byte_set, frozenset({list})
        ),
    },
)
