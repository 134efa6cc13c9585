"""Paths as text, for files that hold text."""

from __future__ import annotations

from policy.values import AbsolutePath


def as_text(path: AbsolutePath) -> str:
    """The path as text; what is no UTF-8 becomes what the quoting filters refuse."""
    return path.text.decode("utf-8", "surrogateescape")
