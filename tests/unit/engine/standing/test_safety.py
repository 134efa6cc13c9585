"""What is safe and until when, over hand-made histories."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.promises.allowed_age import SLACK
from engine.records.reports import RunStatus
from engine.standing.facts import ItemFacts, LegFacts, Ran
from engine.standing.safety import Safety, SourceSafety, safety_of
from engine.standing.status import leg_status
from engine.verify.comparison import Difference
from engine.verify.verdict import Verified
from tests.strategies import compiled, manifest

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEGS = {
    "local": {"kind": "mirror", "to": "disk:/", "schedule": "02:00", "timeout": "1h"},
    "offsite": {
        "kind": "mirror",
        "from": "disk",
        "to": "nas:/copies",
        "schedule": "06:00",
        "timeout": "1h",
    },
}
DESTINATIONS = {
    "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
    "nas": {"ssh": "backup@nas", "path": "/copies", "media": "nas", "site": "away"},
}


def planned(**more):
    sections = {"legs": LEGS, "destinations": DESTINATIONS, "routes": {"/srv/data": "local"}}
    return compiled(manifest(**sections, **more))[0].plan


def ran(hours: float, as_of: float | None = None) -> Ran:
    """A success that many hours ago, of live data as they were then."""
    started = NOW - hours * HOUR
    known = NOW - as_of * HOUR if as_of is not None else None
    return Ran(started=started, ended=started, status=RunStatus.OK, data_as_of=known)


def judged(
    plan, verified: Verified | None = None, **successes: Ran | None
) -> tuple[SourceSafety, ...]:
    """`verified`: the last comparison of the copies of `local`."""
    rows = []
    for leg in plan.legs:
        success = successes[leg.name]
        compared = verified if leg.name == "local" else None
        reads = leg.feeds[0].reads
        item = ItemFacts(name=reads, last=success, success=success, verified=compared)
        facts = LegFacts(last=success, ended=success, success=success, items=(item,))
        rows.append(leg_status(plan, leg, facts, applied_at=NOW, now=NOW))
    return safety_of(plan, rows, now=NOW)


def test_a_source_is_safe_until_its_first_copy_gets_too_old() -> None:
    (one,) = judged(planned(), local=ran(10), offsite=ran(6, 10))
    assert (one.safety, one.fresh, one.copies) == (Safety.SAFE, 2, 2)
    assert one.oldest == 10 * HOUR
    assert one.first is not None
    # A day between two runs and an hour for each: the nearer hop is late first.
    assert one.first.at == NOW - 10 * HOUR + 25 * HOUR + SLACK
    assert one.first.what == "allowed age of local"


def test_a_copy_that_was_found_to_differ_is_not_fresh_however_young() -> None:
    found = Verified(
        leg="local",
        reads="data",
        began=NOW - 2 * HOUR,
        ended=NOW - HOUR,
        seed=None,
        compared=7,
        files=7,
        counts=((Difference.DAMAGED, 1),),
    )
    (one,) = judged(planned(), found, local=ran(10), offsite=ran(6, 10))
    assert (one.safety, one.fresh, one.copies) == (Safety.AT_RISK, 1, 2)
    assert one.first is not None
    assert (one.first.at, one.first.what) == (NOW - HOUR, "the copy by local differs")
    sound = replace(found, counts=())
    assert judged(planned(), sound, local=ran(10), offsite=ran(6, 10))[0].safety is Safety.SAFE


def test_one_copy_too_old_puts_the_source_at_risk_and_says_since_when() -> None:
    (one,) = judged(planned(), local=ran(30), offsite=ran(6, 30))
    assert (one.safety, one.fresh, one.copies) == (Safety.AT_RISK, 1, 2)
    assert one.first is not None
    assert one.first.at == NOW - 30 * HOUR + 25 * HOUR + SLACK


def test_a_copy_that_never_was_is_at_risk_without_a_moment() -> None:
    (one,) = judged(planned(), local=ran(1), offsite=None)
    assert (one.safety, one.fresh, one.copies) == (Safety.AT_RISK, 1, 2)
    assert one.first is not None
    assert (one.first.at, one.first.what) == (None, "no copy by offsite")


def test_law_32_a_second_hop_is_no_younger_than_what_it_read() -> None:
    """The oldest age is that of the data, not that of the run."""
    (one,) = judged(planned(), local=ran(24), offsite=ran(0, 24))
    assert one.oldest == 24 * HOUR


def test_law_32_what_another_leg_left_behind_does_not_age_a_copy() -> None:
    """A later hop notes the oldest of all that it reads; nothing of this source rides that."""
    (one,) = judged(planned(), local=ran(4), offsite=ran(2, 90))
    assert (one.safety, one.oldest) == (Safety.SAFE, 4 * HOUR)


def test_law_26_an_objective_can_be_passed_before_any_schedule_is() -> None:
    plan = planned(objectives={"default": {"copies": 3, "rpo": "60h"}})
    (one,) = judged(plan, local=ran(20), offsite=ran(19, 20))
    assert one.first is not None
    assert one.first.what == "allowed age of local"
    tight = {"default": {"copies": 3, "rpo": "22h"}}
    (one,) = judged(planned(objectives=tight), local=ran(20), offsite=ran(19, 20))
    assert one.first is not None
    assert one.first.what == "objective: copies within 22h"
    assert one.first.at == NOW + 2 * HOUR


def test_an_objective_for_one_copy_waits_for_the_youngest() -> None:
    wanted = {"default": {"copies": 2, "rpo": "20h"}}
    (one,) = judged(planned(objectives=wanted), local=ran(2), offsite=ran(6, 24))
    assert one.first is not None
    assert (one.first.what, one.first.at) == ("objective: copies within 20h", NOW + 18 * HOUR)


def test_what_is_copied_elsewhere_is_judged_by_nobody_here() -> None:
    elsewhere = {**LEGS["local"], "runner": {"kubernetes": {"namespace": "backups"}}}
    sources = {"data": {"kind": "tree", "path": "/srv/data", "export": "192.0.2.1:/srv/data"}}
    found = manifest(legs={"local": elsewhere}, sources=sources, routes={"/srv/data": "local"})
    plan = compiled(found)[0].plan
    (one,) = judged(plan, local=None)
    assert (one.safety, one.copies, one.first) == (Safety.UNKNOWN, 0, None)


VOLUMES = {
    "snaps": {"kind": "snapshot", "schedule": "00/6:00", "keep": {"last": 4}},
    "files": {
        "kind": "versions",
        "from": "snaps",
        "to": "disk:/files",
        "schedule": "01:00",
        "keep": {"last": 3},
    },
}


def of_volumes(**files: Ran | None) -> SourceSafety:
    """How safe volumes are whose snapshots are new, by when the files of each were copied."""
    source = {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"}
    content = manifest(
        legs=VOLUMES,
        destinations=DESTINATIONS,
        sources={"pvcs": source},
        routes={"pvcs:": "snaps"},
    )
    plan = compiled(content)[0].plan
    rows = []
    for leg in plan.legs:
        known = files if leg.name == "files" else dict.fromkeys(files, ran(1))
        items = tuple(
            ItemFacts(name=name.replace("_", "-"), last=one, success=one)
            for name, one in known.items()
        )
        last = next(iter(known.values()))
        facts = LegFacts(last=last, ended=last, success=last, items=items)
        rows.append(leg_status(plan, leg, facts, applied_at=NOW, now=NOW))
    (found,) = safety_of(plan, rows, now=NOW)
    return found


def test_volumes_are_as_safe_as_the_one_that_was_copied_longest_ago() -> None:
    fresh = of_volumes(vm_1=ran(3, as_of=4), vm_2=ran(3, as_of=4))
    assert (fresh.safety, fresh.fresh, fresh.oldest) == (Safety.SAFE, 1, 4 * HOUR)
    behind = of_volumes(vm_1=ran(3, as_of=4), vm_2=ran(200, as_of=201))
    assert (behind.safety, behind.fresh, behind.oldest) == (Safety.AT_RISK, 0, 201 * HOUR)


def test_a_volume_that_was_never_copied_is_at_risk() -> None:
    found = of_volumes(vm_1=ran(3, as_of=4), vm_2=None)
    assert (found.safety, found.fresh) == (Safety.AT_RISK, 0)
