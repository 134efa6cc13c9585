"""The two streams. Nothing else in the program prints."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]

_STYLES = {"red": "31", "yellow": "33", "cyan": "36", "green": "32", "bold": "1", "dim": "2"}


def colours(stream: TextIO) -> bool:
    """Whether the stream is a terminal that wants colours (no-color.org)."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, stream: TextIO) -> str:
    """Give text a colour where the stream takes one."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colours(stream) else text


def commands_below(root: Path) -> None:
    """From now on, commands that a person is told to type name this root as well."""
    global _ROOT
    _ROOT = "" if root == Path("/") else shlex.quote(str(root))


_ROOT = ""
_COMMAND = re.compile(r"`policyctl ([a-z-]+)([^`\n]*)`")


def typeable(text: str) -> str:
    """The text with the root in each command that it quotes: typed without, it means another."""
    if not _ROOT:
        return text
    return _COMMAND.sub(_with_root, text)


def _with_root(command: re.Match[str]) -> str:
    rest = command[2]
    return command[0] if " --root" in rest else f"`policyctl {command[1]}{rest} --root {_ROOT}`"


def harmless(text: str) -> str:
    """The text with an escape for whatever a terminal would obey, our own colours aside.

    Names of files, and what other programs have said, may hold anything.
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


_CONTROL = re.compile(r"(?!\x1b\[[0-9]{1,2}m)[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def result(text: str = "") -> None:
    """Print a line of the result. Raises `OutputFailed` where it cannot be written."""
    _print(harmless(typeable(text)))


def _print(text: str) -> None:
    try:
        print(text)
    except BrokenPipeError:
        drop_output()
    except OSError as error:
        raise OutputFailed(error) from None


def result_bytes(content: bytes) -> None:
    """Print a result that is a file of its own. Raises `OutputFailed`."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        drop_output()
    except OSError as error:
        raise OutputFailed(error) from None


class OutputFailed(Exception):
    """The result cannot be written, as on a full disk."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the result could not be written: {error.strerror or error}")


def drop_output() -> None:
    """Write to nowhere from now on: whoever reads has read enough, and the work goes on."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)


def finish_output() -> None:
    """Write what is still buffered. Raises `OutputFailed`."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()
    except OSError as error:
        # Python would complain once more on its way out.
        drop_output()
        raise OutputFailed(error) from None


def tell(text: str = "") -> None:
    """Print a line that is not part of the result; that nobody can read it changes nothing."""
    with suppress(OSError):
        print(harmless(typeable(text)), file=sys.stderr)


def result_json(value: Json) -> None:
    """Print the result as JSON: one document, stable key order."""
    utf_8 = sys.stdout.encoding.lower() in {"utf-8", "utf8"}
    _print(json.dumps(value, indent=2, ensure_ascii=not utf_8, sort_keys=False))


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str]) -> list[str]:
    """Lay out rows in columns; the last column is not padded."""
    every = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in every) for column in range(len(header))]
    lines = []
    for row in every:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines
