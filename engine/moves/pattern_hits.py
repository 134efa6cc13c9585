"""What new patterns really hit: nothing, or far more than one would think (law 4). Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.changes.plan_changes import NOBODY, Action
from engine.moves.data_changes import DataChanges, RouteData
from engine.moves.destination_data import percent
from engine.moves.held import Cut
from engine.plan.model import Plan
from engine.records.measurement import Volume
from engine.routing.volumes import SourceVolumes
from policy.routes import IgnoreRule
from policy.values import display

_MUCH = 0.2
"""A share of a source's bytes or files that nobody leaves out by the way."""


class Surprise(enum.Enum):
    """What is strange about a pattern."""

    NOTHING = "hits-nothing"
    MUCH = "takes-much"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternNote:
    """A pattern that does not do what one would think."""

    section: str
    """`routes`, `ignore` or `legs`."""
    text: str
    surprise: Surprise
    sources: tuple[str, ...]
    volume: Volume
    """What it hits."""
    total: Volume
    """What there is."""
    place: str = ""
    """Of what is blocked: the place that is another leg's."""

    @property
    def sentence(self) -> str:
        """It in words."""
        if self.surprise is Surprise.BLOCKED:
            return (
                f"{self.text!r} is blocked from now on: {self.place} belongs to another leg, so "
                f"no run copies what lies there ({self.volume}); move one of the two"
            )
        name = f"{'ignore' if self.section == 'ignore' else 'route'} {self.text!r}"
        where = " and ".join(map(repr, self.sources))
        if self.surprise is Surprise.NOTHING:
            counted = f"{self.total.files:,} file{'' if self.total.files == 1 else 's'}"
            return f"{name} hits nothing: none of the {counted} of {where}"
        files, size = _share(self.volume.files, self.total.files), self.bytes_share
        return (
            f"{name} leaves out {percent(size)} of the bytes and {percent(files)} of the files of "
            f"{where} ({self.volume}): nothing keeps them"
        )

    @property
    def bytes_share(self) -> float:
        """How much of the bytes it hits, 0 to 1."""
        return _share(self.volume.bytes, self.total.bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreHits:
    """What one ignore hits in one source."""

    text: str
    source: str
    volume: Volume
    total: Volume
    """All that the source holds."""


def route_notes(data: DataChanges, volumes: Mapping[str, SourceVolumes]) -> Iterator[PatternNote]:
    """Look at new and changed routing lines, where their trees were measured."""
    for one in data.routes:
        found = volumes.get(one.change.source)
        if found is None or one.volume is None or not _is_news(one):
            continue
        total = _plus(found.total, found.ignored)
        surprise = _surprise(one.volume, total, leaves_out=one.change.after == NOBODY)
        if surprise is not None and total.files:
            yield PatternNote(
                section="routes",
                text=one.change.text,
                surprise=surprise,
                sources=(one.change.source,),
                volume=one.volume,
                total=total,
            )


def block_notes(cut: Cut, volumes: Mapping[str, SourceVolumes]) -> Iterator[PatternNote]:
    """Look for live data whose place another leg takes."""
    for one in cut.blocks:
        found = volumes.get(one.source)
        volume = found.by_line.get(one.line.text) if found else None
        if found is not None and volume is not None and volume.files:
            yield PatternNote(
                section="legs",
                text=one.line.text,
                surprise=Surprise.BLOCKED,
                sources=(one.source,),
                volume=volume,
                total=_plus(found.total, found.ignored),
                place=str(one.place),
            )


def _is_news(one: RouteData) -> bool:
    """Whether a line is new, leads elsewhere or stops anew; a root line takes what others leave."""
    change = one.change
    if change.after is None or not change.pattern.components:
        return False
    stops = any(word.startswith("stop") for word in change.words)
    return change.action is Action.CREATE or change.moved or stops


def new_ignores(applied: Plan | None, plan: Plan) -> tuple[IgnoreRule, ...]:
    """Ignores that the applied plan has not, or not for these sources.

    A first apply has nothing but new ones: those are not asked about.
    """
    known = {(one.text, one.only) for one in applied.ignores} if applied else set()
    return tuple(one for one in plan.ignores if applied and (one.text, one.only) not in known)


def ignore_notes(hits: Sequence[IgnoreHits]) -> Iterator[PatternNote]:
    """Look at what new ignores hit: each by itself, as if there were no other."""
    for text in dict.fromkeys(one.text for one in hits):
        mine = [one for one in hits if one.text == text]
        if not any(one.volume.files for one in mine):
            yield _ignore_note(text, mine, Surprise.NOTHING)
        for one in mine:
            if _surprise(one.volume, one.total, leaves_out=True) is Surprise.MUCH:
                yield _ignore_note(text, [one], Surprise.MUCH)


def _ignore_note(text: str, hits: Sequence[IgnoreHits], surprise: Surprise) -> PatternNote:
    return PatternNote(
        section="ignore",
        text=display(text.encode("utf-8", "replace")),
        surprise=surprise,
        sources=tuple(one.source for one in hits),
        volume=_sum(one.volume for one in hits),
        total=_sum(one.total for one in hits),
    )


def _surprise(volume: Volume, total: Volume, *, leaves_out: bool) -> Surprise | None:
    if not volume.files:
        return Surprise.NOTHING
    shares = _share(volume.bytes, total.bytes), _share(volume.files, total.files)
    return Surprise.MUCH if leaves_out and max(shares) > _MUCH else None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _plus(one: Volume, other: Volume) -> Volume:
    return _sum((one, other))


def _sum(volumes: Iterable[Volume]) -> Volume:
    every = tuple(volumes)
    return Volume(files=sum(v.files for v in every), bytes=sum(v.bytes for v in every))
