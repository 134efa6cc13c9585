"""Which steps of a rollback are left, from every state that a kill can leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from engine.items.thin_names import Line, LvName
from engine.items.thin_pool import PoolContent, StrayReason, read_pool, set_aside_of
from engine.rollback.remaining import (
    BringIn,
    CloseVolume,
    Direction,
    MakeVolume,
    OpenVolume,
    PutAside,
    Rollback,
    RollbackRefused,
    RollbackStep,
    SetSkip,
    StartUsers,
    StopUsers,
    Use,
    find,
    recovered,
    rollback_steps,
    snapshots_of,
)
from engine.rollback.workloads import Claim, Workload, WorkloadKind
from policy.parts import Hook
from policy.values import Duration
from tests.fake_lvm import SNAP, WEB
from tests.reports import POOL, Lv, report

NAME = LvName(group="pve", volume="web")
MOMENT = datetime(2026, 11, 29, 2, 15, tzinfo=UTC)
OLDER = replace(SNAP, name="web.policyctl.2026-11-27T03-00-00Z", uuid="older")
BEFORE = "web.policyctl-before.2026-11-29T02-15-00Z"
AFTER = "web.policyctl-after.2026-11-29T02-15-00Z"
HOOK = Hook(run=("users",), timeout=Duration(60))
HOOKS = Use(stop=(HOOK,), start=(HOOK,))
PG = Workload(kind=WorkloadKind.STATEFUL_SET, namespace="dbaas", name="pg", replicas=3)
SCALED = Use(claim=Claim(namespace="dbaas", name="pg"), workloads=(PG,))
IN_USE = replace(WEB, attributes="Vwi-aotz--", tags="theirs")
ROLLBACK = Rollback(
    volume=NAME,
    moment=MOMENT,
    source="pool",
    item="web",
    snapshot=SNAP.name,
    before=WEB.uuid,
    active=True,
    skipped=False,
    direction=Direction.FORWARD,
)
BACK = replace(ROLLBACK, direction=Direction.BACK)


def pool(*lines: Lv) -> PoolContent:
    return read_pool(report(POOL, *lines).encode(), LvName(group="pve", volume="data"))


@dataclass
class Lvm:
    """The pool as LVM has it: each change that a step makes is a change of its own."""

    lines: dict[str, Lv] = field(default_factory=dict)

    @classmethod
    def of(cls, *lines: Lv) -> Lvm:
        return cls({one.name: one for one in lines})

    @property
    def content(self) -> PoolContent:
        return pool(*self.lines.values())

    def change(self, name: str, **fields: str) -> None:
        self.lines[name] = replace(self.lines[name], **fields)

    def rename(self, old: LvName, new: LvName) -> None:
        self.lines[new.volume] = replace(self.lines.pop(old.volume), name=new.volume)
        for name, one in self.lines.items():
            if one.origin == old.volume:
                self.change(name, origin=new.volume)

    def tag(self, names: tuple[LvName, ...], tag: str, *, tagged: bool) -> None:
        for name in names:
            tags = set(filter(None, self.lines[name.volume].tags.split(","))) - {tag}
            self.change(name.volume, tags=",".join(sorted(tags | ({tag} if tagged else set()))))

    def letter(self, name: LvName, at: int, letter: str) -> None:
        text = self.lines[name.volume].attributes
        self.change(name.volume, attributes=text[:at] + letter + text[at + 1 :])

    def carry_out(self, step: RollbackStep) -> Iterator[None]:  # noqa: C901 - one case a step
        """One step, change by change; it may be left off anywhere between."""
        match step:
            case StopUsers():
                yield
                if step.use.stop or step.use.workloads:
                    for name in self.lines:
                        self.letter(LvName(group="pve", volume=name), 5, "-")
                yield
            case CloseVolume(volume=volume):
                assert self.lines[volume.volume].attributes[5] == "-"
                self.letter(volume, 4, "-")
                yield
            case MakeVolume():
                assert step.name.volume not in self.lines
                self.lines[step.name.volume] = Lv(
                    name=step.name.volume,
                    origin=step.snapshot.volume,
                    uuid="made",
                    tags=",".join(sorted(step.tags)),
                    attributes="Vwi---tz-k",
                )
                yield
            case PutAside():
                self.letter(step.volume, 9, "k")
                yield
                self.tag((step.volume, *step.snapshots), step.tag, tagged=True)
                yield
                self.rename(step.volume, step.name)
                yield
            case BringIn():
                assert step.volume.volume not in self.lines
                self.rename(step.name, step.volume)
                yield
                self.tag(step.snapshots, step.tag, tagged=False)
                yield
            case SetSkip(volume=volume):
                self.letter(volume, 9, "-")
                yield
            case OpenVolume(volume=volume):
                self.letter(volume, 4, "a")
                yield
            case StartUsers():
                self.letter(NAME, 5, "o")
                yield

    def run(self, record: Rollback, use: Use, most: int = 1000) -> bool:
        """Carry out a rollback; False where it was cut off after so many changes."""
        for step in rollback_steps(record, self.content, use):
            for _ in self.carry_out(step):
                most -= 1
                if most < 0:
                    return False
        return True


def fresh() -> Lvm:
    return Lvm.of(IN_USE, OLDER, SNAP)


def kinds(steps: tuple[RollbackStep, ...]) -> list[str]:
    return [type(one).__name__ for one in steps]


def test_the_steps_of_a_whole_one() -> None:
    steps = rollback_steps(ROLLBACK, fresh().content, HOOKS)
    assert kinds(steps) == [
        "StopUsers",
        "CloseVolume",
        "MakeVolume",
        "PutAside",
        "BringIn",
        "SetSkip",
        "OpenVolume",
        "StartUsers",
    ]
    made = next(one for one in steps if isinstance(one, MakeVolume))
    assert made.tags == {"theirs", "policyctl-after/2026-11-29T02-15-00Z"}
    assert made.snapshot.volume == SNAP.name


@pytest.mark.parametrize("use", [HOOKS, SCALED], ids=["hooks", "cluster"])
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("first", range(14))
@pytest.mark.parametrize("second", [1000, *range(12)])
def test_cut_off_anywhere_and_again_it_ends_where_it_should(
    use: Use, direction: Direction, first: int, second: int
) -> None:
    lvm = fresh()
    lvm.run(ROLLBACK, use, first)
    went = replace(ROLLBACK, direction=direction)
    lvm.run(went, use, second)
    assert lvm.run(went, use)
    assert rollback_steps(went, lvm.content, Use()) == ()
    # In use is what was asked for, with its device and as activation found it before.
    now = lvm.lines["web"]
    assert (now.uuid == WEB.uuid) is (direction is Direction.BACK)
    assert now.attributes == "Vwi-aotz--"
    assert "theirs" in now.tags.split(",")
    # Nothing was removed, and what is set aside neither has a device nor gets one at boot.
    assert WEB.uuid in {one.uuid for one in lvm.lines.values()}
    for one in set_aside_of(lvm.content, "web"):
        assert (one.volume.active, one.volume.skipped) == (False, True)
    # Both snapshots are known, and can be gone back to.
    found = snapshots_of(lvm.content, "web")
    assert [one.volume.name.volume for one in found] == [OLDER.name, SNAP.name]
    assert lvm.content.strays == ()
    assert {one.aside for one in found} == {direction is Direction.FORWARD}


def test_undone_after_it_was_through_with_what_was_written_since() -> None:
    lvm = fresh()
    assert lvm.run(ROLLBACK, HOOKS)
    later = replace(SNAP, name="web.policyctl.2026-11-30T03-00-00Z", uuid="later")
    lvm.lines[later.name] = later
    for most in (*range(12), 1000):
        lvm.run(BACK, HOOKS, most)
    assert lvm.lines["web"].uuid == WEB.uuid
    assert lvm.lines[AFTER].uuid == "made"
    content = lvm.content
    assert [one.aside for one in snapshots_of(content, "web")] == [False, False, True]
    # Once it is removed by hand, the snapshots of it are as any others; those of nobody are not.
    del lvm.lines[AFTER]
    lvm.change(later.name, origin="")
    assert [one.aside for one in snapshots_of(lvm.content, "web")] == [False, False, False]
    del lvm.lines["web"]
    assert [one.volume.uuid for one in lvm.content.strays] == ["later"]


def test_what_was_set_aside_of_another_volume_has_no_part_in_it() -> None:
    content = pool(WEB, replace(SNAP, origin=BEFORE.replace("web", "wiki")))
    assert snapshots_of(content, "web") == ()
    assert [one.why for one in content.strays] == [StrayReason.OTHER_ORIGIN]


def test_an_orphaned_snapshot_is_no_part_of_a_new_volume_of_that_name() -> None:
    tagged = replace(
        SNAP, origin="", tags="policyctl/nightly,policyctl-before/2026-11-29T02-15-00Z"
    )
    assert snapshots_of(pool(WEB, tagged), "web") == ()
    heir = replace(WEB, tags="policyctl-after/2026-11-29T02-15-00Z")
    assert len(snapshots_of(pool(heir, tagged), "web")) == 1


def test_one_rollback_after_another_and_both_undone() -> None:
    lvm = fresh()
    assert lvm.run(ROLLBACK, HOOKS)
    now = next(one for one in lvm.content.volumes if one.name == NAME)
    second = replace(ROLLBACK, moment=MOMENT.replace(hour=3), snapshot=OLDER.name, before=now.uuid)
    lvm.change("web", uuid="first")
    second = replace(second, before="first")
    assert lvm.run(second, HOOKS)
    assert lvm.lines["web"].origin == OLDER.name
    assert [one.line for one in set_aside_of(lvm.content, "web")] == [Line.BEFORE, Line.BEFORE]
    assert lvm.content.strays == ()
    assert lvm.run(replace(second, direction=Direction.BACK), HOOKS)
    assert lvm.lines["web"].uuid == "first"
    assert lvm.run(BACK, HOOKS)
    assert lvm.lines["web"].uuid == WEB.uuid


def test_a_volume_that_is_always_skipped_stays_so() -> None:
    lvm = Lvm.of(replace(IN_USE, attributes="Vwi-aotz-k"), SNAP)
    record = replace(ROLLBACK, skipped=True)
    for most in (*range(12), 1000):
        lvm.run(record, HOOKS, most)
    assert lvm.lines["web"].attributes == "Vwi-aotz-k"


def test_one_that_has_no_device_gets_none() -> None:
    lvm = Lvm.of(WEB, SNAP)
    steps = rollback_steps(replace(ROLLBACK, active=False), lvm.content, Use())
    assert kinds(steps) == ["CloseVolume", "MakeVolume", "PutAside", "BringIn", "SetSkip"]


@pytest.mark.parametrize(
    ("record", "lines", "words"),
    [
        (ROLLBACK, (replace(WEB, uuid="another"), SNAP), "is neither volume of this rollback"),
        (ROLLBACK, (replace(WEB, attributes="Vwi-sotz--"), SNAP), "lvchange --refresh pve/web"),
        (ROLLBACK, (WEB,), "is no snapshot of pve/web of ours"),
        (ROLLBACK, (WEB, replace(SNAP, tags="")), "is no snapshot of pve/web of ours"),
        (ROLLBACK, (WEB, replace(SNAP, origin="wiki")), "is no snapshot of pve/web of ours"),
        (ROLLBACK, (SNAP,), "is not there, nor set aside"),
        (
            BACK,
            (replace(WEB, uuid="made", tags="policyctl-after/2026-11-29T02-15-00Z"),),
            "any more",
        ),
        (
            ROLLBACK,
            (
                WEB,
                SNAP,
                Lv(name=BEFORE, uuid="x", tags="policyctl-before/2026-11-29T02-15-00Z"),
            ),
            "is not the volume that was set aside",
        ),
    ],
)
def test_law_24_what_is_not_what_it_was_is_left_alone(
    record: Rollback, lines: tuple[Lv, ...], words: str
) -> None:
    with pytest.raises(RollbackRefused, match=words):
        rollback_steps(record, pool(*lines), HOOKS)


def test_a_name_that_would_be_too_long_is_refused_before_anything() -> None:
    long = LvName(group="pve", volume="a" * 90)
    with pytest.raises(RollbackRefused, match=r"cannot be set aside: .* more than 124"):
        rollback_steps(replace(ROLLBACK, volume=long), pool(WEB), Use())


def test_without_a_record_the_pool_tells_what_was_before() -> None:
    lvm = fresh()
    (current,) = lvm.content.volumes
    assert recovered(current, lvm.content, "web", "pool") is None
    lvm.run(ROLLBACK, HOOKS)
    content = lvm.content
    (current,) = content.volumes
    found = recovered(current, content, "web", "pool")
    assert found is not None
    assert replace(found, ended=None) == ROLLBACK
    assert find(found, content).current is Line.AFTER
