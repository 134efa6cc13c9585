"""Paths and lengths of time as text."""

from __future__ import annotations

import base64

from policy.values import display
from policyctl.views.console import Json


def path_json(path: bytes, key: str = "path") -> dict[str, Json]:
    """A path as JSON: `path` where it is UTF-8, else `path_b64`."""
    try:
        return {key: path.decode()}
    except UnicodeDecodeError:
        return {f"{key}_b64": base64.b64encode(path).decode()}


def counted(number: int, one: str, several: str = "") -> str:
    """A number of things: `1 file`, `2 files`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def show_path(path: bytes) -> str:
    """A path on one line."""
    return display(path)


def show_text(text: str) -> str:
    """A line of the manifest, such as a route's key, on one line."""
    return display(text.encode("utf-8", "surrogateescape"))
