"""What protects each part of each source, and what is left out or accepted, with the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.overview.protection import Form, GapKind, HeldCopy, Protection
from engine.report.facts import Facts
from renderers.report.words import Clock, Sign, length

_FORMS = {
    Form.SNAPSHOT: "snapshot",
    Form.FILES: "files",
    Form.DATABASES: "databases",
    Form.DUMP: "dump",
}
_GAPS = {
    GapKind.NOT_KEPT: Sign(shape="off", word="not kept"),
    GapKind.SHORT: Sign(shape="risk", word="falls short"),
    GapKind.ACCEPTED: Sign(shape="act", word="falls short, accepted"),
    GapKind.WEAKER: Sign(shape="wait", word="weaker objective"),
    GapKind.STOPS: Sign(shape="wait", word="rides no further"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLine:
    """One copy."""

    form: str
    place: str
    by: str
    """The legs on its way."""
    offsite: bool
    rpo: str
    kept: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapLine:
    """A gap, and why it is accepted."""

    sign: Sign
    what: str
    because: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part of a source."""

    source: str
    label: str
    copies: tuple[CopyLine, ...]
    gaps: tuple[GapLine, ...]
    rpo: str
    offsite_rpo: str
    history: str
    offsite: bool


def part_rows(facts: Facts, at: Clock) -> tuple[PartRow, ...]:
    """The protection matrix."""
    since = {one.text: _accepted(one.since, at) for one in facts.acceptances}
    return tuple(_part(one, since) for one in facts.overview.protection)


def _accepted(since: datetime | None, at: Clock) -> str:
    return f"for {length(at.now - since)}" if since is not None and since <= at.now else ""


def _part(one: Protection, since: dict[str, str]) -> PartRow:
    return PartRow(
        source=one.source,
        label=one.label,
        copies=tuple(map(_copy, one.copies)),
        gaps=tuple(_gap_lines(one, since)),
        rpo=_seconds(one.rpo),
        offsite_rpo=_seconds(one.offsite_rpo),
        history=_seconds(one.history or None),
        offsite=any(copy.offsite for copy in one.copies),
    )


def _copy(one: HeldCopy) -> CopyLine:
    rpo = one.copy.rpo
    return CopyLine(
        form=_FORMS[one.form],
        place=str(one.copy.location) if one.form is not Form.SNAPSHOT else "in its own pool",
        by=" → ".join(one.copy.via),
        offsite=one.offsite,
        rpo=_seconds(rpo.seconds if rpo is not None else None),
        kept=one.kept,
    )


def _gap_lines(one: Protection, since: dict[str, str]) -> Iterator[GapLine]:
    for gap in one.gaps:
        yield GapLine(
            sign=_GAPS[gap.kind],
            what=gap.what,
            because=gap.because,
            since=since.get(one.label, "") if gap.kind is GapKind.ACCEPTED else "",
        )


def _seconds(seconds: int | None) -> str:
    return length(timedelta(seconds=seconds)) if seconds is not None else "–"
