"""Values in Markdown: what a page shows is what the manifest says, whatever characters are in it.

Pages are CommonMark with GitHub's tables. Each place of a page has its own quoting: text, a cell of
a table, code, a block of code.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from policy.values import display

WIDTH = 100
_ALWAYS = re.compile(r"[\\`*_{}\[\]<>#|~&!$^]")
_LINE_START = re.compile(r"(?:[-+=]+|[0-9]{1,9}[.)])$")
"""Words that would begin a list, a rule or a heading, if a line began with them."""
_BREAK, _KEPT = " ", "\0"
"""Where a line may be broken, and a space within code, where it may not."""


def text(value: object) -> str:
    """Text that stands for itself; its lines may be broken at spaces."""
    return _BREAK.join(map(_word, _shown(value).split()))


def cell(value: object) -> str:
    """The same within a table, where no line begins, and a bar would end the cell."""
    plain = " ".join(_ALWAYS.sub(r"\\\g<0>", word) for word in _shown(value).split())
    return plain.replace("\\|", "&#124;")


def code(value: object) -> str:
    """Something of a command or the manifest, as it is."""
    shown = _shown(value)
    if not shown.strip():
        return f"<code>{_entities(shown)}</code>"
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def code_cell(value: object) -> str:
    """The same within a table: no code of Markdown's own holds a bar there."""
    shown = _shown(value)
    return f"<code>{_entities(shown)}</code>" if "|" in shown else code(shown)


def block(language: str, lines: Iterable[str]) -> str:
    """Lines that stand for themselves: a program's input."""
    body = "\n".join(lines)
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"{ticks}{language}\n{body}\n{ticks}"


def paragraph(pieces: Iterable[str], *, first: str = "", rest: str = "") -> str:
    """Pieces of text and code, made above, as lines of the pages' width."""
    joined = "".join(map(_unbroken, pieces))
    lines = textwrap.wrap(
        joined,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(_KEPT, " ")


def words(said: str) -> str:
    """A sentence of ours, in which back-ticks mark what is typed."""
    pieces = said.split("`")
    if len(pieces) % 2 == 0:
        return text(said)
    return "".join(
        code(piece) if at % 2 else _spaced(piece) for at, piece in enumerate(pieces) if piece
    )


def words_cell(said: str) -> str:
    """The same within a table."""
    return cell(said) if "|" in said else words(said)


def _spaced(piece: str) -> str:
    """Text between two pieces of code keeps the space beside each."""
    before, after = piece[:1].isspace(), piece[-1:].isspace()
    return " " * before + text(piece) + " " * (after and bool(piece.strip()))


def _unbroken(piece: str) -> str:
    return piece.replace(" ", _KEPT) if piece.startswith("`") else piece


def _word(word: str) -> str:
    escaped = _ALWAYS.sub(r"\\\g<0>", word)
    if _LINE_START.match(word):
        at = len(word) - 1 if word[0].isdigit() else 0
        return f"{word[:at]}\\{word[at:]}"
    return escaped


def _entities(shown: str) -> str:
    """Text within HTML, of which Markdown takes no character for its own."""
    return "".join(char if char.isalnum() or char == " " else f"&#{ord(char)};" for char in shown)


def _shown(value: object) -> str:
    """On one line, whatever it holds."""
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return display(data)
