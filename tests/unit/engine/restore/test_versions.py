"""Since when a state stood there, and which generations a later hop has carried on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.exit_codes import VANISHED, meaning_of
from engine.records.reports import RunStatus
from engine.restore.versions import (
    Kind,
    Unseen,
    carried_until,
    state_before,
    told_once,
    unchanged_between,
)
from engine.standing.copy_standing import There
from engine.standing.facts import Ran
from tests.unit.engine.restore.test_choice import NOW, copy, version


def day(number: int) -> datetime:
    return datetime(2026, 11, number, 2, tzinfo=UTC)


def ran(number: int, minutes: int = 10) -> Ran:
    start = day(number)
    return Ran(started=start, ended=start + timedelta(minutes=minutes), status=RunStatus.OK)


def test_a_later_hop_has_carried_what_was_through_before_it_began() -> None:
    makers = (ran(5), ran(4), ran(3))
    later = Ran(started=day(4) + timedelta(hours=2), ended=day(4), status=RunStatus.OK)
    assert carried_until([makers, (later,)]) == day(4)
    assert carried_until([makers, ()]) is None
    early = Ran(started=day(1), ended=day(1), status=RunStatus.OK)
    assert carried_until([makers, (early,)]) is None
    # What vanished under it may be half of a generation that was just going.
    lost = replace(later, reason=f"{meaning_of(VANISHED)}: 7 files")
    assert carried_until([makers, (lost,)]) is None
    assert carried_until([makers, (lost, later)]) == day(4)
    moving = tuple(replace(one, reason=meaning_of(VANISHED)) for one in makers)
    assert carried_until([moving, (later,)]) == day(4), "its own source may move"


def test_the_state_before_a_run_is_that_of_the_success_before_it() -> None:
    successes = (ran(5), ran(3))
    assert state_before(successes, day(5)) == ran(3)
    assert state_before(successes, day(3)) is None
    at_once = (ran(5, minutes=0), ran(3))
    assert state_before(at_once, day(5)) == ran(3), "a run is not the one before itself"


def test_a_state_stood_since_the_run_that_brought_it() -> None:
    newest = version(hours=0)
    aside = version(hours=48, kind=Kind.SET_ASIDE, name=b"20261127T020000Z-aaaaaa")
    came = {aside.name: NOW - timedelta(hours=34)}
    horizon = NOW - timedelta(days=9)
    first, second = unchanged_between((newest, aside), came, horizon)
    assert first.since == came[aside.name]
    assert second.since == horizon


def test_a_state_cannot_be_older_than_the_file_and_a_directory_is_never_unchanged() -> None:
    written = NOW - timedelta(hours=5)
    horizon = NOW - timedelta(days=9)
    one = version(hours=0, modified=written)
    assert unchanged_between((one,), {}, horizon)[0].since == written
    assert unchanged_between((version(directory=True),), {}, horizon)[0].since is None
    assert unchanged_between((version(),), {}, None)[0].since is None
    late = version(hours=6, modified=written)
    assert unchanged_between((late,), {}, horizon)[0].since is None


def test_a_place_that_holds_a_file_by_one_name_is_told_of_no_other() -> None:
    lacks = [Unseen(copy=copy("disk", "leg0"), there=There.NO) for _ in range(2)]
    away = [Unseen(copy=copy("usb", "leg0"), there=There.AWAY) for _ in range(2)]
    other = Unseen(copy=copy("disk", "leg1"), there=There.NO)
    assert told_once((version(),), (*lacks, *away, other)) == (away[0], other)
    assert told_once((), (*lacks, other)) == (lacks[0], other)
