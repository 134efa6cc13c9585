"""What `rollback` would do, and doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from engine.generations.names import name_of
from engine.items.items import Item
from engine.items.thin_names import LvName
from engine.items.thin_pool import PoolContent, ThinSnapshot, ThinVolume
from engine.items.thin_room import room_problem
from engine.plan.model import Feed, LegPlan
from engine.records.measurement import human_bytes
from engine.rollback.remaining import (
    Direction,
    Rollback,
    RollbackRefused,
    RollbackStep,
    Use,
    find,
    recovered,
    rollback_steps,
    snapshots_of,
)
from engine.rollback.workloads import Claim, remembered
from engine.system.host.lock import Locked, hold
from engine.system.host.signals import Interrupted, interruptible
from engine.system.items.failures import LvmFailed
from engine.system.items.inventory import inventory
from engine.system.items.thin_pool import look
from engine.system.rollback.device_users import users_of
from engine.system.rollback.rollback import RollbackFailed, RollbackRun
from engine.system.rollback.workloads import Cluster, ClusterFailed
from engine.system.state.rollback_records import Rollbacks
from engine.system.state.state import State, open_state
from policy.legs import SnapshotLeg
from policy.parts import Hook
from policy.sources import VOLUME, LvmThinSource
from policyctl.boundary import Refused
from policyctl.running import Running

ITEM = "{item}"
"""Stands for an item's address in the commands of a source, as `{volume}` for LVM's name."""
_LOCK_SECONDS = 120.0
"""What a leg gets to take its snapshots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would be done."""

    record: Rollback
    steps: tuple[RollbackStep, ...]
    use: Use
    continued: bool
    """Whether it is the rest of one that was cut off."""
    notes: tuple[str, ...]
    sets_aside: bool
    """Whether there are two volumes afterwards: a rollback that has made none leaves none."""
    pool: LvName
    legs: tuple[str, ...]
    """Those that take snapshots of the volume: none of them runs meanwhile."""
    kubeconfig: bytes | None


class RollingBack:
    """One item of the applied plan, and what `rollback` can do for it."""

    def __init__(self, root: Path, name: str) -> None:
        """Raises `Refused` where it is no item that has snapshots."""
        self.running = Running.of_applied(root)
        source, _, self.item = name.partition(":")
        found = self.running.plan.source(source)
        if not isinstance(found, LvmThinSource) or not self.item:
            raise Refused(
                f"{name!r} is no volume: name one as SOURCE:ITEM, with a source of the kind "
                "lvm-thin; `policyctl show generations` lists them. Nothing was changed"
            )
        if self.running.places.staged:
            raise Refused("volumes are this machine's own: none is rolled back below another root")
        self.source = found
        self.pool = LvName(group=found.vg, volume=found.pool)
        self.takers = tuple(self._takers())

    def _takers(self) -> Iterator[tuple[LegPlan, Feed]]:
        for leg in self.running.plan.legs:
            for feed in leg.feeds:
                if isinstance(leg.leg, SnapshotLeg) and feed.reads == self.source.name:
                    yield leg, feed

    # ── What would be done ───────────────────────────────────────────────────────────────────

    def propose(self, *, to: str | None, undo: bool) -> Proposal:
        """Say what is to be done. Raises `Refused`: nothing is changed by asking."""
        with open_state(self.running.places.state_file) as state:
            try:
                return self._propose(state, to=to, undo=undo)
            except (RollbackRefused, LvmFailed, ClusterFailed) as error:
                raise Refused(f"{error}. Nothing was changed") from None

    def _propose(self, state: State, *, to: str | None, undo: bool) -> Proposal:
        content = look(self.pool)
        known = Rollbacks(state.connection).of(self.source.name, self.item)
        begun = next((one for one in known if one.ended is None), None)
        notes: tuple[str, ...] = ()
        if begun is not None:
            record = _continued(begun, to=to, undo=undo)
        elif undo:
            record = self._undone(known, content, state)
        else:
            volume = self._item(state).volume
            assert isinstance(volume, ThinVolume), "the source is a pool's"
            snapshot = _chosen(snapshots_of(content, volume.name.volume), to, self.item)
            record = self._begun(known, volume, snapshot)
            notes = tuple(self._judged(content, volume, snapshot))
        use = self._use(record)
        steps = rollback_steps(record, content, use)
        self._refuse_open(record, content, use)
        return Proposal(
            record=record,
            steps=steps,
            use=use,
            continued=begun is not None,
            notes=notes,
            sets_aside=(
                record.direction is Direction.FORWARD or find(record, content).after is not None
            ),
            pool=self.pool,
            legs=tuple(sorted({leg.name for leg, _ in self.takers})),
            kubeconfig=self._kubeconfig,
        )

    def _item(self, state: State) -> Item:
        """The item as its legs know it. Raises `RollbackRefused`."""
        places, now = self.running.places, datetime.now(UTC)
        names: list[str] = []
        for leg, feed in self.takers:
            found = inventory(self.running.plan, leg, feed, places, state, now)
            if found.refused:
                raise RollbackRefused(f"{self.source.name} cannot be looked at: {found.refused}")
            for one in found.items:
                if one.name == self.item:
                    return one
                names.append(one.name)
        there = ", ".join(sorted(set(names))) or "none"
        raise RollbackRefused(
            f"no leg takes snapshots of {self.item} in {self.source.name}; there are: {there}"
        )

    def _begun(
        self, known: tuple[Rollback, ...], volume: ThinVolume, snapshot: ThinSnapshot
    ) -> Rollback:
        moment = datetime.now(UTC).replace(microsecond=0)
        while moment in {one.moment for one in known}:
            moment += timedelta(seconds=1)
        return Rollback(
            volume=volume.name,
            moment=moment,
            source=self.source.name,
            item=self.item,
            snapshot=snapshot.volume.name.volume,
            before=volume.uuid,
            active=volume.active,
            skipped=volume.skipped,
            direction=Direction.FORWARD,
        )

    def _undone(self, known: tuple[Rollback, ...], content: PoolContent, state: State) -> Rollback:
        """The last rollback that was not undone, to be gone back on. Raises `RollbackRefused`."""
        last = next((one for one in known if one.direction is Direction.FORWARD), None)
        volume = last.volume if last is not None else self._item(state).volume.name
        current = next((one for one in content.volumes if one.name == volume), None)
        if last is None and current is not None and not known:  # the state was lost
            last = recovered(current, content, self.item, self.source.name)
        if last is None or current is None:
            raise RollbackRefused(f"no rollback of {self.item} is there that could be undone")
        return replace(
            last,
            direction=Direction.BACK,
            active=current.active,
            skipped=current.skipped,
            ended=None,
        )

    def _judged(
        self, content: PoolContent, volume: ThinVolume, snapshot: ThinSnapshot
    ) -> Iterator[str]:
        """What somebody should know beforehand. Raises `RollbackRefused`: the pool has no room."""
        legs = [leg.leg for leg, _ in self.takers if isinstance(leg.leg, SnapshotLeg)]
        for leg in legs:
            problem = room_problem(content.pool, leg.min_free)
            if problem:
                raise RollbackRefused(f"{problem}, and a rollback keeps both volumes")
        if snapshot.volume.size != volume.size:
            then, now = human_bytes(snapshot.volume.size), human_bytes(volume.size)
            yield f"the volume had {then} then, and has {now} now: it will have {then} again"

    def _refuse_open(self, record: Rollback, content: PoolContent, use: Use) -> None:
        """Where nobody can be stopped, nobody may use it. Raises `RollbackRefused`."""
        current = next((one for one in content.volumes if one.name == record.volume), None)
        if current is None or not current.opened or use.stop or use.claim is not None:
            return
        if self._settled(record, current):
            return
        who = "; ".join(users_of(current.name.device)) or "something has it open"
        raise RollbackRefused(
            f"{current.name.text} is in use: {who}. Stop that first, or say in the manifest how "
            "(`rollback` of the source)"
        )

    def _settled(self, record: Rollback, current: ThinVolume) -> bool:
        """Whether the volume that is wanted is in use already."""
        return (current.uuid == record.before) is (record.direction is Direction.BACK)

    def is_half_done(self, record: Rollback) -> bool:
        """Whether one was begun, and is not through."""
        with open_state(self.running.places.state_file) as state:
            begun = Rollbacks(state.connection).half_done()
        return (record.volume, record.moment) in {(one.volume, one.moment) for one in begun}

    # ── What uses it ─────────────────────────────────────────────────────────────────────────

    @property
    def _kubeconfig(self) -> bytes | None:
        path = self.source.kubeconfig
        return path.text if path is not None else None

    def _use(self, record: Rollback) -> Use:
        """Raises `ClusterFailed`."""
        given = self.source.rollback
        if given is not None:
            words = {VOLUME: record.volume.volume, ITEM: record.item}
            return Use(
                stop=tuple(_filled(one, words) for one in given.stop),
                start=tuple(_filled(one, words) for one in given.start),
            )
        claim = self._claim(record)
        if claim is None:
            return Use(workloads=record.stopped)
        now = Cluster(kubeconfig=self._kubeconfig).users(claim)
        return Use(claim=claim, workloads=remembered(record.stopped, now))

    def _claim(self, record: Rollback) -> Claim | None:
        namespace, slash, name = record.item.partition("/")
        if not self.source.kubernetes_names or not slash:
            return None  # a route names the volume itself, which no claim has
        return Claim(namespace=namespace, name=name)


def _filled(hook: Hook, words: dict[str, str]) -> Hook:
    return replace(hook, run=tuple(_word(one, words) for one in hook.run))


def _word(text: str, words: dict[str, str]) -> str:
    for key, value in words.items():
        text = text.replace(key, value)
    return text


def _continued(begun: Rollback, *, to: str | None, undo: bool) -> Rollback:
    """The rest of one that was cut off. Raises `RollbackRefused`."""
    if undo:
        return replace(begun, direction=Direction.BACK)
    what = f"`policyctl rollback {begun.source}:{begun.item}"
    if begun.direction is Direction.BACK:
        raise RollbackRefused(f"an undo is half done: {what} --undo` completes it")
    if to is not None and not begun.snapshot.rpartition(".")[2].startswith(to):
        raise RollbackRefused(
            f"a rollback to {begun.snapshot} is half done: {what}` completes it, {what} --undo` "
            "takes it back"
        )
    return begun


def _chosen(snapshots: tuple[ThinSnapshot, ...], to: str | None, item: str) -> ThinSnapshot:
    """The snapshot that is meant. Raises `RollbackRefused`."""
    if not snapshots:
        raise RollbackRefused(f"there is no snapshot of {item}")
    if to is None:
        return snapshots[-1]
    names = {_name(one): one for one in snapshots}
    found = [name for name in names if name.startswith(to)]
    if len(found) == 1 or to in names:
        return names[to if to in names else found[0]]
    what = "several snapshots begin with" if found else "there is no snapshot"
    raise RollbackRefused(f"{what} {to!r}; of {item} there are: {', '.join(names)}")


def _name(snapshot: ThinSnapshot) -> str:
    return name_of(snapshot.moment).decode()


# ── Doing it ─────────────────────────────────────────────────────────────────────────────────


def roll_back(rolling: RollingBack, proposal: Proposal, say: Callable[[str], None]) -> Rollback:
    """Do what was proposed. Raises `Refused`, `Locked` and `Interrupted`."""
    places = rolling.running.places
    with interruptible(), ExitStack() as stack:
        for leg in proposal.legs:
            waiting = partial(say, f"{leg} takes snapshots: waiting for it to end")
            held = hold(places.leg_lock(leg), wait=_LOCK_SECONDS, on_wait=waiting)
            stack.enter_context(held)
        state = stack.enter_context(open_state(places.state_file))
        run = RollbackRun(
            proposal.record,
            pool=proposal.pool,
            cluster=Cluster(kubeconfig=proposal.kubeconfig),
            state=state,
            clock=lambda: datetime.now(UTC),
            progress=say,
        )
        try:
            return run.go(proposal.use, proposal.steps)
        except (RollbackRefused, RollbackFailed, LvmFailed) as error:
            raise Refused(str(error)) from None


__all__ = ["Interrupted", "Locked", "Proposal", "RollingBack", "roll_back"]
