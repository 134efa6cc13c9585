"""Orphans as copies of last resort: which of them hold a path, and where. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.orphans.carriers import is_owned
from engine.orphans.noted_copies import Orphan
from engine.plan.model import Location, Plan
from engine.plan.spots import spot_below
from engine.promises.chains import Copy
from engine.restore.versions import Left
from policy.legs import SqliteLeg
from policy.patterns import PathPattern
from policy.sources import BtrfsSource, LvmThinSource, Source
from policy.values import display


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftCopy:
    """A path in an orphan."""

    copy: Copy
    left: Left
    reads: str
    """What the leg that wrote it read; of an item of it, the item."""


def left_copies(
    plan: Plan,
    source: Source,
    names: tuple[bytes, ...],
    orphans: Iterable[tuple[Orphan, datetime]],
    retired: Collection[Location],
    *,
    deepest: int,
) -> Iterator[LeftCopy]:
    """The orphans that hold a path of a source, each with since when it is one.

    `retired`: places of legs that have left; `deepest`: how many names an item's address may have.
    What a leg of today carries at the same place is no orphan's any more. An orphan of a part of
    the path is not among them: it would pass for the whole.
    """
    for orphan, since in orphans:
        mine = orphan.live.holder == source.name and not orphan.is_set_aside
        known = plan.destination(orphan.place.holder) is not None
        if not (mine and known and _holds(orphan.live.pattern, names)):
            continue
        base = orphan.base
        here = Location(holder=base.holder, names=(*base.names, *names))
        if is_owned(plan, spot_below(base if orphan.form else here), retired):
            continue
        left = Left(name=str(orphan.place), leg=orphan.leg, since=since, why=orphan.why)
        for depth in _depths(source, names, orphan, deepest):
            copy = Copy(
                location=here,
                leg=orphan.leg,
                via=(orphan.leg,),
                media=None,
                site=None,
                rpo=None,
                partial=_is_partial(plan, orphan.form or ""),
                dated=len(base.names) + depth if depth is not None else None,
            )
            item = display(b"/".join(names[: depth or 0]))
            yield LeftCopy(copy=copy, left=left, reads=item or orphan.reads)


def _holds(pattern: PathPattern, names: tuple[bytes, ...]) -> bool:
    components = pattern.components
    return len(components) <= len(names) and all(
        one.matches(name) for one, name in zip(components, names, strict=False)
    )


def _depths(
    source: Source, names: tuple[bytes, ...], orphan: Orphan, deepest: int
) -> Iterable[int | None]:
    """After how many names of the path a generation's stands; None: there is none."""
    if not orphan.form:
        return (None,)
    if isinstance(source, (LvmThinSource, BtrfsSource)):
        return range(1, min(len(names), deepest) + 1)
    return (0,)


def _is_partial(plan: Plan, form: str) -> bool:
    legs = (plan.leg(name) for name in form.split("/"))
    return any(one is not None and isinstance(one.leg, SqliteLeg) for one in legs)
