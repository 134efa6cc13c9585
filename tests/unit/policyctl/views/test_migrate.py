"""What `migrate` says, where one reason holds of many paths."""

from datetime import UTC, datetime

from engine.orphans.migration import Stay
from engine.orphans.noted_copies import Orphan
from engine.plan.model import Location
from engine.plan.spots import spot
from engine.system.orphans.migrate import Migrated
from engine.system.state.orphans import OrphanRecord
from policyctl.migrating import Done
from policyctl.views.migrate import done_lines

ORPHAN = Orphan(
    place=spot("nas", b"y"),
    leg="onward",
    reads="disk",
    live=spot("data", b""),
    why="onward writes somewhere else",
)


def stay(name: str, why: str, *, belongs: bool = False) -> Stay:
    names = (name.encode(),)
    old = Location(holder="nas", names=(b"y", *names))
    return Stay(names=names, old=old, why=why, belongs=belongs)


def done(*stays: Stay, busy: bool = False) -> Done:
    record = OrphanRecord(orphan=ORPHAN, since=datetime(2026, 3, 1, tzinfo=UTC), files=1, bytes=1)
    return Done(record=record, migrated=Migrated(moved=(), stays=stays), busy=busy)


def test_what_holds_of_many_is_said_once() -> None:
    many = [stay(f"s{number}", "no leg carries it now") for number in range(1200)]
    assert list(done_lines([done(*many, stay("x\ny", "it is there already"))])) == [
        "nas:/y stays",
        "  stays: nas:/y/s0 and 1,199 more: no leg carries it now",
        r"  stays: nas:/y/x\ny: it is there already",
    ]


def test_nothing() -> None:
    assert list(done_lines([])) == ["nothing was to be renamed"]


def test_only_what_belongs_somewhere_else_waits() -> None:
    assert not done(stay("a", "no leg carries it now")).waits
    assert not done(stay("a", "no leg carries it now")).of_note
    assert done(stay("a", "no leg carries it now"), stay("b", "later", belongs=True)).waits
    assert done(stay("a", "a run writes there"), busy=True).waits
