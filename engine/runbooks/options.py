"""What a restore can take something from, by the plan alone. Pure.

That is how far each copy reaches back, and in which order equal states are preferred. The order is
that of `engine.restore.choice`: what is preferred among states of one moment does not depend on
when anything ran.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.generations.reasons import Rule
from engine.generations.retention import period_of
from engine.plan.model import Plan
from engine.promises.chains import Chains, Copy
from engine.standing.bring_back import holds_files, lost_on_the_way
from engine.standing.copy_standing import kept_by
from policy.legs import Leg, MirrorLeg, SnapshotLeg
from policy.parts import Attribute


class Wanted(enum.Enum):
    """What is to be brought back: not each copy has each of them whole."""

    FILE = "a file"
    DIRECTORY = "a directory"
    DATABASE = "an SQLite database"


class Holding(enum.Enum):
    """In which form a copy holds states."""

    NEWEST = "the newest state"
    GENERATIONS = "a generation"
    SET_ASIDE = "what runs have set aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One copy that a restore can take from."""

    copy: Copy
    holding: Holding
    part: bool
    """Whether it holds only what runs took away: taken where nothing whole is."""
    database: bool
    """Made and checked by SQLite itself."""
    lost: tuple[Attribute, ...]
    """What it cannot have kept of a file."""
    far: bool
    """Whether a connection is needed to reach it."""
    reaches: int | None
    """Seconds: no state in it is ever older, while its legs keep their schedules. None: no bound
    is known."""
    sure: int
    """Seconds that it is sure to reach back beyond its newest state."""
    kept: str
    """What its leg keeps there, in words."""

    @property
    def order(self) -> tuple[object, ...]:
        """Of states of one moment the one is taken whose order is the least."""
        copy = self.copy
        names = copy.location.names
        return (
            not self.database, len(self.lost), self.far, len(copy.via), copy.place, names, copy.via,
        )  # fmt: skip


def options_of(
    plan: Plan, chains: Chains, copies: Iterable[Copy], wanted: Wanted
) -> tuple[Option, ...]:
    """What holds it, in the order in which equal states are preferred."""
    found = [one for copy in copies for one in _options(plan, chains, copy, wanted)]
    return tuple(sorted(found, key=lambda one: one.order))


def _options(plan: Plan, chains: Chains, copy: Copy, wanted: Wanted) -> Iterator[Option]:
    if not holds_files(plan, copy) or (copy.partial and wanted is not Wanted.DATABASE):
        return
    if copy.dated is not None:
        yield _option(plan, copy, Holding.GENERATIONS, _generations_reach(chains, copy))
        return
    rpo = copy.rpo.seconds if copy.rpo is not None else None
    aside = _aside_reach(plan, copy)
    if not _sets_aside(plan, copy):
        yield _option(plan, copy, Holding.NEWEST, rpo)
        return
    directory = wanted is Wanted.DIRECTORY
    # A file that no run has replaced is known to be as it was, as far back as all would be kept.
    yield _option(plan, copy, Holding.NEWEST, rpo if directory else aside)
    yield _option(plan, copy, Holding.SET_ASIDE, aside, part=directory)


def _option(
    plan: Plan, copy: Copy, holding: Holding, reaches: int | None, *, part: bool = False
) -> Option:
    destination = plan.destination(copy.place)
    return Option(
        copy=copy,
        holding=holding,
        part=part,
        database=copy.partial,
        lost=lost_on_the_way(plan, copy),
        far=destination is not None and destination.ssh is not None,
        reaches=reaches,
        sure=copy.history if holding is not Holding.NEWEST else 0,
        kept=kept_by(plan.leg(copy.leg)) if holding is not Holding.NEWEST else "",
    )


def _sets_aside(plan: Plan, copy: Copy) -> bool:
    """Whether its leg keeps what it deletes or overwrites."""
    leg = plan.leg(copy.leg)
    return leg is not None and isinstance(leg.leg, MirrorLeg) and leg.leg.deleted_keep is not None


def _aside_reach(plan: Plan, copy: Copy) -> int | None:
    """How old what a run has set aside can be.

    It goes with the first run after it has expired, and was older than the run that replaced it.
    """
    leg = plan.leg(copy.leg)
    if leg is None or not isinstance(leg.leg, MirrorLeg) or leg.leg.deleted_keep is None:
        return None
    if copy.rpo is None or leg.allowed_age is None:
        return None
    return leg.leg.deleted_keep.seconds + leg.allowed_age + copy.rpo.seconds


def _generations_reach(chains: Chains, copy: Copy) -> int | None:
    """How old the state of a generation can be before it is gone from there.

    It is so old as its retention lets it get, and its data were older by what came before; each
    later hop keeps it until it has seen that it is gone.
    """
    legs = [chains.policy.leg(name) for name in copy.via]
    maker = next(at for at, leg in enumerate(legs) if _makes_generations(leg))
    span, rpo = chains.kept(copy.via[maker]), chains.rpo(copy.via[: maker + 1])
    later = [_longest_way(chains, name) for name in copy.via[maker + 1 :]]
    if span is None or not span.settled or rpo is None or None in later:
        return None
    oldest = int(span.oldest.total_seconds())
    if _slips(chains, copy.via[maker]):
        oldest *= 2  # every other period of a rule can come to be without a run
    return oldest + rpo.seconds + sum(one or 0 for one in later)


def _slips(chains: Chains, leg: str) -> bool:
    """Whether a run can start in another period than the one in which it is due."""
    found, runs = chains.policy.leg(leg), chains.timeline.of(leg)
    if runs is None or found is None or isinstance(found, MirrorLeg):
        return False
    zone = ZoneInfo(chains.policy.timezone)
    rule = Rule.HOURLY if found.keep.hourly else Rule.DAILY
    pairs = zip(runs.due, runs.start, strict=True)
    return any(
        period_of(rule, datetime.fromtimestamp(due, UTC), zone)
        != period_of(rule, datetime.fromtimestamp(start, UTC), zone)
        for due, start in pairs
        if start != due
    )


def _makes_generations(leg: Leg | None) -> bool:
    return leg is not None and not isinstance(leg, (MirrorLeg, SnapshotLeg))


def _longest_way(chains: Chains, leg: str) -> int | None:
    """From one run's earliest end to the next one's latest end, at most."""
    runs = chains.timeline.of(leg)
    if runs is None or len(runs.due) < 2:
        return None
    return runs.allowed_age(0)
