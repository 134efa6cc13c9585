"""Thin pools of this machine: looked at, and changed by LVM's own commands.

After each change LVM is asked whether it took place, since it reports success for things that it
skipped. No command of LVM is killed lightly: while it takes a snapshot the volume is suspended, and
were it killed then, whoever writes to that volume would wait for ever. LVM puts off all signals but
SIGKILL until it is through, so it gets long to end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from engine.items.lvm_commands import (
    ENVIRONMENT,
    Arguments,
    activate_command,
    clone_command,
    deactivate_command,
    look_at_command,
    look_command,
    remove_command,
    rename_command,
    resume_command,
    retag_command,
    skip_command,
    snapshot_command,
    successor_command,
    tag_command,
)
from engine.items.thin_names import LvName, NameRefused, check_name, clone_name, snapshot_name
from engine.items.thin_pool import (
    Member,
    OpenClone,
    PoolContent,
    ThinSnapshot,
    ThinVolume,
    read_member,
    read_pool,
    volume_of,
)
from engine.plan.typed_json import Unreadable
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.items.failures import LvmFailed

_LOOK_SECONDS = 60.0
_CHANGE_SECONDS = 120.0
"""What another command of LVM may hold the group's lock, and then the change itself."""
_GRACE = 120.0
"""Seconds that it gets to end once it was asked to."""


def look(pool: LvName) -> PoolContent:
    """Say what is in a pool now. Raises `LvmFailed`, also where the pool is not there."""
    try:
        return read_pool(_report(look_command(pool.group)), pool)
    except Unreadable as error:
        raise LvmFailed(f"lvs about {pool.text}: {error.problem}") from None


def look_at(name: LvName) -> Member | None:
    """Say what a volume is now; None where it is not there. Raises `LvmFailed`."""
    try:
        return read_member(_report(look_at_command(name)), name)
    except Unreadable as error:
        raise LvmFailed(f"lvs about {name.text}: {error.problem}") from None


def take_snapshot(volume: ThinVolume, moment: datetime, leg: str) -> ThinSnapshot:
    """Take the snapshot of a run that started then. Raises `LvmFailed`.

    The volume must still be the one that was looked at (law 24). One that an interrupted command
    has left suspended goes on first: LVM would take a snapshot of it and put its pool out of order
    ("transaction_id is 11, while expected 12"), so that none could be taken in it any more.
    """
    name = _checked(
        LvName(group=volume.name.group, volume=snapshot_name(volume.name.volume, moment))
    )
    now = look_at(volume.name)
    if now is None or volume_of(now).uuid != volume.uuid:
        raise LvmFailed(f"{volume.name.text} is not the volume any more that was looked at")
    if volume_of(now).suspended:
        resume(volume)
    try:
        _change(snapshot_command(volume.name, name, leg))
    except BaseException:
        resume_if_suspended(volume.name)
        raise
    made = look_at(name)
    if not isinstance(made, ThinSnapshot) or made.leg != leg or not made.volume.size:
        raise LvmFailed(f"lvcreate has succeeded, but {name.text} is no snapshot of ours")
    return made


def make_clone(snapshot: ThinSnapshot, reader: str) -> OpenClone:
    """Make the clone through which a leg reads a snapshot, not active yet. Raises `LvmFailed`."""
    source = snapshot.volume.name
    name = _checked(replace(source, volume=clone_name(source.volume, reader)))
    _change(clone_command(source, name, reader))
    made = look_at(name)
    if not isinstance(made, OpenClone) or made.volume.origin != source.volume:
        raise LvmFailed(f"lvcreate has succeeded, but {name.text} is no clone of {source.text}")
    return made


def activate(name: LvName) -> None:
    """Make the device of a volume, although activation may skip it. Raises `LvmFailed`."""
    _change(activate_command(name))
    now = look_at(name)
    if now is None or not volume_of(now).active:
        raise LvmFailed(f"lvchange has succeeded, but {name.text} is not active")


def remove(member: ThinSnapshot | OpenClone) -> None:
    """Remove a snapshot or a clone, if it still is what it was. Raises `LvmFailed`.

    One that is gone already is no failure.
    """
    done = _run(remove_command(member), _CHANGE_SECONDS)
    name = member.volume.name
    now = look_at(name)
    if now is not None:
        same = volume_of(now).uuid == member.volume.uuid
        why = _complaint(done) or ("" if same else "it is another one now")
        raise LvmFailed(f"{name.text} is not removed{f': {why}' if why else ''}")


def retag(snapshot: ThinSnapshot, leg: str) -> ThinSnapshot:
    """Give a snapshot to the leg that its own was renamed to. Raises `LvmFailed`."""
    _change(retag_command(snapshot, leg))
    now = look_at(snapshot.volume.name)
    if not isinstance(now, ThinSnapshot) or now.leg != leg:
        raise LvmFailed(f"lvchange has succeeded, but {snapshot.volume.name.text} has not its tag")
    return now


# ── Volumes themselves, for a rollback ────────────────────────────────────────────────────────


def make_successor(snapshot: LvName, name: LvName, tags: Collection[str]) -> None:
    """Make a volume of a snapshot, not active, with these tags. Raises `LvmFailed`."""
    _change(successor_command(snapshot, _checked(name), tags))
    made = look_at(name)
    if made is None or volume_of(made).origin != snapshot.volume:
        raise LvmFailed(f"lvcreate has succeeded, but {name.text} was not made of {snapshot.text}")


def deactivate(name: LvName) -> None:
    """Take away the device of a volume. Raises `LvmFailed`, also where something has it open."""
    _change(deactivate_command(name))
    now = look_at(name)
    if now is None or volume_of(now).active:
        raise LvmFailed(f"lvchange has succeeded, but {name.text} is still active")


def rename(old: LvName, new: LvName) -> None:
    """Give a volume another name in its group. Raises `LvmFailed`."""
    before = look_at(old)
    if before is None:
        raise LvmFailed(f"{old.text} is not there any more")
    _change(rename_command(old, _checked(new)))
    now = look_at(new)
    if now is None or volume_of(now).uuid != volume_of(before).uuid:
        raise LvmFailed(f"lvrename has succeeded, but {new.text} is not what {old.text} was")


def set_skip(name: LvName, *, skip: bool) -> None:
    """Have activation skip a volume, or not. Raises `LvmFailed`."""
    _change(skip_command(name, skip=skip))
    now = look_at(name)
    if now is None or volume_of(now).skipped is not skip:
        raise LvmFailed(f"lvchange has succeeded, but activation treats {name.text} as before")


def set_tag(names: Collection[LvName], tag: str, *, tagged: bool) -> None:
    """Give volumes a tag, or take it away. Raises `LvmFailed`."""
    if names:
        _change(tag_command(names, tag, tagged=tagged))


def resume(volume: ThinVolume) -> None:
    """Have a volume go on that is suspended. Raises `LvmFailed`."""
    _change(resume_command(volume))
    now = look_at(volume.name)
    if now is None or volume_of(now).suspended:
        raise LvmFailed(f"{volume.name.text} is still suspended: whoever writes to it waits")


def resume_if_suspended(name: LvName) -> None:
    """See to it that a command that did not end well has left no volume suspended."""
    now = look_at(name)
    if now is not None and volume_of(now).suspended:
        resume(volume_of(now))


def _checked(name: LvName) -> LvName:
    try:
        check_name(name)
    except NameRefused as error:
        raise LvmFailed(str(error)) from None
    return name


def _report(arguments: Arguments) -> bytes:
    done = _run(arguments, _LOOK_SECONDS)
    if done.code != 0 or not done.whole:
        raise LvmFailed(_failure(arguments, done))
    return done.stdout


def _change(arguments: Arguments) -> None:
    done = _run(arguments, _CHANGE_SECONDS)
    if done.code != 0:
        raise LvmFailed(_failure(arguments, done))


def _run(arguments: Arguments, seconds: float) -> Completed:
    command = Command(argv=arguments, timeout=seconds, env=dict(ENVIRONMENT))
    try:
        return run(command, grace=_GRACE)
    except CommandNotStarted as error:
        raise LvmFailed(str(error)) from None


def _failure(arguments: Arguments, done: Completed) -> str:
    name = arguments[0].decode()
    if done.timed_out:
        return f"{name} did not end in time: does another command hold the lock of the group?"
    return f"{name}: {_complaint(done) or f'it ended with {done.code}'}"


def _complaint(done: Completed) -> str:
    """What LVM complains of, without its warnings: it has some for every thin pool."""
    lines = done.stderr.decode("utf-8", "backslashreplace").split("\n")
    words = [one.strip() for one in lines if not one.strip().startswith("WARNING:")]
    return "; ".join(list(filter(None, words))[-3:])
