"""How templates are filled, and how a value is quoted for the file that it enters.

Templates only loop. Each sink has its own quoting filter here, applied where a value enters the
text and nowhere else; a value that the sink cannot hold is refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from policy.values import display
from renderers import markdown

if TYPE_CHECKING:
    import jinja2


class RenderRefused(ValueError):
    """A value that a generated file cannot hold; the message says which and why."""


def fill(template: str, **values: object) -> bytes:
    """Fill a template of this package."""
    return _environment().get_template(template).render(**values).encode()


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    # Imported here: it costs more time than `check` or `explain` take, and they render nothing.
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("renderers"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML; each value passes the filter of its sink
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    return environment


def unit_text(value: object) -> str:
    """A value that stands for itself in a unit file (systemd.unit(5), SPECIFIERS).

    A backslash at the end of a line would join it with the next.
    """
    text = _one_line(value)
    if text != text.strip() or text.endswith("\\"):
        raise RenderRefused(f"{text!r} begins or ends with what a unit file does not keep there")
    return text.replace("%", "%%")


def unit_word(value: object) -> str:
    """One word of a list in a unit file (systemd.syntax(7), QUOTING)."""
    text = _one_line(value).replace("%", "%%")
    if text and not set(text) & set(" \"'\\;#"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unit_optional_path(value: object) -> str:
    """A path in a list of a unit file that need not be there (systemd.exec(5), ReadWritePaths=).

    Outside of quotes a colon would end the path of a bind mount.
    """
    word = unit_word(f"-{value}")
    return f'"{word}"' if ":" in word and not word.startswith('"') else word


def unit_argument(value: object) -> str:
    """One argument of a command line in a unit file (systemd.service(5), COMMAND LINES)."""
    return unit_word(str(value).replace("$", "$$"))


def _one_line(value: object) -> str:
    """Text without control characters: a line end in a value would begin a setting of its own."""
    text = str(value)
    if not all(map(_holdable, text)):
        shown = display(text.encode("utf-8", "backslashreplace"))
        raise RenderRefused(
            f"'{shown}' holds a control character, or is no text: a unit file cannot hold it"
        )
    return text


def _holdable(char: str) -> bool:
    """Whether systemd reads a line with it: what is not UTF-8 to it makes it skip the line.

    To it neither surrogates nor the noncharacters of Unicode (chapter 23.7) are.
    """
    code = ord(char)
    noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return not noncharacter and unicodedata.category(char) not in {"Cc", "Cs"}


_FILTERS: dict[str, Callable[[object], str]] = {
    "unit_text": unit_text,
    "unit_word": unit_word,
    "unit_optional_path": unit_optional_path,
    "unit_argument": unit_argument,
    "md": markdown.text,
    "md_cell": markdown.cell,
    "md_code": markdown.code,
}
