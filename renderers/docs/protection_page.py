"""The protection matrix as a page: what keeps each part, what that promises, what is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.overview.overview import Overview
from engine.overview.protection import Form, HeldCopy, Protection
from policy.routes import Objective
from renderers.docs.page import Page, Table, lasting, listed, page, table
from renderers.markdown import cell, code_cell


def protection_page(overview: Overview) -> Page:
    """Render it."""
    rows = overview.protection
    return page("protection.md", "protection", matrix=_matrix(rows), gaps=_gaps(rows))


def _matrix(rows: Iterable[Protection]) -> Table:
    header = (
        *("part", "snapshot", "files", "databases, dumps", "off-site", "media"),
        *("RPO wanted", "RPO", "RPO off-site", "RTO", "reaches back"),
    )
    return table(header, map(_row, rows))


def _row(row: Protection) -> tuple[str, ...]:
    if row.leg is None:
        return (code_cell(row.label), "not kept", *[""] * 9)
    near = {form: row.of(form, offsite=False) for form in Form}
    return (
        code_cell(row.label),
        _copies(near[Form.SNAPSHOT]),
        _copies(near[Form.FILES]),
        _copies((*near[Form.DATABASES], *near[Form.DUMP])),
        _copies(one for one in row.copies if one.offsite),
        cell(", ".join(row.media)),
        _wanted(row.wanted),
        lasting(row.rpo),
        lasting(row.offsite_rpo),
        lasting(row.rto),
        lasting(row.history or None),
    )


def _copies(copies: Iterable[HeldCopy]) -> str:
    return listed(map(_copy, copies))


def _copy(one: HeldCopy) -> str:
    """Where it is, by which leg, and what is kept there."""
    place = one.copy.place if not one.copy.snapshot else "in its pool"
    what = " (databases)" if one.offsite and one.form is Form.DATABASES else ""
    kept = f": {one.kept.removeprefix('generations: ')}" if one.kept else ""
    return f"{cell(place)}, {code_cell(one.copy.leg)}{what}{cell(kept)}"


def _wanted(wanted: Objective) -> str:
    return str(wanted.rpo) if wanted.rpo is not None else ""


def _gaps(rows: Iterable[Protection]) -> Table:
    return table(("part", "what", "why it may be so"), _each_gap(rows))


def _each_gap(rows: Iterable[Protection]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        for gap in row.gaps:
            what = f"{gap.kind.value}: {gap.what}"
            yield code_cell(row.label), cell(what), cell(gap.because)
