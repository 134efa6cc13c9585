"""What comparing copies has shown against a version. Pure.

A doubt is no proof: where size and time are equal and the content is not, the copy may be the wrong
one or what it was made of. So it decides between equal states, and is told; nothing is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from engine.generations.names import name_of
from engine.restore.versions import Doubt, Kind, Version
from engine.verify.comparison import Difference
from engine.verify.verdict import Verified

Names = tuple[bytes, ...]
_WRONG = frozenset({Difference.DAMAGED, Difference.CORRUPT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where a leg writes, and what the last comparison there has found."""

    names: Names
    """The root of what was compared; of generations their directory."""
    compared: Verified


def doubted(versions: Iterable[Version], folder: Folder) -> tuple[Version, ...]:
    """The same versions of one copy; each that a comparison speaks against says so."""
    found = tuple(versions)
    newest = _compared_generation(found, folder.compared.began)
    return tuple(replace(one, doubt=_doubt(one, folder, newest)) for one in found)


def _compared_generation(versions: Iterable[Version], began: datetime) -> bytes:
    """Which generation was the newest then: that one was compared."""
    names = (one.name for one in versions if one.kind is Kind.GENERATION)
    return max((name for name in names if name <= name_of(began)), default=b"")


def _doubt(one: Version, folder: Folder, newest: bytes) -> Doubt | None:
    inner = one.location.names[len(folder.names) :]
    if one.kind in {Kind.SET_ASIDE, Kind.SNAPSHOT}:
        return None
    if one.location.names[: len(folder.names)] != folder.names:
        return None
    if one.kind is Kind.GENERATION:
        if one.name != newest or inner[:1] != (one.name,):
            return None
        inner = inner[1:]
    hits = (
        (at.path, at.difference is Difference.CORRUPT)
        for at in folder.compared.found
        if at.difference in _WRONG and _meet(tuple(at.path.split(b"/")), inner)
    )
    hit = min(hits, default=None)
    if hit is None:
        return None
    path, proven = hit
    return Doubt(path=path, at=folder.compared.ended, proven=proven)


def _meet(one: Names, other: Names) -> bool:
    """Whether one of two paths is the other, or lies in it."""
    return all(mine == theirs for mine, theirs in zip(one, other, strict=False))
