"""A draft's text: what is written into YAML so that it reads back the same, and comments. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from policy.values import display, parse_absolute_path

WIDTH = 110
GUESS = "GUESS: "
"""Begins what was not seen, but taken for granted."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")
_WILD = frozenset("*?[")


def scalar(text: str) -> str:
    """Write text as a YAML scalar: bare where that is sure to read back as this very text."""
    bare = text and set(text) <= _PLAIN and text[0] in "/" and not text.endswith(":")
    return text if bare else quoted(text)


def quoted(text: str) -> str:
    """Write text in double quotes, with an escape for all that does not print (YAML 1.2, 5.7)."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def route_key(path: str) -> str:
    """Write a path as a key of `routes` that matches nothing else."""
    return scalar(_literal(path))


def ignore_key(path: str) -> str:
    """Write a directory as a key of `ignore`, anchored at the root."""
    return quoted(f"{_literal(path)}/")


def item_key(source: str, item: str) -> str:
    """Write an item of a source as such a key."""
    return quoted(f"{source}:{_literal(item)}")


def _literal(text: str) -> str:
    """The pattern of this very text: wildcards in it are but characters."""
    return "".join(f"[{char}]" if char in _WILD else char for char in text)


def heading(text: str) -> list[str]:
    """Begin a section."""
    return ["", f"# ── {text} ".ljust(96, "─")]


def comment(text: str, indent: str = "") -> list[str]:
    """Write a comment, on as many lines as it needs."""
    head = f"{indent}# "
    one_line = display(text.encode("utf-8", "surrogateescape"))
    return textwrap.wrap(
        one_line,
        WIDTH,
        initial_indent=head,
        subsequent_indent=head,
        break_long_words=False,
        break_on_hyphens=False,
    )


def listed(names: Iterable[bytes], *, most: int = 12) -> str:
    """Some names in one sentence, and how many more there are."""
    every = [display(name) for name in names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def writable(path: bytes) -> str | None:
    """A path as the manifest can name it; None where it holds what no text can, or should."""
    try:
        text = path.decode()
        parse_absolute_path(text)
    except ValueError:
        return None
    return text if text.isprintable() else None
