"""A part of the policy as facts: the manifest's words for its values, each as text.

Two parts are compared, and shown to a person, by their facts. Nothing is decided by them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from policy.calendar import Calendar
from policy.checks import Header
from policy.legs import FetchedFile
from policy.needs import FileNeed, Need, SecretNeed, SourceNeed, kept_outside
from policy.parts import Hook
from policy.patterns import Component, PathPattern
from policy.routes import Stop
from policy.secrets import Secret, SecretCommand, SecretCredential, SecretFile, SecretVariable
from policy.values import (
    AbsolutePath,
    ByteSize,
    Chmod,
    Duration,
    ItemKey,
    Percentage,
    Place,
    display,
)

Facts = Mapping[str, str]
"""What is said of a part, by the manifest's key. What is not said has no key."""

_KEYS = {
    "takes": "from",
    "finally_": "finally",
    "limits whole": "timeout",
    "limits each": "timeout each",
    "limits incremental": "timeout incremental",
    "idle": "idle priority",
    "deleted_keep": "deleted keep",
    "tolerate_unreadable": "tolerate unreadable",
    "sometimes": "presence sometimes",
}
"""Keys whose names in the manifest differ from those of the fields."""
_SELF_SAID = frozenset({"name", "text", "was", "key", "pattern", "anchored", "directory"})
"""Fields that name the part, or that its name says already."""
_TEXTS = (AbsolutePath, ByteSize, Component, Duration, Percentage, Place, PathPattern)


def facts_of(part: object) -> dict[str, str]:
    """The facts of a dataclass; its name and what it was called before are not among them."""
    found: dict[str, str] = {}
    for prefix, value in _members(part, ""):
        if prefix not in _SELF_SAID:
            _collect(prefix, value, found)
    return found


def differences(before: Facts, after: Facts) -> tuple[str, ...]:
    """One line for each fact that two parts do not share."""
    return tuple(
        f"{key}: {before.get(key, 'not set')} → {after.get(key, 'not set')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def stated(facts: Facts) -> tuple[str, ...]:
    """One line for each fact."""
    return tuple(f"{key}: {value}" for key, value in sorted(facts.items()))


def _members(part: object, prefix: str) -> Iterator[tuple[str, object]]:
    if not is_dataclass(part):
        raise TypeError(f"{part!r} has no facts")
    for one in fields(part):
        if one.compare:
            yield f"{prefix} {one.name}".strip(), getattr(part, one.name)


def _collect(key: str, value: object, found: dict[str, str]) -> None:
    if value is None or value is False or value in {(), ""}:
        return
    text = text_of(value)
    if text is not None:
        found[_KEYS.get(key, key.replace("_", " "))] = text
        return
    for inner, member in _members(value, key):
        _collect(inner, member, found)


def text_of(value: object) -> str | None:
    """A value on one line; None where it has to be told field by field."""
    match value:
        case bool():
            return "yes" if value else "no"
        case str() | bytes():
            return display(value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
        case enum.Enum():
            return str(value.value)
        case tuple():
            return ", ".join(_item_text(one) for one in value)
        case Calendar():
            return calendar_text(value)
        case _:
            return _written(value)


def _item_text(item: object) -> str:
    """One of several values; a pair is a key and what it is set to."""
    if isinstance(item, tuple):
        return " = ".join(_item_text(one) for one in item)
    return text_of(item) or "…"


def age_text(seconds: int) -> str:
    """A length of time that follows from others: hours and minutes, as alerts count."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}h {rest // 60}m" if rest >= 60 else f"{hours}h"


def _written(value: object) -> str | None:
    match value:
        case Chmod():
            return value.text
        case ItemKey():
            return f"{value.source}:{value.pattern}"
        case Stop():
            return f"after {value.after} ({display(value.reason.encode())})"
        case Hook():
            return f"{_command(value.run)} (at most {value.timeout})"
        case FetchedFile():
            return f"{display(value.name.encode())} = {_command(value.run)}"
        case Header():
            where = _secret(value.secret) if value.secret is not None else value.value
            return f"{value.name}: {display(where.encode('utf-8', 'replace'))}"
        case SourceNeed() | FileNeed() | SecretNeed():
            return _need(value)
        case _:
            return str(value) if isinstance(value, (int, *_TEXTS)) else None


def _need(need: Need) -> str:
    inside = f"in {need.inside}" if isinstance(need, SecretNeed) and need.inside else ""
    kept = kept_outside(need)
    where = [inside, f"kept: {display(kept.encode('utf-8', 'replace'))}" if kept else ""]
    words = "; ".join(filter(None, where))
    return f"{need} ({words})" if words else str(need)


def _secret(secret: Secret) -> str:
    """Where it is found."""
    match secret:
        case SecretFile():
            return f"(in the file {secret.path})"
        case SecretCredential():
            return f"(the credential {secret.name})"
        case SecretVariable():
            return f"(the variable {secret.name})"
        case SecretCommand():
            return f"(what {' '.join(secret.run)} prints)"


def _command(arguments: tuple[str, ...]) -> str:
    return display(" ".join(arguments).encode("utf-8", "replace"))


def calendar_text(calendar: Calendar) -> str:
    """A calendar as short as systemd still reads it the same."""
    return calendar.canonical().replace("*-*-* ", "").removesuffix(":00")
