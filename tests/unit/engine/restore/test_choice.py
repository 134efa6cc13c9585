"""Which version is taken: law 18's and law 15's rules, over all sorts of versions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.plan.model import Location
from engine.promises.chains import Copy
from engine.restore.choice import choose, said, unseen_words
from engine.restore.versions import NEVER, Doubt, Kind, Left, Unseen, Version, Whole
from engine.standing.copy_standing import There
from policy.parts import Attribute

ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def copy(place: str = "disk", *via: str) -> Copy:
    legs = via or ("nightly",)
    location = Location(holder=place, names=(b"data", b"file"))
    return Copy(location=location, leg=legs[-1], via=legs, media=None, site=None, rpo=None)


def version(place: str = "disk", *, hours: int | None = 0, hops: int = 1, **more) -> Version:
    one = copy(place, *(f"leg{number}" for number in range(hops)))
    found = Version(
        copy=one,
        location=one.location,
        kind=Kind.NEWEST,
        moment=NOW - timedelta(hours=hours) if hours is not None else None,
        whole=Whole.COMPLETE,
    )
    return replace(found, **more)


def chosen(*versions: Version, as_of: datetime | None = None, place: str | None = None):
    return choose(versions, as_of=as_of, place=place, zone=ZONE)


def test_the_newest_is_taken() -> None:
    found = chosen(version(hours=2), version("nas", hours=1))
    assert found.chosen is not None
    assert found.chosen.place == "nas"
    assert [one.why for one in found.passed] == ["older"]


def test_law_18_what_its_own_run_has_told_is_taken_where_nothing_else_is() -> None:
    told = version("nas", hours=1, told="not one row is in it")
    found = chosen(version(hours=2), told)
    assert found.chosen is not None
    assert found.chosen.place == "disk"
    assert [one.why for one in found.passed] == ["its own run has said of it: not one row is in it"]
    assert chosen(told).chosen is told
    assert chosen(version(hours=2), told, place="nas").chosen is told


@pytest.mark.parametrize(
    ("worse", "why"),
    [
        ({"lost": (Attribute.OWNER,)}, "the same state, and it keeps less"),
        ({"far": True}, "the same state, and farther away"),
        ({"hops": 2}, "the same state, over more hops"),
        ({"hours": None}, "not known how whole"),
        ({"whole": Whole.UNKNOWN, "why": "no run"}, "not known how old or whole: no run"),
        ({"part": True, "kind": Kind.SET_ASIDE}, "it holds only what one run took away"),
        ({"whole": Whole.DAMAGED}, "it is damaged"),
        ({"whole": Whole.INCOMPLETE, "why": "cut off"}, "it is incomplete: cut off"),
    ],
)
def test_of_two_the_better_one_is_taken_and_the_other_is_told(worse, why: str) -> None:
    best = version("zzz")
    found = chosen(version("aaa", **worse), best)
    assert found.chosen == best
    assert [one.why for one in found.passed] == [why]


def databases_alone(**more) -> Version:
    """A folder that holds nothing but the databases of a directory."""
    one = version("disk", kind=Kind.GENERATION, name=b"2026-11-28T11-00-00Z", **more)
    return replace(one, directory=True, part=True, copy=replace(one.copy, partial=True))


def test_databases_alone_are_no_directory_unless_they_are_asked_for() -> None:
    whole, alone = version("nas", hours=9, directory=True), databases_alone()
    found = chosen(alone, whole)
    assert found.chosen == whole
    (passed,) = found.passed
    assert passed.why == "it holds only its databases: --databases brings those"
    found = choose((alone, whole), as_of=None, place=None, zone=ZONE, databases=True)
    assert found.chosen == alone
    assert found.why == "it holds its databases alone, and is the newest that does"
    (passed,) = found.passed
    assert passed.why == "--databases asks for verified copies of databases alone"


def test_of_databases_the_state_of_then_may_be_asked_for() -> None:
    old, new = databases_alone(hours=30), databases_alone(hours=1)
    as_of = NOW - timedelta(hours=24)
    found = choose((new, old), as_of=as_of, place=None, zone=ZONE, databases=True)
    assert found.chosen == old


def test_a_place_that_is_asked_for_may_hold_databases_alone() -> None:
    alone = databases_alone()
    found = chosen(alone, version("nas", directory=True), place="disk")
    assert found.chosen == alone


@pytest.mark.parametrize(
    ("as_of", "kind"),
    [
        (None, Kind.NEWEST),
        (NOW + timedelta(hours=3), Kind.NEWEST),
        (NOW + timedelta(hours=1), Kind.SET_ASIDE),
    ],
)
def test_what_a_failed_run_set_aside_is_not_the_newest_from_then_on(
    as_of: datetime | None, kind: Kind
) -> None:
    """It has the moment of the run before, and so has what the failed run brought."""
    began = (NOW + timedelta(hours=2)).strftime("%Y%m%dT%H%M%SZ").encode() + b"-0a1b2c"
    old = Location(holder="disk", names=(b"data", b".policyctl-deleted", began, b"file"))
    aside = version(kind=Kind.SET_ASIDE, name=began, location=old)
    found = chosen(aside, version(), as_of=as_of)
    assert found.chosen is not None
    assert found.chosen.kind is kind
    if kind is Kind.NEWEST:
        assert [one.why for one in found.passed] == ["a later run took it away"]


def test_of_equal_states_one_that_was_found_to_differ_comes_last() -> None:
    """It is the newest all the same: what is older is another state."""
    doubt = Doubt(path=b"data/file", at=NOW)
    found = chosen(version(doubt=doubt), version("zzz", hops=2))
    assert found.chosen is not None
    assert found.chosen.place == "zzz"
    assert found.why == (
        "it is the newest, and nothing speaks against it: data/file differed when compared on "
        "Sat 28 Nov 2026 12:00:00 at disk"
    )
    assert found.passed[0].why == (
        "the same state, and doubted: data/file differed when compared on Sat 28 Nov 2026 12:00:00"
    )
    older = chosen(version(doubt=doubt), version("zzz", hours=1)).chosen
    assert older is not None
    assert older.place == "disk"


def test_a_verified_database_comes_before_a_plain_copy_of_the_same_moment() -> None:
    found = chosen(version("aaa"), version("zzz", hops=2, database=True))
    assert found.chosen is not None
    assert found.chosen.database
    assert "may not open" in found.why


def test_what_stood_there_unchanged_is_the_state_of_then() -> None:
    day = NOW - timedelta(days=1)
    stood = version(hours=0, since=day - timedelta(days=1))
    found = chosen(stood, version(hours=72, kind=Kind.SET_ASIDE), as_of=day)
    assert found.chosen == stood
    assert "when it came is in no record" in found.why
    late = chosen(replace(stood, since=NOW - timedelta(hours=1)), as_of=day)
    assert late.chosen is None
    assert late.passed[0].why.startswith("it is newer: of ")


def test_a_place_or_one_version_can_be_asked_for() -> None:
    old = version(hours=9, kind=Kind.GENERATION, name=b"2026-11-28T03-00-00Z")
    assert chosen(version(), old, place="disk:2026-11-28T03-00-00Z").chosen == old
    none = chosen(version(), place="nas")
    assert none.chosen is None
    assert none.passed[0].why == "--from asks for nas"


def test_without_any_age_what_stands_there_comes_before_what_was_taken_away() -> None:
    newest = version("zzz", hours=None)
    aside = [
        version("aaa", hours=None, kind=Kind.SET_ASIDE, name=name)
        for name in (b"20261127T020000Z-aaaaaa", b"20261128T020000Z-aaaaaa")
    ]
    found = chosen(*aside, newest)
    assert found.chosen == newest
    assert [one.version for one in found.passed] == [aside[1], aside[0]]


def test_words() -> None:
    unseen = Unseen(copy=copy(), there=There.UNKNOWN, why="no answer in time")
    assert unseen_words(unseen) == "it could not be looked at: no answer in time"
    assert said(version(hours=None), ZONE) == "the newest state, age not known"


VERSIONS = st.lists(
    st.builds(
        version,
        st.sampled_from(("disk", "nas", "second")),
        hours=st.none() | st.integers(0, 4),
        hops=st.integers(1, 3),
        whole=st.sampled_from(Whole),
        far=st.booleans(),
        part=st.booleans(),
        database=st.booleans(),
        kind=st.just(Kind.SET_ASIDE),
        lost=st.sampled_from(((), (Attribute.OWNER,))),
        since=st.none() | st.integers(1, 9).map(lambda hours: NOW - timedelta(hours=hours)),
    ),
    max_size=6,
)
AS_OF = st.none() | st.integers(0, 5).map(lambda hours: NOW - timedelta(hours=hours))


@given(VERSIONS, AS_OF)
def test_what_is_taken_is_whole_no_newer_than_asked_and_nothing_as_good_is_newer(
    versions: list[Version], as_of: datetime | None
) -> None:
    found = chosen(*versions, as_of=as_of)
    one = found.chosen
    for other in found.passed:
        assert other.why
        assert other.eligible is (other.why != "" and other.version.whole not in NEVER) or not (
            other.eligible
        )
    if one is None:
        assert not [other for other in found.passed if other.eligible]
        return
    assert one.whole not in NEVER
    moment = one.at(as_of)
    if as_of is not None:
        assert moment is not None
        assert moment <= as_of
    sure = one.moment is not None and one.whole is not Whole.UNKNOWN and not one.part
    for other in found.passed:
        theirs = other.version
        known = theirs.at(as_of)
        as_good = theirs.whole is not Whole.UNKNOWN and not theirs.part
        if other.eligible and known is not None and as_good:
            assert sure, "what is known to be whole comes first"
            assert moment is not None
            assert known <= moment


@given(VERSIONS, AS_OF, st.randoms(use_true_random=False))
def test_the_order_of_finding_does_not_matter(
    versions: list[Version], as_of: datetime | None, random
) -> None:
    shuffled = list(versions)
    random.shuffle(shuffled)
    first, second = chosen(*versions, as_of=as_of), chosen(*shuffled, as_of=as_of)
    assert first.chosen == second.chosen
    assert first.why == second.why


LEFT = Left(name="disk:/data", leg="nightly", since=NOW, why="routed to none")


def test_what_no_leg_carries_comes_last_however_new_it_is() -> None:
    orphan = version("nas", hours=1, left=LEFT)
    others = (version(hours=9), version(hours=None), version(part=True, kind=Kind.SET_ASIDE))
    for one in others:
        found = chosen(orphan, one)
        assert found.chosen is one
        (passed,) = found.passed
        assert passed.eligible
        assert passed.why == "an orphan of nightly: no leg carries it any more (routed to none)"


def test_it_is_taken_where_nothing_else_may_be_and_by_its_name() -> None:
    orphan, other = version(hours=1, left=LEFT), version(hours=0, whole=Whole.DAMAGED)
    found = chosen(orphan, other)
    assert found.chosen is orphan
    assert found.why.startswith("nothing that a leg carries may be taken; this is an orphan since")
    assert chosen(orphan, version(), place="disk:/data").chosen is orphan
    assert said(orphan, ZONE).startswith("what nightly left of ")


def test_a_generation_in_it_has_a_name_of_its_own() -> None:
    one = version(left=LEFT, kind=Kind.GENERATION, name=b"2026-11-28T03-00-00Z")
    assert one.label == "disk:/data/2026-11-28T03-00-00Z"
    root = replace(LEFT, name="disk:/")
    assert replace(one, left=root).label == "disk:/2026-11-28T03-00-00Z"


def test_what_one_leg_has_made_is_taken_wherever_it_lies_and_the_rest_says_why_not() -> None:
    mine = replace(version("nas", hours=2), copy=copy("nas", "mine", "carried"))
    other = version(hours=1)
    found = choose((mine, other), as_of=None, place=None, zone=ZONE, maker="mine")
    assert found.chosen is mine
    assert found.why == "it is the only one of those that mine has made that may be taken"
    assert [one.why for one in found.passed] == ["--from asks for what mine has made"]
    assert found.next_best is None
