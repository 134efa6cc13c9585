"""Which version of a path is taken, and why each other one is not. Pure.

Only what is whole, and no newer than asked for; of that the newest. Of equally new ones the one
that has kept most, then the nearest, then the one that came over the fewest hops. The order in
which they were found does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.restore.versions import NEVER, Doubt, Kind, Unseen, Version, Whole
from engine.rsync.set_aside import run_start
from engine.standing.copy_standing import There
from policy.values import display

_KINDS = (Kind.NEWEST, Kind.GENERATION, Kind.SET_ASIDE, Kind.SNAPSHOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A version that is not taken."""

    version: Version
    why: str
    eligible: bool
    """Whether it would be, were the one that is taken not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The version that is taken, and all others in the order in which they would follow it."""

    chosen: Version | None
    why: str = ""
    passed: tuple[Passed, ...] = ()

    @property
    def next_best(self) -> Version | None:
        """What would be taken next."""
        return next((one.version for one in self.passed if one.eligible), None)


def choose(
    versions: Iterable[Version],
    *,
    as_of: datetime | None,
    place: str | None,
    zone: ZoneInfo,
    maker: str = "",
    databases: bool = False,
) -> Choice:
    """Choose among versions; `place` is a destination, or one version's `label`.

    `maker`: the leg that is to have made it; `databases`: only copies that SQLite itself has made
    are wanted.
    """
    ranked = sorted(versions, key=lambda one: _rank(one, as_of))
    wanted = _Wanted(place=place, maker=maker, databases=databases)
    reasons = {id(one): _refusal(one, as_of, wanted, zone) for one in ranked}
    eligible = [one for one in ranked if not reasons[id(one)]]
    if not eligible:
        others = (Passed(version=one, why=reasons[id(one)], eligible=False) for one in ranked)
        return Choice(chosen=None, passed=tuple(others))
    chosen, *rest = eligible
    passed = [
        Passed(version=one, why=_behind(one, chosen, as_of, zone), eligible=True) for one in rest
    ]
    passed += [
        Passed(version=one, why=reasons[id(one)], eligible=False)
        for one in ranked
        if reasons[id(one)]
    ]
    return Choice(
        chosen=chosen, why=_because(chosen, rest, as_of, wanted, zone), passed=tuple(passed)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What was asked for, beside the moment."""

    place: str | None
    maker: str
    databases: bool

    @property
    def words(self) -> str:
        """Where alone it was looked for, within a sentence."""
        made = f" of those that {self.maker} has made" if self.maker else ""
        return f" at {self.place}" if self.place is not None else made


def _tier(one: Version) -> int:
    """What is known to be whole comes first, then what is not known; parts only where all fails.

    Last of all what no leg carries any more.
    """
    if one.left is not None:
        return 3
    if one.part:
        return 2
    return 1 if one.moment is None or one.whole is Whole.UNKNOWN or one.told else 0


def _rank(one: Version, as_of: datetime | None) -> tuple[object, ...]:
    moment = one.at(as_of)
    return (
        _tier(one),
        -moment.timestamp() if moment is not None else 0.0,
        one.doubt is not None,
        # Without any age, what stands in its place is newer than what was taken away from there.
        _KINDS.index(one.kind) if moment is None else 0,
        tuple(-byte for byte in one.name) if moment is None else (),
        not one.database,
        len(one.lost),
        one.far,
        len(one.copy.via),
        # Of two that are alike in all this, always the same one.
        one.place,
        one.copy.location.names,
        one.copy.via,
        _standing(one, as_of),
        one.kind.value,
        one.location.names,
        one.name,
    )


def _standing(one: Version, as_of: datetime | None) -> int:
    """The order of one copy's states of the same moment.

    First what stood in its place then and was taken away later, then what stands there now, last
    what had been taken away by then.
    """
    if one.kind is not Kind.SET_ASIDE:
        return 1
    return 2 if _taken_away(one, as_of) else 0


def _taken_away(one: Version, as_of: datetime | None) -> bool:
    """Whether a run had replaced it by then.

    One that failed has no moment of its own: what it brought has that of what it set aside.
    """
    start = run_start(one.name) if one.kind is Kind.SET_ASIDE else None
    return start is not None and (as_of is None or start <= as_of)


def _refusal(one: Version, as_of: datetime | None, wanted: _Wanted, zone: ZoneInfo) -> str:
    """Why it may not be taken at all; empty where it may."""
    if one.whole in NEVER:
        return f"it is {one.whole.value}" + (f": {one.why}" if one.why else "")
    unwanted = _unwanted(one, wanted)
    if unwanted or as_of is None:
        return unwanted
    moment = one.at(as_of)
    if moment is None:
        return f"its age is not known: {one.why}"
    return "" if moment <= as_of else f"it is newer: of {shown(moment, zone)}"


def _unwanted(one: Version, wanted: _Wanted) -> str:
    """Why it is not what was asked for, whatever its moment."""
    place = wanted.place
    if place is not None and place not in {one.place, one.label}:
        return f"--from asks for {place}"
    if wanted.maker and one.copy.via[0] != wanted.maker:
        return f"--from asks for what {wanted.maker} has made"
    if wanted.databases and not one.copy.partial:
        return "--databases asks for verified copies of databases alone"
    anything = place is None and not wanted.databases
    if anything and one.part and one.kind is not Kind.SET_ASIDE:
        return "it holds only its databases: --databases brings those"
    return ""


def _because(
    chosen: Version,
    rest: Sequence[Version],
    as_of: datetime | None,
    wanted: _Wanted,
    zone: ZoneInfo,
) -> str:
    until = f" until {shown(as_of, zone)}" if as_of is not None else ""
    there = wanted.words
    if chosen.left is not None:
        return (
            f"nothing that a leg carries{there}{until} may be taken; this is an orphan since "
            f"{shown(chosen.left.since, zone)}"
        )
    if chosen.part and chosen.copy.partial:
        return f"it holds its databases alone, and is the newest{there}{until} that does"
    if chosen.part:
        return "nothing that is whole holds it; this is what one run took away of it"
    if _tier(chosen) == 1:
        known = chosen.why or "its runs are not known"
        return f"nothing better is known; how old or how whole it is, is not known: {known}"
    if as_of is not None and chosen.moment is not None and chosen.moment > as_of:
        return (
            f"no run has replaced it from before {shown(as_of, zone)} until "
            f"{shown(chosen.moment, zone)}; when it came is in no record"
        )
    if not rest:
        return f"it is the only one{there}{until} that may be taken"
    return f"it is the newest{there}{until}" + _tie(chosen, rest[0], as_of, zone)


def _tie(chosen: Version, other: Version, as_of: datetime | None, zone: ZoneInfo) -> str:
    """Why of two that are equally new."""
    if _tier(other) != _tier(chosen) or other.at(as_of) != chosen.at(as_of):
        return ""
    if other.doubt is not None and chosen.doubt is None:
        return f", and nothing speaks against it: {_doubted(other.doubt, zone)} at {other.label}"
    if chosen.database and not other.database:
        return ", a verified copy: a plain copy of a live database may not open"
    if len(chosen.lost) < len(other.lost):
        return f", and keeps more than {other.label}"
    if chosen.far != other.far:
        return f", and nearer than {other.label}"
    return f", and came over fewer hops than {other.label}" if _fewer(chosen, other) else ""


def _fewer(one: Version, other: Version) -> bool:
    return len(one.copy.via) < len(other.copy.via)


def _behind(one: Version, chosen: Version, as_of: datetime | None, zone: ZoneInfo) -> str:
    """Why an eligible one comes behind the chosen one."""
    if one.left is not None and chosen.left is None:
        return f"an orphan of {one.left.leg}: no leg carries it any more ({one.left.why})"
    if one.part and one.kind is Kind.SET_ASIDE:
        return "it holds only what one run took away"
    if one.told and not chosen.told:
        return f"its own run has said of it: {one.told}"
    if _tier(one) > _tier(chosen):
        return f"not known how old or whole: {one.why}" if one.why else "not known how whole"
    if one.at(as_of) != chosen.at(as_of):
        return "older"
    if one.doubt is not None and chosen.doubt is None:
        return f"the same state, and doubted: {_doubted(one.doubt, zone)}"
    return _behind_alike(one, chosen, as_of)


def _behind_alike(one: Version, chosen: Version, as_of: datetime | None) -> str:
    """Of two that show the same state, and against which nothing more speaks."""
    if chosen.database and not one.database:
        return "a plain copy: if a program was writing the database, it may not open"
    if len(one.lost) > len(chosen.lost):
        return "the same state, and it keeps less"
    if one.far and not chosen.far:
        return "the same state, and farther away"
    if _fewer(chosen, one):
        return "the same state, over more hops"
    return "a later run took it away" if _taken_away(one, as_of) else "the same state"


def _doubted(doubt: Doubt, zone: ZoneInfo) -> str:
    return f"{display(doubt.path)} differed when compared on {shown(doubt.at, zone)}"


def doubt_words(doubt: Doubt, zone: ZoneInfo) -> str:
    """What speaks against a version that is taken all the same."""
    if doubt.proven:
        return (
            f"{_doubted(doubt, zone)}: its content is not what the record of the dump says, so it "
            "is damaged here; --from takes an older one, or one at another place"
        )
    return (
        f"{_doubted(doubt, zone)} (same size and time, other content): this copy is damaged there, "
        "or what it was made of was; look at it before you use it"
    )


def unseen_words(one: Unseen) -> str:
    """Why a place offers nothing."""
    words = {
        There.NO: "it does not hold the path",
        There.AWAY: "its disk is not there",
        There.NOT_LOOKED: "not looked at",
        There.UNKNOWN: "it could not be looked at",
        There.YES: "it holds the path",
    }[one.there]
    return f"{words}: {one.why}" if one.why else words


def shown(moment: datetime, zone: ZoneInfo) -> str:
    """A moment, as people read it."""
    return moment.astimezone(zone).strftime("%a %d %b %Y %H:%M:%S")


def said(one: Version, zone: ZoneInfo) -> str:
    """Which state a version is."""
    when = f" of {shown(one.moment, zone)}" if one.moment is not None else ", age not known"
    if one.left is not None and one.kind is Kind.NEWEST:
        return f"what {one.left.leg} left{when}"
    match one.kind:
        case Kind.NEWEST:
            return f"the newest state{when}"
        case Kind.GENERATION:
            what = "verified copy" if one.database else "generation"
            return f"{what} {display(one.name)}{when}"
        case Kind.SET_ASIDE:
            return f"what run {display(one.name)} set aside{when}"
        case Kind.SNAPSHOT:
            return f"the place's own snapshot {display(one.name)}{when}"
