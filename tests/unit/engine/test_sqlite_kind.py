"""The steps of a `sqlite` leg."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.generations.names import Standing
from engine.legs.sqlite import SqliteKind
from engine.runs.observation import FeedSeen, Waiver
from engine.steps.generations import (
    CompleteGeneration,
    CopyDatabases,
    PruneGenerations,
    StageGeneration,
)
from engine.steps.items import CloseItem, OpenItem
from engine.steps.model import Step
from policy.legs import SqliteLeg
from policy.parts import Keep, Limits
from policy.values import Duration, Place
from tests.generations import (
    ALL,
    LIMITS,
    ROOT,
    RUN,
    SOURCE,
    known,
    named,
    observed,
    planned,
    seen,
    seen_item,
    web,
)

LEG = SqliteLeg(name="bases", limits=LIMITS, keep=Keep(last=2), to=Place("disk", "/hist"))


def steps(*given: FeedSeen, leg: SqliteLeg = LEG) -> list[Step]:
    names = tuple(one.feed for one in given)
    return list(SqliteKind().steps(planned(leg), observed(*given), RUN, names))


def copy_of(found: list[Step]) -> CopyDatabases:
    (copy,) = [one for one in found if isinstance(one, CopyDatabases)]
    return copy


def test_a_tree_is_copied_while_it_is_used() -> None:
    found = steps(seen(known(2, 1)))
    assert [type(one) for one in found] == [
        StageGeneration,
        CopyDatabases,
        CompleteGeneration,
        PruneGenerations,
    ]
    copy = copy_of(found)
    assert b"--live" in copy.arguments
    assert copy.arguments[-2:] == (b"/srv/data", b"/mnt/disk/hist/.policyctl-staging")
    assert copy.still == (SOURCE, *seen().source.mounted, ROOT)
    assert (copy.selection, copy.previous_entries, copy.from_item) == (ALL, 9, False)


def test_law_15_equal_copies_are_linked_to_the_newest_complete_generation() -> None:
    given = (*known(3, 2), *known(1, standing=Standing.COMPLETE))
    found = steps(seen(given))
    words = copy_of(found).arguments
    assert words[words.index(b"--former") + 1] == named(1)
    (staged,) = [one for one in found if isinstance(one, StageGeneration)]
    linked = f"linked to {named(1).decode()} where equal"
    assert staged.choice.reason == f"every database whole, {linked}"
    assert b"--former" not in copy_of(steps(seen())).arguments


def test_an_item_is_frozen_and_all_of_it_is_wanted() -> None:
    found = steps(seen_item(web()))
    assert [type(one) for one in found] == [
        OpenItem,
        StageGeneration,
        CopyDatabases,
        CloseItem,
        CompleteGeneration,
    ]
    copy = copy_of(found)
    assert b"--live" not in copy.arguments
    assert (copy.selection, copy.from_item) == (None, True)


def test_law_11_a_person_may_allow_fewer_databases_for_one_run() -> None:
    given = replace(observed(seen()), waived=frozenset({Waiver.SMALLER_SOURCE}))
    assert (
        copy_of(list(SqliteKind().steps(planned(LEG), given, RUN, ("data",)))).previous_entries
        is None
    )


@pytest.mark.parametrize(("each", "expected"), [(None, b"3600.000"), (300, b"300.000")])
def test_law_13_each_database_and_all_of_them_have_a_limit(
    each: int | None, expected: bytes
) -> None:
    limits = Limits(whole=Duration(3600), each=Duration(each) if each else None)
    words = copy_of(steps(seen(), leg=replace(LEG, limits=limits))).arguments
    assert words[words.index(b"--each") + 1] == expected
    assert words[words.index(b"--all") + 1] == b"3600.000"
