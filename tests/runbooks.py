"""Runbooks read from their pages, as a person reads them: sections, and what is typed in each."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from renderers.docs.runbook_pages import FILL_IN

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TO_LOAD = "to load it, in "


@dataclass(frozen=True)
class Typed:
    """One line of a block."""

    text: str

    @property
    def blank(self) -> str:
        """The name of what is to be filled in; empty for a command."""
        return self.text.partition("=")[0] if FILL_IN in self.text else ""


def sections(page: str) -> dict[str, list[Typed]]:
    """The lines to be typed, by the titles of the sections they stand in."""
    found: dict[str, list[Typed]] = {}
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        lines = [line for block in _BLOCK.findall(body) for line in block.splitlines()]
        found[title] = list(map(Typed, lines))
    return found


def script(typed: list[Typed], filled: dict[str, bytes | str]) -> list[str]:
    """The lines as they stand, what is to be filled in filled in."""
    lines = []
    for one in typed:
        if one.blank:
            value = filled[one.blank]
            text = value if isinstance(value, str) else value.decode()
            lines.append(f"{one.blank}={shlex.quote(text)}")
        else:
            lines.append(one.text)
    return lines


def to_load(shown: str) -> list[str]:
    """What `restore` shows at its end: the way to the folder of a dump, and what loads it."""
    lines = shown.splitlines()
    at = next((n for n, line in enumerate(lines) if line.startswith(_TO_LOAD)), len(lines))
    folders = [line.removeprefix(_TO_LOAD).removesuffix(":") for line in lines[at : at + 1]]
    typed = [line.strip() for line in lines[at + 1 :] if not line.strip().startswith("#")]
    return [*(f"cd {folder}" for folder in folders), *typed]
