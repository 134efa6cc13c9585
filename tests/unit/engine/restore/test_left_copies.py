"""Which orphans hold a path, and where it lies in them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine.orphans.noted_copies import Orphan
from engine.plan.model import Location, Plan
from engine.plan.spots import spot
from engine.restore.left_copies import LeftCopy, left_copies
from tests.e2e.test_restore import HOUSE
from tests.integration.lab import compiled

SINCE = datetime(2026, 11, 28, tzinfo=UTC)
PLAN = compiled(HOUSE)
REFERENCE = Path(__file__).parents[4] / "examples/homelab/backup-policy.yaml"
ITEMS = compiled(REFERENCE.read_text())


def orphan(path: bytes = b"old/a", inside: bytes = b"a", **more) -> Orphan:
    one = Orphan(
        place=spot("disk", path),
        leg="gone",
        reads="data",
        live=spot("data", inside),
        why="the leg gone is gone",
        form="",
    )
    return replace(one, **more)


def held(
    *names: bytes,
    one: Orphan,
    plan: Plan = PLAN,
    source: str = "data",
    retired: tuple[Location, ...] = (),
) -> tuple[LeftCopy, ...]:
    known = plan.source(source)
    assert known is not None
    return tuple(left_copies(plan, known, names, [(one, SINCE)], retired, deepest=4))


def test_a_path_lies_below_the_root_of_the_live_data_in_it() -> None:
    (found,) = held(b"a", b"x", one=orphan())
    assert found.copy.location.names == (b"old", b"a", b"x")
    assert found.copy.dated is None
    assert (found.left.name, found.left.leg, found.left.since) == ("disk:/old/a", "gone", SINCE)


def test_only_what_lies_in_it_is_held() -> None:
    assert not held(one=orphan()), "the parent"
    assert not held(b"b", one=orphan())
    assert not held(b"a", one=orphan(b"data/*", b"*")), "nightly carries that today"
    assert not held(b"a", one=orphan(b"old/.policyctl-deleted", b".policyctl-deleted"))
    assert not held(b"a", one=orphan(place=spot("away", b"old/a")))
    assert not held(b"a", one=orphan(live=spot("other", b"a")))


def test_a_wildcard_holds_what_it_matches() -> None:
    (found,) = held(b"a", b"x", one=orphan(b"old/*", b"*"))
    assert found.copy.location.names == (b"old", b"a", b"x")


def test_generations_stand_between_the_place_and_the_path() -> None:
    (found,) = held(b"a", b"x", one=orphan(b"old", b"", form="gone"))
    assert found.copy.dated == 1
    assert found.copy.location.names == (b"old", b"a", b"x")
    assert found.reads == "data"


def test_how_long_an_items_address_is_nobody_knows() -> None:
    one = orphan(form="gone", place=spot("sda", b"apart/apps"), live=spot("pvcs", b"apps"))
    assert not held(b"apps", one=one, plan=ITEMS, source="pvcs"), "the mirror around it"
    left = (Location(holder="sda", names=(b"apart",)),)
    found = held(b"apps", b"wiki", b"x", one=one, plan=ITEMS, source="pvcs", retired=left)
    assert [(each.copy.dated, each.reads) for each in found] == [
        (2, "apps"),
        (3, "apps/wiki"),
        (4, "apps/wiki/x"),
    ]
