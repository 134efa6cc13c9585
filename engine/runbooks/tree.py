"""The decision tree: which copy is taken of a state that is so old. Pure.

It is a function of the plan alone, and gives the same answer as `restore --as-of` while the legs
keep their schedules. Ages beyond which a copy can hold nothing part the tree into bands; within one
the copies that are left are asked in the order in which equal states are preferred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.plan.model import Plan
from engine.promises.chains import Chains, Copy
from engine.runbooks.options import Option, Wanted, options_of

Held = Callable[[Option], datetime | None]
"""The newest state that an option holds and that is not after the moment wanted; None: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """States of an age up to a bound."""

    up_to: int | None
    """Seconds; None: however old."""
    options: tuple[Option, ...]
    """What may hold a state so old, whole, in order of preference."""
    parts: tuple[Option, ...]
    """What may hold a part of it, for where nothing whole is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """How to find what to take."""

    wanted: Wanted
    bands: tuple[Band, ...]
    """By age; beyond the last one no copy reaches back. The newest state is in the first one."""

    @property
    def options(self) -> tuple[Option, ...]:
        """All that may hold it: whole, then in parts."""
        return (*self.bands[0].options, *self.bands[0].parts) if self.bands else ()


def tree_of(plan: Plan, chains: Chains, copies: Sequence[Copy], wanted: Wanted) -> Tree:
    """The tree for what has these copies."""
    options = options_of(plan, chains, copies, wanted)
    return Tree(wanted=wanted, bands=tuple(_bands(options)))


def _bands(options: Sequence[Option]) -> list[Band]:
    known = {one.reaches for one in options if one.reaches is not None}
    bounds: list[int | None] = [*sorted(known)]
    if any(one.reaches is None for one in options):
        bounds.append(None)
    bands: list[Band] = []
    for bound in bounds:
        left = [one for one in options if one.reaches is None or _reaches(one, bound)]
        whole = tuple(one for one in left if not one.part)
        parts = tuple(one for one in left if one.part)
        bands.append(Band(up_to=bound, options=whole, parts=parts))
    return bands


def _reaches(one: Option, bound: int | None) -> bool:
    return bound is not None and one.reaches is not None and one.reaches >= bound


def band_for(tree: Tree, age: int) -> Band | None:
    """The band of an age in seconds; None beyond the last one."""
    return next((one for one in tree.bands if one.up_to is None or age <= one.up_to), None)


def walk(tree: Tree, age: int, held: Held) -> Option | None:
    """Go down the tree to a state that was there so many seconds ago; 0: to the newest one.

    None: no copy holds it.
    """
    band = band_for(tree, age)
    if band is None:
        return None
    return _first_of_newest(band.options, held) or _first_of_newest(band.parts, held)


def _first_of_newest(options: Sequence[Option], held: Held) -> Option | None:
    """Ask one after another whether it holds a state as new as any that follows holds."""
    states = [held(one) for one in options]
    newest = max((one for one in states if one is not None), default=None)
    pairs = zip(options, states, strict=True)
    return next((one for one, state in pairs if state is not None and state == newest), None)
