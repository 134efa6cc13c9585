"""Where a generation is written, and what goes after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.generations.names import Generation, Standing
from engine.generations.reasons import Outrun, Rule
from engine.legs.generation_frame import Frame, foreign_beside, letting_go, most_at_once
from engine.runs.observation import FeedSeen
from engine.steps.generations import (
    STAGING,
    UNFINISHED,
    CompleteGeneration,
    PruneGenerations,
    StageGeneration,
)
from engine.steps.items import CloseItem, OpenItem
from engine.steps.model import EnsureDirectory
from engine.steps.modes import Mode
from policy.parts import Keep
from policy.values import parse_duration
from tests.generations import (
    HIST,
    NAME,
    NOW,
    ROOT,
    RUN,
    SOURCE,
    ZONE,
    ago,
    known,
    named,
    seen,
    seen_item,
    web,
)

FEW = Keep(last=3)


def frame(given: FeedSeen, keep: Keep = FEW) -> Frame:
    return Frame(given, keep, RUN, ZONE)


def gone(generations: Sequence[Generation], keep: Keep = FEW) -> list[bytes]:
    decisions = letting_go(generations, keep, RUN, ZONE)
    return [named((ago(0) - one.generation.moment).days) for one in decisions]


class TestBases:
    def test_the_newest_complete_one_is_the_base(self) -> None:
        given = seen((*known(3), *known(2, standing=Standing.COMPLETE)))
        assert frame(given).bases == (named(2),)

    @pytest.mark.parametrize("standing", [Standing.DAMAGED, Standing.INCOMPLETE])
    def test_law_15_what_is_not_complete_is_no_base(self, standing: Standing) -> None:
        assert frame(seen((*known(3), *known(1, standing=standing)))).bases == (named(3),)

    def test_one_that_is_dated_in_the_future_is_as_good_as_any(self) -> None:
        assert frame(seen(known(3, -5))).base == named(-5)

    def test_the_first_one_has_none(self) -> None:
        assert frame(seen()).base is None
        assert frame(seen()).bases == ()

    @pytest.mark.parametrize("left", [STAGING, UNFINISHED])
    def test_what_a_killed_run_had_written_is_one_too(self, left: bytes) -> None:
        """By the time of the copy it has been renamed."""
        assert frame(seen(known(1), others=(left,))).bases == (named(1), UNFINISHED)
        assert frame(seen(others=(left,))).bases == (UNFINISHED,)
        assert frame(seen(files=(left,))).bases == ()


class TestSteps:
    def test_it_is_written_aside(self) -> None:
        (stage,) = frame(seen(known(1))).begin("why")
        assert isinstance(stage, StageGeneration)
        assert (stage.choice.mode, stage.choice.reason) == (Mode.FULL, "why")
        assert frame(seen()).staging.path == b"/mnt/disk/hist/.policyctl-staging"

    def test_a_folder_that_is_not_there_is_made_first(self) -> None:
        given = seen()
        given = replace(given, target=replace(given.target, present=False))
        assert [type(one) for one in frame(given).begin("x")] == [EnsureDirectory, StageGeneration]

    def test_it_gets_the_name_of_the_start_of_its_run_before_anything_goes(self) -> None:
        complete, prune = frame(seen(known(3, 2, 1))).end()
        assert isinstance(complete, CompleteGeneration)
        assert complete.name == NAME
        assert complete.kept == (named(3), named(2), named(1))
        assert complete.mounts == (b"/srv/data/m",)
        assert isinstance(prune, PruneGenerations)
        assert (prune.target, prune.names) == (HIST, (named(3),))

    def test_where_nothing_goes_no_step_says_so(self) -> None:
        (complete,) = frame(seen(known(1))).end()
        assert isinstance(complete, CompleteGeneration)

    def test_law_24_source_mounts_and_disk_must_stay_the_same(self) -> None:
        given = seen()
        assert frame(given).still == (SOURCE, *given.source.mounted, ROOT)
        assert frame(seen_item(web())).still == (ROOT,)

    def test_an_item_is_opened_and_closed_around_the_copy(self) -> None:
        item = web(key_file=b"/etc/key", snapshots=2)
        (opening,) = frame(seen_item(item)).opening("files")
        assert opening == OpenItem(
            feed="apps/web",
            snapshot=item.snapshots[-1],
            reader="files",
            key_file=b"/etc/key",
            at=b"/run/n/item",
        )
        assert tuple(frame(seen_item(item)).closing()) == (CloseItem(feed="apps/web"),)
        assert tuple(frame(seen()).opening("files")) == tuple(frame(seen()).closing()) == ()


class TestLettingGo:
    def test_what_goes_is_judged_as_if_the_new_one_was_there(self) -> None:
        (one,) = letting_go(known(3, 2, 1), FEW, RUN, ZONE)
        assert one.generation.moment == ago(3)
        assert one.reasons == (Outrun(rule=Rule.LAST, limit=3, period=ago(3).isoformat()),)
        assert gone(known(2, 1)) == []

    def test_law_16_at_most_half_of_what_is_there_goes_and_the_oldest_first(self) -> None:
        """Nine and the new one, and the rule wants one: five go, not nine."""
        assert gone(known(*range(9, 0, -1)), Keep(last=1)) == [named(n) for n in (9, 8, 7, 6, 5)]
        assert gone(known(1), Keep(last=1)) == [named(1)]

    def test_what_was_away_for_longer_than_within_does_not_go_at_once(self) -> None:
        old = known(*range(68, 60, -1))
        assert gone(old, Keep(within=parse_duration("7d"))) == [named(n) for n in (68, 67, 66, 65)]

    def test_law_17_order_of_listing_is_of_no_matter(self) -> None:
        assert gone(known(1, 3, 2)) == gone(known(3, 2, 1)) == [named(3)]

    @pytest.mark.parametrize(("there", "most"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (10, 5)])
    def test_how_many_go_at_once(self, there: int, most: int) -> None:
        assert most_at_once(there) == most

    def test_where_the_name_is_taken_nothing_goes(self) -> None:
        """The clock was set back: completing it fails, since nothing is overwritten."""
        assert gone(known(5, 4, 3, 2, 1, 0)) == []

    def test_what_is_dated_in_the_future_stays_and_counts_for_nothing(self) -> None:
        assert gone(known(3, 2, 1, -1, -2)) == [named(3)]

    def test_damaged_ones_stay(self) -> None:
        given = (*known(5, standing=Standing.DAMAGED), *known(3, 2, 1))
        assert gone(given) == [named(3)]

    def test_fractions_of_a_second_are_no_part_of_a_name(self) -> None:
        assert NOW - ago(0) == timedelta(microseconds=7)
        assert gone(known(0)) == []


class TestForeign:
    def test_whatever_the_leg_has_not_made_is_foreign_whatever_its_name(self) -> None:
        given = seen(known(1), others=(b"photos", named(400), STAGING), files=(b"note",))
        assert foreign_beside(given) == (named(400), b"note", b"photos")

    def test_only_names_of_the_engines_own_are_not(self) -> None:
        given = seen(others=(b".policyctl-staging", b".policyctl-going", b"lost+found"))
        assert foreign_beside(given) == ()
        assert foreign_beside(seen(files=(b"lost+found",))) == (b"lost+found",)
