"""Each step of a rollback in words: what is done, and what that means for the data. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.items.thin_names import parse_snapshot_name
from engine.rollback.remaining import (
    BringIn,
    CloseVolume,
    Direction,
    MakeVolume,
    OpenVolume,
    PutAside,
    Rollback,
    RollbackStep,
    SetSkip,
    StartUsers,
    StopUsers,
    Use,
)
from engine.rollback.workloads import Workload


def aim(record: Rollback) -> str:
    """What a rollback is for, in one line."""
    name = f"{record.source}:{record.item} ({record.volume.text})"
    if record.direction is Direction.BACK:
        return f"{name} returns to what it was before its rollback of {_minute(record)}"
    return f"{name} goes back to {to_text(record)}"


def to_text(record: Rollback) -> str:
    """The snapshot that it goes back to, by its moment."""
    named = parse_snapshot_name(record.snapshot)
    return f"its snapshot of {named.moment:%Y-%m-%d %H:%M:%S} UTC" if named else record.snapshot


def _minute(record: Rollback) -> str:
    return f"{record.moment:%Y-%m-%d %H:%M} UTC"


def say_step(step: RollbackStep) -> str:  # noqa: C901 - one case a step, nothing decided
    """One step: what is done, and what that means for the data."""
    match step:
        case StopUsers(use=use):
            return f"stop what uses it: {'; '.join(_stopping(use))}"
        case CloseVolume(volume=volume):
            return (
                f"take away the device of {volume.text} once nothing has it open; where something "
                "still does, what was stopped is started again, and nothing is swapped"
            )
        case MakeVolume(snapshot=snapshot, name=name):
            return f"make {name.text} of {snapshot.text}, which stays as it is"
        case PutAside(volume=volume, name=name):
            return f"rename {volume.text} to {name.text}: it keeps all that it holds"
        case BringIn(name=name, volume=volume):
            return f"rename {name.text} to {volume.text}: that is what is used from now on"
        case SetSkip(volume=volume):
            return f"have {volume.text} activated at boot, as the one before it was"
        case OpenVolume(volume=volume):
            return f"make the device of {volume.text}"
        case StartUsers(use=use):
            return f"start what was stopped: {'; '.join(_starting(use))}"


def _stopping(use: Use) -> Iterator[str]:
    yield from (f"run {' '.join(one.run)}" for one in use.stop)
    yield from (
        f"scale {_named(one)} from {one.replicas} to 0, which stops all of its pods"
        for one in use.workloads
    )
    if use.claim is not None and not use.workloads:
        yield f"no pod uses the claim {use.claim}, and none may begin to"


def _starting(use: Use) -> Iterator[str]:
    yield from (f"run {' '.join(one.run)}" for one in use.start)
    yield from (f"scale {_named(one)} to {one.replicas}" for one in use.workloads)


def _named(one: Workload) -> str:
    return f"{one.text} in {one.namespace}"


def afterwards(record: Rollback) -> tuple[str, ...]:
    """What somebody should know once it is through, and has left a volume set aside."""
    kept = record.aside(record.direction.leaves).text
    if record.direction is Direction.FORWARD:
        typed = f"`policyctl rollback {record.source}:{record.item} --undo` brings it back"
        what = f"what {record.item} was before is {kept}; {typed}"
    else:
        what = f"what the rollback had made of {record.item}, with all written since, is {kept}"
    return (
        what,
        "its snapshots are not pruned as long as it is there, and it takes room in the pool; once "
        f"nobody needs it: `lvremove {kept}`",
    )


def half_done(record: Rollback) -> str:
    """One that was cut off, and what to type."""
    what = f"{record.source}:{record.item}"
    if record.direction is Direction.BACK:
        return (
            f"the undo of a rollback of {what} is half done: what uses it may be stopped; "
            f"`policyctl rollback {what} --undo` completes it"
        )
    return (
        f"a rollback of {what} to {to_text(record)} is half done: what uses it may be stopped; "
        f"`policyctl rollback {what}` completes it, `policyctl rollback {what} --undo` takes it "
        "back"
    )
