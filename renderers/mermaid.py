"""Diagrams for Mermaid: names of nodes are ours, and each label stands for itself."""

from __future__ import annotations

import string
from collections.abc import Iterable

from policy.values import display

_PLAIN = frozenset(string.ascii_letters + string.digits + " .,:/()-+=@_?")


def label(value: object) -> str:
    """A quoted label; characters that Mermaid or HTML would read are written by their numbers."""
    return f'"{inner(value)}"'


def inner(value: object) -> str:
    """What stands between the quotes."""
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    text = "".join(map(_char, display(data)))
    # A space at an end would be taken away.
    if text.endswith(" "):
        text = text[:-1] + "#32;"
    return "#32;" + text[1:] if text.startswith(" ") else text


def lines(*parts: object) -> str:
    """A label of several lines."""
    return '"' + "<br/>".join(inner(part) for part in parts if str(part)) + '"'


def _char(char: str) -> str:
    if char in _PLAIN or (ord(char) > 0x7F and char.isprintable()):
        return char
    return f"#{ord(char)};"


class Names:
    """Names of nodes: Mermaid takes some words for its own, so no node is called as it is."""

    def __init__(self) -> None:
        self._known: dict[object, str] = {}

    def of(self, key: object) -> str:
        """The node's name: the same for the same thing."""
        return self._known.setdefault(key, f"n{len(self._known)}")


def diagram(kind: str, body: Iterable[str]) -> tuple[str, ...]:
    """All lines of a diagram."""
    return (kind, *(f"  {line}" for line in body))
