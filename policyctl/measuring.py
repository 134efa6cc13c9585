"""Measuring the sources of a manifest, and keeping what was found for `plan` and the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.plan.model import Plan
from engine.plan.readers import is_elsewhere
from engine.plan.stored import PlanUnreadable
from engine.records.measurement import GenerationRoom, Measurement
from engine.routing.volumes import SourceVolumes
from engine.system.apply.applied import RecordUnreadable, load_applied
from engine.system.host.files import Unobservable
from engine.system.host.places import Places
from engine.system.measure.generation_room import count_generations
from engine.system.measure.measure import measure, shared_out
from engine.system.measure.walk import WalkFailed
from engine.system.state.state import StateUnusable, open_state
from policy.sources import TreeSource
from policyctl.boundary import Refused
from policyctl.loading import load_for_question
from policyctl.views.progress import told_of

_UNUSABLE = (PlanUnreadable, RecordUnreadable, StateUnusable, Unobservable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found in one source."""

    source: TreeSource
    volumes: SourceVolumes | None
    """None where its tree is not there."""
    seconds: float = 0.0
    not_kept: str = ""
    """Why nobody can use it later; empty where it is kept."""


def measure_sources(
    named: Path | None, root: Path, wanted: Sequence[str]
) -> tuple[Plan, tuple[Measured, ...]]:
    """Walk the wanted trees, all where none is named, and keep what was found.

    Raises `PolicyInvalid`, `ManifestNotFound` and `Refused`.
    """
    plan = load_for_question(named, root)[1].plan
    places = Places(root=root)
    return plan, tuple(_measure(plan, one, places) for one in _trees(plan, wanted))


def _trees(plan: Plan, wanted: Sequence[str]) -> Iterator[TreeSource]:
    every = {one.name: one for one in plan.sources if isinstance(one, TreeSource)}
    trees = {name: one for name, one in every.items() if not is_elsewhere(plan, one)}
    if not trees:
        raise Refused("no source of the manifest is a tree of this host: there is none to measure")
    for name in wanted:
        if plan.source(name) is None:
            raise Refused(f"there is no source {name!r}; there are: {', '.join(trees)}")
        if name in every and name not in trees:
            raise Refused(f"{name} lies in a cluster, where its legs run: nothing of it is here")
        if name not in trees:
            raise Refused(f"{name} is no tree, and only trees are measured: {', '.join(trees)}")
    yield from (trees[name] for name in dict.fromkeys(wanted or trees))


def _measure(plan: Plan, source: TreeSource, places: Places) -> Measured:
    try:
        with told_of(source.name) as told:
            found = measure(plan, source, places, told)
    except WalkFailed as error:
        raise Refused(f"{source.name} could not be measured: {error}; nothing was kept") from None
    if found is None:
        return Measured(source=source, volumes=None)
    return Measured(
        source=source,
        volumes=shared_out(plan, source, places, found),
        seconds=found.seconds,
        not_kept=_keep(source, found, places),
    )


def measure_generations(root: Path) -> tuple[tuple[GenerationRoom, ...], str]:
    """Count the generations of the applied plan, and keep it; why that failed, or ""."""
    found: list[GenerationRoom] = []
    try:
        applied, places = load_applied(root), Places(root=root)
        if applied is None or not places.state_file.exists():
            return (), ""
        with open_state(places.state_file) as state:
            for stream, room in count_generations(applied[0], places, state, datetime.now(UTC)):
                found.append(room)
                state.generation_rooms.put(stream, room)
    except (*_UNUSABLE, OSError, sqlite3.Error) as error:
        return tuple(found), str(error)
    return tuple(found), ""


def _keep(source: TreeSource, found: Measurement, places: Places) -> str:
    """Note it in the state; why that could not be done, or ""."""
    try:
        if places.plan_file.exists() and not places.state_file.exists():
            # A new one would hide that what legs own is not known any more.
            return f"the state {places.state_file} is gone: `policyctl status` says what to do"
        with open_state(places.state_file) as state:
            state.measurements.put(source.name, found)
    except (StateUnusable, OSError, sqlite3.Error) as error:
        return str(error)
    return ""
