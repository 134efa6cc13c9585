"""One screen that is drawn anew: the terminal's second one, so that the first stays as it was."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from policyctl.views.console import OutputFailed, harmless, typeable

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME = "\x1b[H\x1b[2J"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def own_screen() -> Iterator[bool]:
    """Use the terminal's second screen for the block; whether there is a terminal."""
    if not sys.stdout.isatty():
        yield False
        return
    try:
        sys.stdout.write(_ENTER)
        yield True
    finally:
        with suppress(OSError):  # the terminal may be gone
            sys.stdout.write(_LEAVE)
            sys.stdout.flush()


def show_screen(lines: Sequence[str], *, whole: bool) -> None:
    """Show the lines: as much as fits on the screen, or all of them after those before.

    Raises `BrokenPipeError` where nobody reads any more, and `OutputFailed`.
    """
    shown = [harmless(typeable(line)) for line in lines]
    text = _HOME + "\n".join(_fitting(shown)) if whole else "\n".join((*shown, "", ""))
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(error) from None


def _fitting(lines: Sequence[str]) -> Iterator[str]:
    """The lines that the terminal has room for; the last row says what it has not."""
    columns, left = shutil.get_terminal_size()
    for at, line in enumerate(lines):
        left -= _rows_of(line, columns)
        if left < 1 and at + 1 < len(lines):
            yield f"… {len(lines) - at} more lines: make the window larger"
            return
        yield line


def _rows_of(line: str, columns: int) -> int:
    """How many rows of the terminal a line takes."""
    return max(1, -(-len(_COLOUR.sub("", line)) // columns))
