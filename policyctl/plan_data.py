"""What `plan` and `apply` know of the data: looked at, and judged against the change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.changes.changes import ChangeSet
from engine.changes.renames import renames_between
from engine.moves.acceptances import Acceptance
from engine.moves.data_changes import DataChanges, Known, data_changes, sources_to_measure
from engine.moves.destination_data import Rate, Room, Sent, full_refusals, rate_of
from engine.moves.held import Cut, cut, joint_plan
from engine.moves.pattern_hits import (
    IgnoreHits,
    PatternNote,
    block_notes,
    ignore_notes,
    new_ignores,
    route_notes,
)
from engine.plan.model import LegPlan, Plan
from engine.promises.plan_chains import chains_of
from engine.records.measurement import GenerationRoom
from engine.routing.volumes import SourceVolumes
from engine.system.host.places import Places
from engine.system.measure.generation_room import known_rooms
from engine.system.measure.ignored import ignore_hits_in
from engine.system.measure.measure import known_volumes
from engine.system.measure.room_look import RoomLook, look_at_room
from engine.system.state.reading import read_state
from engine.system.state.state import State
from policy.destinations import Destination
from policy.sources import TreeSource
from policyctl.accepting import read_acceptances
from policyctl.boundary import Refused

_RUNS = 200
"""How far back in each leg's history a rate is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanData:
    """What a change set means for the data."""

    changes: DataChanges = field(default_factory=DataChanges)
    volumes: Mapping[str, SourceVolumes]
    """By source; each line of the applied plan and of the next one has what it decides."""
    patterns: tuple[PatternNote, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    measured: bool = True
    """Whether anybody was to look at the sources."""
    migrate: bool = False
    """Whether what can be renamed at its destination is."""
    generations: tuple[GenerationRoom, ...] = ()
    """The room that those of legs take that change or go, as last counted."""
    unseen_rooms: Mapping[str, str] = field(default_factory=dict)
    """Destinations whose room was to be looked at now and could not be seen, and why."""
    rollback: bool = False
    """Whether it is the plan before that is to be applied."""

    @property
    def command(self) -> str:
        """What applies it."""
        return "policyctl apply --rollback" if self.rollback else "policyctl apply"


def read_data(
    applied: Plan | None,
    plan: Plan,
    changes: ChangeSet,
    places: Places,
    *,
    applied_at: datetime | None,
    measure: bool,
    anew: bool = False,
    accept: Sequence[str] = (),
    migrate: bool = False,
) -> PlanData:
    """Look at the data that a change moves. Raises `Refused` for what need not be accepted.

    With `anew` nothing that is known counts: sources are walked, and room is looked at now.
    """
    _check_destinations(plan, accept)
    if not changes.plan_changed:
        _check_needed(DataChanges(), accept)
        with read_state(places.state_file) as state:
            chains = chains_of(plan)
            accepted = read_acceptances(chains, chains, {}, state, applied_at)
        return PlanData(volumes={}, measured=measure, acceptances=accepted)
    both = cut(applied, plan)
    with read_state(places.state_file) as state:
        volumes = _volumes(both, changes, places, None if anew else state) if measure else {}
        looks = dict(_looks(plan, places, state)) if anew else {}
        seen = {name: one.room for name, one in looks.items() if one.room is not None}
        known = Known(
            volumes=volumes,
            rooms={**dict(_rooms(applied, plan, state)), **seen},
            rates=dict(_rates(applied, plan, state)),
            accepted=frozenset(accept),
            migrate=migrate,
        )
        touched = {one.was or one.name for one in changes.legs}
        rooms = tuple(known_rooms(applied, state)) if applied is not None else ()
        names = renames_between(applied, plan) if applied else {}
        accepted = read_acceptances(both.old, both.new, names, state, applied_at)
    data = data_changes(both, changes.routes, known)
    _check_needed(data, accept)
    hits = _ignore_hits(both, places) if measure else ()
    return PlanData(
        changes=data,
        volumes=volumes,
        patterns=(
            *route_notes(data, volumes),
            *ignore_notes(hits),
            *block_notes(both, volumes),
        ),
        acceptances=accepted,
        measured=measure,
        generations=tuple(one for one in rooms if one.leg in touched),
        migrate=migrate,
        unseen_rooms={name: one.why for name, one in looks.items() if one.room is None},
    )


def refused_for_room(changes: ChangeSet, data: PlanData) -> ChangeSet:
    """The change set with what is refused since a destination would be too full."""
    more = tuple(full_refusals(data.changes.destinations, data.command))
    return replace(changes, refused=(*changes.refused, *more)) if more else changes


# ── Looking ──────────────────────────────────────────────────────────────────────────────────


def _volumes(
    both: Cut, changes: ChangeSet, places: Places, state: State | None
) -> dict[str, SourceVolumes]:
    """The data of every source that the change touches, where it is known, or on this machine."""
    found = {}
    joint = joint_plan(both.applied, both.plan)
    for name in sources_to_measure(both, changes.routes):
        source = joint.source(name)
        if isinstance(source, TreeSource):
            volumes = known_volumes(joint, source, places, state)
            if volumes is not None:
                found[name] = volumes
    return found


def _ignore_hits(both: Cut, places: Places) -> tuple[IgnoreHits, ...]:
    ignores = new_ignores(both.applied, both.plan)
    trees = [one for one in both.plan.sources if isinstance(one, TreeSource)]
    return tuple(hit for one in trees for hit in ignore_hits_in(one, ignores, places))


def _old_names(applied: Plan | None, plan: Plan) -> dict[str, str]:
    """Under which name the state knows what is renamed by this change."""
    names = renames_between(applied, plan) if applied else {}
    return {after: before for before, after in names.items()}


def _rooms(applied: Plan | None, plan: Plan, state: State | None) -> Iterator[tuple[str, Room]]:
    """The room at each destination; nothing of one whose name now means another place."""
    was = _old_names(applied, plan)
    for name in _destinations(applied, plan) if state else ():
        before = applied.destination(was.get(name, name)) if applied else None
        if _elsewhere(plan.destination(name), before):
            continue
        room = state.room(was.get(name, name)) if state else None
        if room is not None:
            yield name, Room(free=room.free, total=room.total, measured=room.measured)


def _looks(plan: Plan, places: Places, state: State | None) -> Iterator[tuple[str, RoomLook]]:
    """The room at each destination that a leg writes to, as it is now."""
    written = {feed.writes.holder for leg in plan.legs for feed in leg.feeds if feed.writes}
    for one in plan.destinations:
        if one.name in written:
            yield one.name, look_at_room(one, places, state)


def _elsewhere(now: Destination | None, before: Destination | None) -> bool:
    """Whether a name means another place than before: what was seen says nothing of that."""
    if now is None or before is None:
        return False
    accounts = [one.ssh.account if one.ssh else "" for one in (now, before)]
    return now.path != before.path or accounts[0] != accounts[1]


def _rates(applied: Plan | None, plan: Plan, state: State | None) -> Iterator[tuple[str, Rate]]:
    """How fast the legs that write each destination last sent."""
    was = _old_names(applied, plan)
    for name in _destinations(applied, plan) if state else ():
        legs = [
            leg.name
            for one in (applied, plan)
            if one is not None
            for leg in one.legs
            if _writes(leg, {name, was.get(name, name)})
        ]
        rate = rate_of(_sent(legs, state)) if state else None
        if rate is not None:
            yield name, rate


def _destinations(applied: Plan | None, plan: Plan) -> tuple[str, ...]:
    every = (*plan.destinations, *(applied.destinations if applied else ()))
    return tuple(dict.fromkeys(one.name for one in every))


def _writes(leg: LegPlan, names: set[str]) -> bool:
    return any(feed.writes is not None and feed.writes.holder in names for feed in leg.feeds)


def _sent(legs: Iterable[str], state: State) -> list[Sent]:
    """What runs of these legs have sent, the newest first."""
    runs = [run for leg in dict.fromkeys(legs) for run in state.unlocked(leg, most=_RUNS)]
    ended = [(run.ended, run) for run in runs if run.ended is not None]
    return [
        Sent(bytes=run.bytes_sent, seconds=(at - run.started).total_seconds())
        for at, run in sorted(ended, key=lambda pair: pair[0], reverse=True)
    ]


# ── Accepting ────────────────────────────────────────────────────────────────────────────────


def _check_destinations(plan: Plan, accept: Sequence[str]) -> None:
    known = [one.name for one in plan.destinations]
    for name in accept:
        if name not in known:
            raise Refused(
                f"--accept: there is no destination {name!r}; there are: {', '.join(known)}"
            )


def _check_needed(data: DataChanges, accept: Sequence[str]) -> None:
    """Refuse a name that nothing fills: a slip would go unseen until the next refusal."""
    over = [one.destination for one in data.destinations if one.over]
    for name in accept:
        if name not in over:
            raise Refused(
                f"--accept: this change does not fill {name} beyond its limit; "
                f"it does so with: {', '.join(over) or 'none'}"
            )
