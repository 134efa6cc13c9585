"""Looking at orphans: what of a path lies in them, and how old it is as far as is known."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from engine.generations.names import moment_of, name_of
from engine.plan.model import Location
from engine.restore.left_copies import LeftCopy
from engine.restore.versions import Kind, Unseen, Version, Whole
from engine.standing.bring_back import lost_on_the_way
from engine.standing.copy_standing import There, as_of_along
from engine.standing.facts import Ran
from engine.system.restore.entries import CannotLook, Entry, Looker, NoRoot
from engine.system.restore.known import Known, looking, version_at
from engine.system.restore.search import STANDINGS
from engine.system.state.records import Stream
from engine.system.state.state import State, place_text
from engine.system.telling.facts import item_successes


def left_versions(
    known: Known, state: State, copies: Sequence[LeftCopy]
) -> tuple[tuple[Version, ...], tuple[Unseen, ...]]:
    """What lies in each. An orphan that is there no more is not told of."""
    versions: list[Version] = []
    unseen: list[Unseen] = []
    for one in copies:
        try:
            with looking(known, one.copy.place) as looker:
                versions += _versions(known, state, one, looker)
        except NoRoot:
            unseen.append(Unseen(copy=one.copy, there=There.AWAY))
        except (CannotLook, sqlite3.Error) as error:
            unseen.append(Unseen(copy=one.copy, there=There.UNKNOWN, why=str(error)))
    return tuple(versions), tuple(unseen)


def _versions(known: Known, state: State, one: LeftCopy, looker: Looker) -> Iterator[Version]:
    if one.copy.dated is not None:
        yield from _generations(known, state, one, looker)
        return
    entry = looker.at(one.copy.location.names)
    if entry is None:
        return
    moment = _moment(state, one)
    yield replace(
        _as_it_lies(known, one, entry),
        moment=moment,
        whole=Whole.COMPLETE if moment is not None else Whole.UNKNOWN,
        why="" if moment is not None else f"no success of {one.left.leg} is known from before",
    )


def _as_it_lies(known: Known, one: LeftCopy, entry: Entry) -> Version:
    lost = lost_on_the_way(known.plan, one.copy)
    return replace(version_at(known, one.copy, entry, lost), left=one.left)


def _moment(state: State, one: LeftCopy) -> datetime | None:
    """The live data as the last run has left them there that wrote it: one of before the apply."""
    leg, since = one.left.leg, one.left.since
    ran = [each for each in item_successes(leg, one.reads, state) if _before(each, since)]
    return as_of_along([ran[:1]])


def _before(ran: Ran, since: datetime) -> bool:
    return ran.started <= since


def _generations(known: Known, state: State, one: LeftCopy, looker: Looker) -> Iterator[Version]:
    at, names = one.copy.dated or 0, one.copy.location.names
    folder, inner = names[:at], names[at:]
    entries = looker.each(folder, inner)
    place = Location(holder=one.copy.place, names=folder)
    at_place = place_text(known.plan, place, state)
    stream = Stream(leg=one.left.leg, source=one.reads, place=at_place)
    made = {name_of(each.moment): each for each in state.generations.among(stream, entries)}
    for name, entry in entries.items():
        if moment_of(name) is None:
            continue
        standing = made.get(name)
        yield replace(
            _as_it_lies(known, one, entry),
            location=Location(holder=one.copy.place, names=(*folder, name, *inner)),
            kind=Kind.GENERATION,
            name=name,
            moment=moment_of(name),
            since=moment_of(name),
            whole=STANDINGS[standing.standing] if standing is not None else Whole.UNKNOWN,
            why="" if standing is not None else f"it is not known as made by {one.left.leg}",
        )
