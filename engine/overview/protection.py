"""The protection matrix: what each part of each source is kept by, and what is accepted. Pure.

One row for each route and for each product that a leg takes whole, with what its copies promise
and what is wanted of them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.plan.model import Plan, RouteLine
from engine.promises.chains import Chains, Copy
from engine.promises.objectives import (
    Region,
    Shortfall,
    is_offsite,
    regions,
    shortfalls,
    wanted_in,
)
from engine.standing.copy_standing import kept_by
from policy.diagnostics import Findings
from policy.legs import DumpLeg, FetchLeg
from policy.routes import Objective


class Form(enum.Enum):
    """What sort of copy it is."""

    SNAPSHOT = "snapshot"
    """In the source's own pool: a way back, no copy."""
    FILES = "files"
    DATABASES = "databases"
    """Of the databases among the files, each made and checked by its own program."""
    DUMP = "dump"
    """What a server or a device has told of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCopy:
    """One copy, as a table shows it."""

    copy: Copy
    form: Form
    offsite: bool
    """At another site than the live data."""
    kept: str
    """What is kept there beside the newest state, in words; empty: nothing."""


class GapKind(enum.Enum):
    """In which way something is not protected as everything else is."""

    NOT_KEPT = "not kept"
    SHORT = "falls short"
    ACCEPTED = "accepted"
    WEAKER = "weaker objective"
    STOPS = "stops"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A gap in the protection, and why it is accepted."""

    kind: GapKind
    what: str
    because: str
    """The manifest's reason; empty where it gives none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """One row of the matrix."""

    source: str
    label: str
    """The route or objective as written, or the product's address."""
    leg: str | None
    """The first leg that carries it; None: not kept."""
    copies: tuple[HeldCopy, ...]
    media: tuple[str, ...]
    """Media that hold it beside the live data, sorted; a snapshot's own pool is none."""
    wanted: Objective
    """What is wanted, with what the default says."""
    rpo: int | None
    """Seconds that the freshest copy is old at most; None: nothing is promised."""
    offsite_rpo: int | None
    """The same of the copies at another site."""
    history: int
    """Seconds that a restore is sure to reach back beyond the newest state."""
    rto: int | None
    """Seconds that a restore of the source may take, where a drill states it; None: nowhere."""
    gaps: tuple[Gap, ...]

    def of(self, form: Form, *, offsite: bool) -> tuple[HeldCopy, ...]:
        """The copies of one form, near or at another site."""
        return tuple(one for one in self.copies if one.form is form and one.offsite is offsite)


def protection_of(plan: Plan, chains: Chains) -> tuple[Protection, ...]:
    """The matrix, sorted by source and label."""
    wanted = wanted_in(chains.policy)
    short = {
        (one.region.source.name, one.region.label): one
        for one in shortfalls(chains.policy, plan.tables, chains, Findings())
    }
    lines = {(table.source, line.text): line for table in plan.tables for line in table.lines}
    rows = [
        _kept(plan, region, wanted(region), short, lines)
        for region in regions(chains.policy, plan.tables, chains)
    ]
    rows += _not_kept(plan)
    return tuple(sorted(rows, key=lambda one: (one.source, one.label)))


def _kept(
    plan: Plan,
    region: Region,
    wanted: Objective,
    short: Mapping[tuple[str, str], Shortfall],
    lines: Mapping[tuple[str, str], RouteLine],
) -> Protection:
    key = (region.source.name, region.label)
    copies = tuple(_held(plan, region, copy) for copy in region.copies)
    real = [one for one in copies if one.form in {Form.FILES, Form.DUMP}]
    return Protection(
        source=region.source.name,
        label=region.label,
        leg=region.copies[0].via[0] if region.copies else None,
        copies=copies,
        media=tuple(sorted({_medium(one.copy) for one in real})),
        wanted=wanted,
        rpo=_best(real),
        offsite_rpo=_best([one for one in real if one.offsite]),
        history=max((one.copy.reach for one in real), default=0),
        rto=_stated(plan, region.source.name),
        gaps=tuple(_gaps(region, wanted, short.get(key), lines.get(key))),
    )


def _stated(plan: Plan, source: str) -> int | None:
    """How long a restore of a source may take, as the strictest of its drills says."""
    drills = (one.drill for one in plan.drills if one.drill.source == source)
    return min((one.within.seconds for one in drills if one.within is not None), default=None)


def _held(plan: Plan, region: Region, copy: Copy) -> HeldCopy:
    return HeldCopy(
        copy=copy,
        form=form_of(plan, copy),
        offsite=is_offsite(region.source, copy) and not copy.snapshot,
        kept=_kept_there(plan, copy),
    )


def _kept_there(plan: Plan, copy: Copy) -> str:
    """What its leg keeps; of generations that a later hop carries on, what made them does."""
    own = kept_by(plan.leg(copy.leg))
    if own or copy.dated is None:
        return own
    return next((kept for name in reversed(copy.via) if (kept := kept_by(plan.leg(name)))), "")


def form_of(plan: Plan, copy: Copy) -> Form:
    """What sort of copy it is, by the legs on its way."""
    if copy.snapshot:
        return Form.SNAPSHOT
    if copy.partial:
        return Form.DATABASES
    legs = [plan.leg(name) for name in copy.via]
    told = any(one is not None and isinstance(one.leg, (DumpLeg, FetchLeg)) for one in legs)
    return Form.DUMP if told else Form.FILES


def _medium(copy: Copy) -> str:
    return copy.media or f"the medium of {copy.place}"


def _best(copies: list[HeldCopy]) -> int | None:
    return min((one.copy.rpo.seconds for one in copies if one.copy.rpo is not None), default=None)


def _gaps(
    region: Region, wanted: Objective, short: Shortfall | None, line: RouteLine | None
) -> Iterator[Gap]:
    if short is not None:
        kind = GapKind.ACCEPTED if short.accepted else GapKind.SHORT
        yield Gap(kind=kind, what=short.message, because=region.because)
    elif region.because:
        yield Gap(kind=GapKind.ACCEPTED, what="may fall short", because=region.because)
    if wanted.because:
        yield Gap(kind=GapKind.WEAKER, what=f"objective {wanted.text}", because=wanted.because)
    if line is not None and line.stop is not None:
        what = f"rides no leg after {line.stop.after}"
        yield Gap(kind=GapKind.STOPS, what=what, because=line.stop.reason)


def _not_kept(plan: Plan) -> Iterator[Protection]:
    """What is left out by decision: objectives do not apply to it."""
    for table in plan.tables:
        for line in table.lines:
            if line.leg is None:
                yield Protection(
                    source=table.source,
                    label=line.text,
                    leg=None,
                    copies=(),
                    media=(),
                    wanted=Objective(text="", key=None),
                    rpo=None,
                    offsite_rpo=None,
                    history=0,
                    rto=None,
                    gaps=(Gap(kind=GapKind.NOT_KEPT, what="no copy", because=line.reason),),
                )
