"""What an artefact was found to hold when it was read back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is in one database of a dump, or in all of it where nothing else is known."""

    database: str
    """Its name; empty: there are none, or it holds all that belongs to none."""
    rows: int | None = None
    """Rows, or keys; None where nothing counts them."""
    tables: int | None = None
    size: int | None = None
    """Bytes of its text, or of the file; None where that says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is in one artefact."""

    parts: tuple[Part, ...]
    content: str = ""
    """What stands for its content; equal for two dumps of the same data. Empty where nothing does.
    """


class NotWhole(Exception):
    """An artefact is cut off, or is none of its kind; the message says what is wrong."""
