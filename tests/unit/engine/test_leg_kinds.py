"""The registry of leg kinds, and what a mirror's steps are made of."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.legs import LegKind, Run, kind_of
from engine.legs.mirror import MirrorKind
from engine.legs.mirrored_entries import in_the_way, left_alone, remembered, strangers, unowned
from engine.plan.model import Feed, LegPlan, Location
from engine.plan.selection import Line, Selection
from engine.reach.targets import Identity, Presence, Target
from engine.rsync.command import SWEEP, mirror_options
from engine.rsync.filters import render_rules
from engine.runs.deletions import most_deletions
from engine.runs.observation import FeedSeen, FilterState, Observation, SourceSeen, TargetSeen
from engine.steps.model import (
    BeginPass,
    ClaimEntries,
    CompareForeign,
    DeletePass,
    EnsureDirectory,
    ExpireDeleted,
    GuardDeletions,
    HookStep,
    RecordProvenance,
    Transfer,
    WriteRules,
)
from policy.legs import (
    KIND_NAMES,
    DumpLeg,
    FetchLeg,
    Leg,
    MirrorLeg,
    SnapshotLeg,
    SqliteLeg,
    VersionsLeg,
)
from policy.parts import Attribute, Hook, Keep, Limits, SshTarget
from policy.patterns import PathPattern, literal_component
from policy.values import Duration, Percentage, Place, parse_chmod

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
LEG = MirrorLeg(name="nightly", limits=Limits(whole=Duration(3600)), to=Place("disk", "/"))
ALL = Selection(lines=(Line(pattern=PathPattern(), taken=True),), blocked=((b"images", b"x"),))
RUN = Run(run_id="20261122T020000Z-ab", now=NOW, directory=b"/run/n", control=b"/run/n/ssh")
SEEN = FeedSeen(
    feed="data",
    source=SourceSeen(
        path=b"/srv/data",
        presence=Presence.DIRECTORY,
        identity=Identity(path=b"/srv/data", device=1, inode=2),
        file_system="uuid:a",
        taken=(b"new", b"old", b"shared"),
        owned=frozenset({b"old", b"left", b"forgotten"}),
    ),
    target=TargetSeen(
        target=Target(holder="disk", root=b"/mnt/disk", names=(b"d",)),
        entries=(
            b".policyctl-deleted",
            b"images",
            b"left",
            b"lost+found",
            b"old",
            b"shared",
            b"str*nge",
        ),
        directories=frozenset({b"images", b"left", b"shared"}),
        set_aside=(b"20261101T020000Z-cd", b"20261121T020000Z-ef", b"notes"),
    ),
    filter_path=b"/f.rules",
    filter_state=FilterState.SAME,
)


EACH_KIND: tuple[Leg, ...] = (
    LEG,
    SnapshotLeg(name="a", limits=LEG.limits, keep=Keep(last=1)),
    VersionsLeg(name="b", limits=LEG.limits, keep=Keep(last=1), to=LEG.to),
    SqliteLeg(name="c", limits=LEG.limits, keep=Keep(last=1), to=LEG.to),
    FetchLeg(name="d", limits=LEG.limits, keep=Keep(last=1), to=LEG.to, files=()),
    DumpLeg(name="e", limits=LEG.limits, keep=Keep(last=1), to=LEG.to),
)


def leg_plan(leg: MirrorLeg = LEG) -> LegPlan:
    writes = Location(holder="disk", names=(b"d",))
    return LegPlan(leg=leg, feeds=(Feed(reads="data", writes=writes, selection=ALL),))


def steps(leg: MirrorLeg = LEG, seen: FeedSeen = SEEN):
    observation = Observation(plan_host="pve", host=None, rsync=(3, 5, 0), feeds=(seen,))
    return MirrorKind().steps(leg_plan(leg), observation, RUN, ("data",))


def test_the_registry_holds_every_kind() -> None:
    assert {type(leg) for leg in EACH_KIND} == set(KIND_NAMES)
    for leg in EACH_KIND:
        kind: LegKind = kind_of(leg)
        assert type(kind).__name__.removesuffix("Kind") == type(leg).__name__.removesuffix("Leg")


def test_who_owns_what_at_the_top_of_the_copies() -> None:
    assert strangers(SEEN, ALL) == (b"str*nge",)
    assert unowned(SEEN) == (b"shared",)
    assert (in_the_way(SEEN), left_alone(SEEN, ALL)) == ((), (b"str*nge",))
    # What the source lacks is gone after a pass, unless the filter keeps it.
    assert remembered(SEEN, ALL) == (b"new", b"old")
    other = Line(pattern=PathPattern((literal_component(b"left"),)), taken=False)
    kept = Selection(lines=(other, *ALL.lines))
    assert remembered(SEEN, kept) == (b"left", b"new", b"old")


def test_a_foreign_file_is_neither_written_nor_owned() -> None:
    seen = replace(SEEN, target=replace(SEEN.target, directories=frozenset({b"images"})))
    assert (unowned(seen), in_the_way(seen)) == ((), (b"shared",))
    assert left_alone(seen, ALL) == (b"shared", b"str*nge")
    assert remembered(seen, ALL) == (b"new", b"old")
    (compared,) = (one for one in steps(seen=seen) if isinstance(one, CompareForeign))
    assert compared.names == (b"shared",)
    assert compared.rules == b"+ /shared\n- *\n"
    assert b"--dry-run" in compared.argv


def test_the_steps_come_in_their_order() -> None:
    leg = replace(LEG, before=(Hook(run=("a",), timeout=Duration(5)),))
    leg = replace(leg, finally_=(Hook(run=("b",), timeout=Duration(5)),))
    found = steps(replace(leg, deleted_keep=Duration(7 * 86400)))
    assert [type(step) for step in found] == [
        HookStep,
        BeginPass,
        EnsureDirectory,
        WriteRules,
        WriteRules,
        ClaimEntries,
        Transfer,
        GuardDeletions,
        DeletePass,
        RecordProvenance,
        ExpireDeleted,
        HookStep,
    ]
    own, rules, claim, copy, delete, expire = (found[index] for index in (3, 4, 5, 6, 8, 10))
    assert isinstance(own, WriteRules)
    assert own.text == render_rules(ALL)
    assert isinstance(rules, WriteRules)
    assert rules.text == b"- /str[\\*]nge\nP /shared/***\n"
    assert isinstance(claim, ClaimEntries)
    assert claim.names == (b"new",)
    assert isinstance(copy, Transfer)
    assert isinstance(delete, DeletePass)
    assert isinstance(expire, ExpireDeleted)
    assert expire.run_ids == (b"20261101T020000Z-cd",)
    assert copy.argv[-3:] == (b"--", b"/srv/data/", b"/mnt/disk/d/")
    first = copy.argv.index(b"--filter=merge " + rules.path)
    assert copy.argv[first + 1 : first + 3] == (SWEEP, b"--filter=merge " + own.path)
    assert b"--max-delete=0" in copy.argv
    assert b"--delete" in copy.argv
    assert b"--delete-after" in delete.argv
    assert not any(word.startswith(b"--max-delete") for word in delete.argv)


def test_a_feed_that_was_refused_has_no_steps() -> None:
    observation = Observation(plan_host="pve", host=None, rsync=(3, 5, 0), feeds=(SEEN,))
    found = MirrorKind().steps(leg_plan(), observation, RUN, ())
    assert [type(step) for step in found] == [GuardDeletions]


def test_ssh_has_its_options_and_a_bare_rsync_makes_its_directory() -> None:
    ssh = Target(holder="nas", root=b"/v", names=(b"d",), ssh=SshTarget(account="u@h"))
    copy = next(
        step
        for step in steps(seen=replace(SEEN, target=replace(SEEN.target, target=ssh)))
        if isinstance(step, Transfer)
    )
    assert copy.argv[-1] == b"u@h:/v/d/"
    assert b"--secluded-args" in copy.argv
    bare = replace(SEEN, target=replace(SEEN.target, target=ssh, commands=False))
    found = steps(seen=bare)
    assert not any(isinstance(step, EnsureDirectory) for step in found)
    copy = next(step for step in found if isinstance(step, Transfer))
    assert b"--mkpath" in copy.argv


@pytest.mark.parametrize(
    ("limit", "before", "expected"),
    [
        (None, None, 1000),
        (None, 10_000, 1000),
        (None, 100_000, 5000),
        (0, 100_000, 0),
        (7, 100_000, 7),
        (Percentage(10_000), 500, 50),
        (Percentage(10_000), None, 0),
    ],
)
def test_the_deletion_limit(
    limit: int | Percentage | None, before: int | None, expected: int
) -> None:
    assert most_deletions(replace(LEG, max_delete=limit), before) == expected


def test_options_follow_what_the_leg_preserves_and_the_destination_keeps() -> None:
    leg = replace(LEG, preserve=tuple(Attribute), bandwidth=5000, deleted_keep=Duration(60))
    options = mirror_options(leg, cannot_keep=(), run_id="r1")
    assert options == (
        b"--recursive",
        b"--links",
        b"--times",
        b"--modify-window=-1",
        b"--perms",
        b"--owner",
        b"--group",
        b"--numeric-ids",
        b"--hard-links",
        b"--no-inc-recursive",
        b"--acls",
        b"--xattrs",
        b"--devices",
        b"--specials",
        b"--bwlimit=5000B",
        b"--backup",
        b"--backup-dir=.policyctl-deleted/r1",
        b"--partial-dir=.policyctl-partial",
        b"--timeout=600",
        b"--info=stats2",
        b"--no-human-readable",
    )
    less = mirror_options(leg, cannot_keep=(Attribute.OWNER, Attribute.SYMLINKS), run_id="r1")
    assert {b"--owner", b"--group", b"--numeric-ids", b"--links"} == set(options) - set(less)
    tight = mirror_options(
        replace(LEG, preserve=(), chmod=parse_chmod("D700,F600")), cannot_keep=(), run_id="r1"
    )
    assert tight[2:4] == (b"--perms", b"--chmod=D700,F600")
