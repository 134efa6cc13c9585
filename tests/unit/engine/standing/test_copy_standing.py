"""The age of a copy along its chain, and whether what runs makes it at all."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.promises.chains import Copy
from engine.promises.plan_chains import chains_of
from engine.records.reports import RunStatus
from engine.standing.copy_standing import (
    as_of_along,
    feeds_along,
    is_applied,
    kept_by,
    of_products,
    parts_along,
)
from engine.standing.facts import Ran
from policy.patterns import parse_path_pattern
from policy.values import Duration
from tests.plans import leg_plan, mirror, plan, route

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def ran(hours: int, as_of: int | None = None, lasted: int = 0) -> Ran:
    started = NOW - timedelta(hours=hours)
    return Ran(
        started=started,
        ended=started + timedelta(hours=lasted),
        status=RunStatus.OK,
        data_as_of=NOW - timedelta(hours=as_of) if as_of is not None else None,
    )


@pytest.mark.parametrize(
    ("hops", "hours"),
    [
        ([[ran(3)]], 3),
        ([[ran(3, 4)]], 4),
        ([[]], None),
        # What the second hop notes is the oldest of all that it reads; this way was younger.
        ([[ran(9)], [ran(3, 20)]], 9),
        ([[ran(9, 10)], [ran(3, 20)]], 10),
        # What it reads was through by then, or was not.
        ([[ran(9)], [ran(3)]], 9),
        ([[ran(9, lasted=7)], [ran(3)]], None),
        ([[ran(9, lasted=7)], [ran(3, 20)]], 20),
        ([[ran(2)], [ran(3)]], None),
        ([[ran(2), ran(26)], [ran(3)]], 26),
        ([[ran(2), ran(4, lasted=2), ran(26)], [ran(3, 40)]], 26),
        ([[ran(1), ran(25), ran(49)], [ran(2), ran(26)], [ran(3)]], 49),
        ([[ran(9)], []], None),
        ([[], [ran(3, 5)]], None),
    ],
)
def test_law_32_a_copy_is_as_old_as_the_way_to_it(hops: list[list[Ran]], hours: int | None) -> None:
    expected = NOW - timedelta(hours=hours) if hours is not None else None
    assert as_of_along(hops) == expected


def chained(routes=()):
    lines = routes or (route("", "sda-mirror"),)
    legs = (mirror(), mirror("offsite", "synology:/copies", ("06:00",), takes="sda"))
    return plan(routes=lines, legs=legs)


def copies(of, path: bytes = b"a") -> tuple[Copy, ...]:
    return chains_of(of).of_path("nfs", (path,))


def test_law_32_a_tree_that_was_read_before_a_dump_came_holds_none_of_it() -> None:
    """What its reader notes is how live the tree was, and no dump had come into it yet."""
    made = chained()
    near, far = copies(made)
    feeds = feeds_along(made, near, "nfs")
    for data, expected in ((ran(2), None), (ran(9), 9)):
        hops = of_products(made, (None, *feeds), [[data], [ran(3, 3)]])
        found = as_of_along(hops)
        assert found == (NOW - timedelta(hours=expected) if expected else None)
    # What reads a destination notes the oldest of what legs have put there.
    both = [[ran(9, lasted=7)], [ran(3, 20)]]
    assert as_of_along(of_products(made, feeds_along(made, far, "nfs"), both)) is not None
    assert as_of_along(of_products(made, feeds, [[ran(3, 4)]])) == NOW - timedelta(hours=4)


def test_each_hop_has_its_feed() -> None:
    made = chained()
    near, far = copies(made)
    assert [one and one.reads for one in feeds_along(made, near, "nfs")] == ["nfs"]
    assert [one and one.reads for one in feeds_along(made, far, "nfs")] == ["nfs", "sda"]
    assert feeds_along(made, near, "other") == (None,)


def test_a_part_is_found_below_the_directory_of_the_leg_before() -> None:
    offsite = mirror("offsite", "synology:/copies", ("06:00",), takes="sda")
    for to, there in (("sda:/", [b"a"]), ("sda:/n", [b"n", b"a"])):
        made = plan(routes=(route("", "sda-mirror"),), legs=(mirror(to=to), offsite))
        _, far = copies(made)
        parts = parts_along(feeds_along(made, far, "nfs"), parse_path_pattern(b"a"))
        names = [[one.literal for one in part.components] for part in parts]
        assert names == [[b"a"], there]


def test_law_10_a_copy_of_an_edit_that_waits_is_none() -> None:
    made = chained()
    near, far = copies(made)
    assert is_applied(made, made, far, "nfs", (b"a",))
    moved = chained((route("a", "synology-direct"), route("", "sda-mirror")))
    assert not is_applied(moved, made, near, "nfs", (b"a",))
    assert is_applied(moved, made, near, "nfs", (b"b",)), "another path's edit"
    elsewhere = plan(routes=(route("", "sda-mirror"),), legs=(mirror(to="sda:/new"),))
    assert not is_applied(elsewhere, made, near, "nfs", (b"a",))


def test_what_is_kept_beside_the_newest_state_is_said() -> None:
    assert kept_by(leg_plan(mirror())) == ""
    kept = leg_plan(mirror(deleted_keep=Duration(30 * 86400)))
    assert kept_by(kept) == "what a run deletes or overwrites stays 30d"
    assert kept_by(None) == ""
