"""Names that are one where the copies lie: places that do not tell cases or forms apart. Pure.

On exFAT or a NAS share `Readme` and `README` are one file. Whichever comes last overwrites the
other, and each run after that does it again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """What a place does not tell apart."""

    case: bool = False
    """`A` and `a`."""
    form: bool = False
    """One letter and its parts: `é` as one character, or as `e` and an accent."""

    def __bool__(self) -> bool:
        return self.case or self.form

    def key(self, name: bytes) -> str:
        """What all names share that are one there."""
        text = name.decode(errors="surrogateescape")
        text = unicodedata.normalize("NFC", text) if self.form else text
        return "".join(map(_folded, text)) if self.case else text


def _folded(character: str) -> str:
    """Letter by letter, as such tables do it: `ß` stays one, and is no `ss`."""
    upper = character.upper()
    return upper if len(upper) == 1 else character


def meeting(names: Iterable[bytes], folding: Folding) -> Iterator[tuple[bytes, ...]]:
    """Names of one directory that end as one, group by group."""
    groups: dict[str, list[bytes]] = {}
    for name in names:
        groups.setdefault(folding.key(name), []).append(name)
    yield from (tuple(sorted(group)) for group in groups.values() if len(group) > 1)
