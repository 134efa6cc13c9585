"""Runbooks as data: sentences, and commands as lists of words. Each format quotes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """Something of the manifest or of a command within a sentence, to be shown as it is."""

    text: bytes

    @staticmethod
    def of(text: object) -> Code:
        """From anything that has a text."""
        return Code(str(text).encode())


@dataclass(frozen=True, slots=True)
class Said:
    """A person's own words, from the manifest."""

    text: str


Text = tuple[str | Code | Said, ...]
"""A paragraph: words of ours, and what comes from elsewhere."""


@dataclass(frozen=True, slots=True)
class Variable:
    """What a person has filled in, as a word of a command."""

    name: str
    after: str = ""
    """Only what follows the last of these characters; empty: all of it."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One word, made of several pieces."""

    pieces: tuple[bytes | Variable, ...]


Word = bytes | Variable | Joined
Command = tuple[Word, ...]
"""One command: its program and its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """What a person fills in before the commands after it are typed."""

    name: str
    example: bytes
    what: str
    """What belongs there, in our words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to do."""

    text: Text
    blanks: tuple[Blank, ...] = ()
    commands: tuple[Command, ...] = ()
    lines: tuple[str, ...] = ()
    """Lines for a shell as they stand, after the commands: those that need a pipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What to do about one kind of loss."""

    title: str
    intro: tuple[Text, ...] = ()
    columns: tuple[str, str] = ("", "")
    listing: tuple[tuple[Text, Text], ...] = ()
    """What there is, line by line: the thing, and what is to be known of it."""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """All kinds of loss of one subject."""

    subject: str
    """Name of the source or destination; empty: the whole machine."""
    title: str
    intro: tuple[Text, ...]
    sections: tuple[Section, ...]
    outro: tuple[Text, ...] = ()
