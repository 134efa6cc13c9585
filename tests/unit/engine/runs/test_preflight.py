"""Preflight: each guard refuses what it is there for, and lets the rest pass."""

from dataclasses import replace

import pytest

from engine.plan.model import LegPlan
from engine.reach.targets import Identity, Landing, Presence, Target
from engine.records.reports import Finding, Verdict
from engine.runs.observation import (
    FeedSeen,
    FilterState,
    Observation,
    SourceSeen,
    TargetSeen,
    Waiver,
)
from engine.runs.preflight import preflight, preflight_kind, refusals
from policy.legs import MirrorLeg
from policy.parts import KubernetesRunner, Limits, SshTarget
from policy.values import Duration, Percentage, Place

LIMITS = Limits(whole=Duration(3600))
LEG = MirrorLeg(name="nightly", limits=LIMITS, to=Place("disk", "/"))
PLAN = LegPlan(leg=LEG, feeds=())
SOURCE = SourceSeen(
    path=b"/srv/data",
    presence=Presence.DIRECTORY,
    identity=Identity(path=b"/srv/data", device=1, inode=2),
    file_system="uuid:a",
    entries=100,
    previous_entries=110,
    previous_file_system="uuid:a",
)
TARGET = TargetSeen(
    target=Target(holder="disk", root=b"/mnt/disk", names=()),
    recorded="uuid:d",
    found="uuid:d",
    free=50 * 2**30,
    total=100 * 2**30,
    max_used=Percentage(90_000),
    present=True,
)
AWAY = replace(
    TARGET,
    target=Target(holder="nas", root=b"/vol", names=(), ssh=SshTarget(account="u@nas")),
    identity_needed=False,
    rsync=(3, 2, 7),
)


def seen(
    source: SourceSeen = SOURCE,
    target: TargetSeen = TARGET,
    state: FilterState = FilterState.SAME,
    *waived: Waiver,
    host: str | None = "pve",
    rsync: tuple[int, int, int] | None = (3, 5, 0),
) -> Observation:
    feed = FeedSeen(
        feed="data", source=source, target=target, filter_path=b"/f.rules", filter_state=state
    )
    return Observation(
        plan_host="pve", host=host, rsync=rsync, feeds=(feed,), waived=frozenset(waived)
    )


def refused(observation: Observation) -> list[str]:
    return [row.found for row in preflight(PLAN, observation) if row.verdict is Verdict.REFUSED]


def noted(observation: Observation) -> list[str]:
    return [row.found for row in preflight(PLAN, observation) if row.verdict is Verdict.NOTED]


def test_a_sound_machine_gives_a_table_without_refusals() -> None:
    assert [(row.looked_at, row.found) for row in preflight(PLAN, seen())] == [
        ("host", "pve"),
        ("rsync here", "version 3.5.0"),
        ("source /srv/data", "100 entries"),
        ("source /srv/data: file system", "uuid:a"),
        ("filter file /f.rules", "as applied"),
        ("destination disk: identity", "uuid:d"),
        ("destination disk: room", "50.0 GiB free, 50% used"),
    ]
    assert refused(seen(target=AWAY)) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (replace(SOURCE, presence=Presence.MISSING), "there is nothing"),
        (replace(SOURCE, presence=Presence.OTHER), "there is not a directory"),
        (replace(SOURCE, presence=Presence.UNREADABLE), "there is something that cannot be read"),
        (replace(SOURCE, entries=0), "nothing that this leg takes is in it: is it mounted?"),
        (replace(SOURCE, entries=54), "54 entries, and 110 at the last success; if that is right"),
        (replace(SOURCE, file_system="uuid:b"), "uuid:b, and uuid:a at the last success; if"),
        (replace(SOURCE, previous_mounts=(b"/srv/data/m",)), "/srv/data/m was mounted at the last"),
    ],
)
def test_a_wrong_source_is_refused(source: SourceSeen, found: str) -> None:
    assert [one[: len(found)] for one in refused(seen(source))] == [found]


@pytest.mark.parametrize(
    "source",
    [
        replace(SOURCE, entries=55),
        replace(SOURCE, entries=10, counted_all=False, previous_entries=1000),
        replace(SOURCE, previous_entries=None, previous_file_system=None),
        replace(SOURCE, mounts=(b"/srv/data/m",), previous_mounts=(b"/srv/data/m",)),
    ],
)
def test_a_right_source_is_not(source: SourceSeen) -> None:
    assert refused(seen(source)) == []


def test_waivers_lift_one_guard_each() -> None:
    smaller = replace(SOURCE, entries=3)
    assert refused(seen(smaller, TARGET, FilterState.SAME, Waiver.SMALLER_SOURCE)) == []
    assert len(refused(seen(smaller, TARGET, FilterState.SAME, Waiver.OTHER_FILE_SYSTEM))) == 1
    moved = replace(SOURCE, file_system="uuid:b", previous_mounts=(b"/srv/data/m",))
    assert refused(seen(moved, TARGET, FilterState.SAME, Waiver.OTHER_FILE_SYSTEM)) == []
    empty = replace(SOURCE, entries=0)
    assert len(refused(seen(empty, TARGET, FilterState.SAME, *Waiver))) == 1


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (replace(TARGET, root=Presence.MISSING), "at /mnt/disk there is nothing"),
        (replace(TARGET, recorded=None), "none was recorded: run `policyctl apply` while the"),
        (replace(TARGET, found="uuid:x"), "uuid:x, and uuid:d was recorded: is it mounted?"),
        (replace(TARGET, found=None), "none, and uuid:d was recorded: is it mounted?"),
        (replace(TARGET, free=1024), "0.0 GiB free, 100% used: too full to begin"),
        (replace(AWAY, unreachable="No route to host"), "it does not answer: No route to host"),
        (replace(AWAY, rsync=(3, 1, 3)), "version 3.1.3: 3.2 or later is needed"),
        (replace(AWAY, rsync=None), "no rsync that tells its version: install rsync 3.2 or later"),
    ],
)
def test_a_wrong_destination_is_refused(target: TargetSeen, found: str) -> None:
    assert [one[: len(found)] for one in refused(seen(target=target))] == [found]


def test_what_is_not_known_is_told_but_not_refused() -> None:
    assert noted(seen(target=replace(TARGET, free=5 * 2**30)))[0].endswith("its limit of 90%")
    bare = replace(AWAY, rsync=None, commands=False, root=Presence.UNKNOWN, free=None, total=None)
    assert refused(seen(target=bare)) == []
    assert len(noted(seen(target=bare))) == 4


def test_the_filter_file_must_be_the_applied_one() -> None:
    assert "missing" in refused(seen(SOURCE, TARGET, FilterState.MISSING))[0]
    assert "changed by hand" in refused(seen(SOURCE, TARGET, FilterState.CHANGED))[0]


@pytest.mark.parametrize(("version"), [None, (3, 1, 9), (2, 6, 9)])
def test_an_old_or_missing_rsync_is_refused(version: tuple[int, int, int] | None) -> None:
    assert len(refused(seen(rsync=version))) == 1


def test_another_host_is_refused_but_not_below_a_root() -> None:
    assert refused(seen(host="other")) == ["this is other, and the policy is for pve"]
    assert refused(seen(host="pve.example.net")) == []
    assert refused(seen(host=None)) == []


def test_a_leg_of_the_cluster_is_refused() -> None:
    runner = KubernetesRunner(namespace="backups")
    (row,) = preflight_kind(replace(PLAN, leg=replace(LEG, runner=runner)))
    assert row.found == "nightly runs in the cluster (backups), never on this host"


def test_a_refusal_stops_its_feed_and_one_of_the_leg_stops_all() -> None:
    rows = (
        Finding(feed="a", looked_at="x", found="y", verdict=Verdict.REFUSED),
        Finding(feed="b", looked_at="x", found="y", verdict=Verdict.NOTED),
    )
    assert refusals(rows, "a") == rows[:1]
    assert refusals(rows, "b") == ()
    leg = Finding(feed=None, looked_at="x", found="y", verdict=Verdict.REFUSED)
    assert refusals((*rows, leg), "b") == (leg,)


def test_law_01_another_disk_below_the_copies_is_refused() -> None:
    one, other = (Landing(path=b"photos", file_system=f"uuid:{name}") for name in "ab")
    given = seen().feeds[0]

    def judged(
        before: tuple[Landing, ...] | None, now: tuple[Landing, ...], *waived: Waiver
    ) -> list[str]:
        feed = replace(given, previous_landing=before, landing=now)
        return refused(replace(seen(), feeds=(feed,), waived=frozenset(waived)))

    assert judged(None, (one,)) == judged((), ()) == judged((one,), (one,)) == []
    for before, now, said in (
        ((), (one,), "uuid:a is mounted at /mnt/disk/photos, and nothing at the last success"),
        ((one,), (), "nothing is mounted at /mnt/disk/photos, and uuid:a at the last success"),
        ((one,), (other,), "uuid:b is mounted at /mnt/disk/photos, and uuid:a at the last"),
    ):
        (found,) = judged(before, now)
        assert found.startswith(said)
        assert "run it once with --allow other-file-system" in found
        assert judged(before, now, Waiver.OTHER_FILE_SYSTEM) == []
