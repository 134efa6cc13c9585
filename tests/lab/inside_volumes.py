"""What runs inside a virtual machine on its thin pool: the engine's own functions, by word."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from engine.items.lvm_commands import snapshot_command
from engine.items.thin_names import LvName
from engine.items.thin_pool import ThinSnapshot, ThinVolume
from engine.plan.layout import UDEV_FILE
from engine.system.host.lock import hold
from engine.system.host.mounted import Mount, check_mounted, with_mount
from engine.system.host.process import Command, run
from engine.system.host.signals import interruptible
from engine.system.items.open_volume import opened, sweep
from engine.system.items.thin_pool import look, look_at, remove, retag, take_snapshot
from renderers import udev_rules

GROUP, POOL = "lab", "pool"
"""As in `tests.lab.vm_image`, which would take seconds to be imported in there."""
THE_POOL = LvName(group=GROUP, volume=POOL)
LEG = "lvm-snapshots"
READER = "pvc-files"
SEEN = Path("/root/seen")
"""Where a command sees what is mounted for it."""


def prepare() -> None:
    """Write what `apply` would have."""
    Path(os.fsdecode(UDEV_FILE.text)).write_bytes(udev_rules.text())
    SEEN.mkdir(mode=0o700)


def summary() -> dict[str, object]:
    """What is in the pool."""
    found = look(THE_POOL)
    return {
        "used": [str(found.pool.data_used), str(found.pool.metadata_used)],
        "health": found.pool.health.name,
        "volumes": {one.name.volume: one.suspended for one in found.volumes},
        "snapshots": {
            one.volume.name.volume: [one.of, one.leg, one.volume.active] for one in found.snapshots
        },
        "clones": {one.volume.name.volume: one.leg for one in found.clones},
        "strays": {one.volume.name.volume: one.why.name for one in found.strays},
    }


def take(volume: str, day: str) -> str:
    """Take a snapshot of a volume; its name."""
    found = look_at(LvName(group=GROUP, volume=volume))
    assert isinstance(found, ThinVolume)
    moment = datetime(2026, 11, int(day), 3, tzinfo=UTC)
    return take_snapshot(found, moment, LEG).volume.name.volume


def snapshot(name: str) -> ThinSnapshot:
    """One that is there."""
    found = look_at(LvName(group=GROUP, volume=name))
    assert isinstance(found, ThinSnapshot), found
    return found


def read(name: str, reader: str, key: str, *argv: str) -> tuple[int, str]:
    """Run a command that sees the content of a snapshot; how it ended, and what it said."""
    words = tuple(map(os.fsencode, argv))
    with (
        interruptible(),
        hold(Path("/run/policyctl") / f"{reader}.lock") as lock,
        opened(snapshot(name), reader, os.fsencode(key) or None) as volume,
    ):
        mount = Mount(source=volume.device, kind=volume.kind, at=os.fsencode(SEEN))
        command = Command(argv=words, timeout=60, keep_open=(lock,))
        done = run(with_mount(command, mount))
        check_mounted(done, mount)
        return done.code, (done.stdout + done.stderr).decode()


def do_remove(name: str) -> None:
    remove(snapshot(name))


def do_retag(name: str, leg: str) -> str:
    return retag(snapshot(name), leg).leg


def do_sweep(reader: str) -> tuple[str, ...]:
    return sweep(look(THE_POOL), reader)


def become_lvcreate(volume: str, made: str) -> None:
    """Be the very command, for those who kill it."""
    live, name = (LvName(group=GROUP, volume=one) for one in (volume, made))
    command = snapshot_command(live, name, LEG)
    os.execvp(command[0], command)


WORDS: dict[str, Callable[..., object]] = {
    "prepare": prepare,
    "look": summary,
    "take": take,
    "read": read,
    "remove": do_remove,
    "retag": do_retag,
    "sweep": do_sweep,
    "lvcreate": become_lvcreate,
}

if __name__ == "__main__":
    try:
        print(json.dumps(WORDS[sys.argv[1]](*sys.argv[2:])))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
