"""A manifest as a tree of nodes that know where they stand, however it was written."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.diagnostics import Origin

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A leaf: its value under the YAML 1.2 core rules, and the text as it was written."""

    value: Plain
    text: str
    origin: Origin


@dataclass(slots=True, kw_only=True)
class Mapping:
    """Keys in file order; each key carries its own position."""

    origin: Origin
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Origin] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Sequence:
    """Values in file order."""

    origin: Origin
    items: list[Node] = field(default_factory=list)


Node = Scalar | Mapping | Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A manifest's text, read: the root node and its lines for messages."""

    file: str
    root: Node
    lines: tuple[str, ...]


def plain(node: Node) -> object:
    """Give the node as plain Python data, for the schema validator."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key: plain(item) for key, item in node.items.items()}


def find(root: Node, path: list[str | int]) -> Node:
    """Follow a path of keys and indexes as far as it leads."""
    node = root
    for step in path:
        following = _child(node, step)
        if following is None:
            break
        node = following
    return node


def _child(node: Node, step: str | int) -> Node | None:
    match node, step:
        case Mapping(), str():
            return node.items.get(step)
        case Sequence(), int() if step < len(node.items):
            return node.items[step]
        case _:
            return None
