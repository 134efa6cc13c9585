"""A page of the docs, and what all pages have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.promises.objectives import hours
from renderers.environment import fill

NOTHING = "–"
"""In a cell that says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One file of the docs."""

    path: str
    """From the folder of the docs, with slashes; made of names that a manifest can have."""
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, its cells quoted already."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table; what says nothing gets a sign that it is meant."""
    filled = (tuple(cell or NOTHING for cell in row) for row in rows)
    return Table(header=tuple(header), rows=tuple(filled))


def page(path: str, template: str, **values: object) -> Page:
    """A page by its template."""
    return Page(path=path, content=fill(f"docs/{template}.j2", up=_up(path), **values))


def _up(path: str) -> str:
    """How a link leads from a page to the folder of all pages."""
    return "../" * path.count("/")


def lasting(seconds: int | None) -> str:
    """A length of time; empty where none is known."""
    return hours(seconds) if seconds is not None else ""


def listed(parts: Iterable[str]) -> str:
    """Several quoted values in one cell, each on a line of its own."""
    return "<br>".join(dict.fromkeys(part for part in parts if part))
