"""The steps of a `versions` leg."""

from __future__ import annotations

from dataclasses import replace

from engine.legs.versions import VersionsKind
from engine.rsync.filters import render_rules
from engine.runs.observation import FeedSeen
from engine.steps.generations import (
    CompleteGeneration,
    CopyGeneration,
    PruneGenerations,
    StageGeneration,
)
from engine.steps.items import CloseItem, OpenItem
from engine.steps.model import HookStep, Step, WriteRules
from policy.legs import VersionsLeg
from policy.parts import Attribute, Hook, Keep
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

LEG = VersionsLeg(name="hist", limits=LIMITS, keep=Keep(last=2), to=Place("disk", "/hist"))


def steps(*given: FeedSeen, leg: VersionsLeg = LEG, feeds: tuple[str, ...] = ()) -> list[Step]:
    names = feeds or tuple(one.feed for one in given)
    return list(VersionsKind().steps(planned(leg), observed(*given), RUN, names))


def copy_of(found: list[Step]) -> CopyGeneration:
    (copy,) = [one for one in found if isinstance(one, CopyGeneration)]
    return copy


def test_the_steps_come_in_their_order() -> None:
    hook = Hook(run=("true",), timeout=Duration(5))
    found = steps(seen(known(2, 1)), leg=replace(LEG, before=(hook,), finally_=(hook,)))
    assert [type(one) for one in found] == [
        HookStep,
        WriteRules,
        StageGeneration,
        CopyGeneration,
        CompleteGeneration,
        PruneGenerations,
        HookStep,
    ]


def test_everything_is_copied_into_an_empty_folder_and_linked_to_the_one_before() -> None:
    found = steps(seen(known(2, 1), others=(b".policyctl-staging",)))
    rules, copy = found[0], copy_of(found)
    assert isinstance(rules, WriteRules)
    assert rules.text == render_rules(ALL)
    assert [one for one in copy.argv if one.startswith(b"--link-dest")] == [
        b"--link-dest=../" + named(1),
        b"--link-dest=../.policyctl-unfinished",
    ]
    assert b"--filter=merge " + rules.path in copy.argv
    ends = (b"/srv/data/", b"/mnt/disk/hist/.policyctl-staging/")
    assert copy.argv[-2:] == ends
    assert copy.still == (SOURCE, *seen().source.mounted, ROOT)
    assert copy.previous_entries == 9
    assert not copy.from_item


def test_law_15_nothing_is_deleted_or_written_in_place() -> None:
    options = copy_of(steps(seen(known(2, 1)))).argv
    assert not any(one.startswith((b"--delete", b"--inplace", b"--partial")) for one in options)


def test_what_the_leg_does_not_keep_is_not_asked_for() -> None:
    given = seen(known(1))
    everything = copy_of(steps(given)).argv
    assert {b"--hard-links", b"--owner", b"--perms"} <= set(everything)
    less = copy_of(steps(given, leg=replace(LEG, preserve=(Attribute.TIMES,)))).argv
    assert not {b"--hard-links", b"--owner", b"--perms"} & set(less)
    cannot = replace(given, target=replace(given.target, cannot_keep=(Attribute.OWNER,)))
    assert set(everything) - set(copy_of(steps(cannot)).argv) == {
        *(b"--owner", b"--group", b"--numeric-ids"),
    }


def test_law_01_what_is_nobodys_where_it_is_read_is_not_carried() -> None:
    given = seen()
    strange = replace(given, source=replace(given.source, strangers=((b"x", b"a*b"), (b"y",))))
    (rules,) = [one for one in steps(strange) if isinstance(one, WriteRules)]
    assert rules.text == b"- /x/a[\\*]b\n- /y\n" + render_rules(ALL)


def test_an_item_is_copied_whole_while_it_is_open() -> None:
    found = steps(seen_item(web()))
    assert [type(one) for one in found] == [
        WriteRules,
        OpenItem,
        StageGeneration,
        CopyGeneration,
        CloseItem,
        CompleteGeneration,
    ]
    copy = copy_of(found)
    assert copy.from_item
    assert copy.argv[-2] == b"/run/n/item/"
    rules = found[0]
    assert isinstance(rules, WriteRules)
    assert rules.path == b"/run/n/filter-apps%web"
    assert b"- /lost+found/" in rules.text


def test_a_feed_that_was_refused_has_no_steps() -> None:
    assert steps(seen(), feeds=("other",)) == []
