"""Volumes in the group and the thin pool that a virtual machine has, and what is on them."""

from __future__ import annotations

from pathlib import Path

from tests.lab.machine import Machine
from tests.lab.vm_image import GROUP, POOL

VOLUME_SIZE = "2G"
"""More than the pool has, as thin volumes mostly are."""
KEY = "/root/volume.key"
_LUKS = ("--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
"""The key is derived at once, where the default measures how fast the machine is."""


def thin_volume(machine: Machine, name: str) -> Path:
    """Make an empty thin volume; its device."""
    machine.run("lvcreate", "-qq", "-y", "-V", VOLUME_SIZE, "-n", name, "--thinpool", POOL, GROUP)
    return device(name)


def device(name: str) -> Path:
    """The device of a volume of the group."""
    return Path("/dev", GROUP, name)


def snapshot(machine: Machine, name: str, of: str, *options: str) -> Path:
    """Take a snapshot of a volume; its device."""
    machine.run("lvcreate", "-qq", "-y", "-s", *options, "-n", name, f"{GROUP}/{of}")
    return device(name)


def report(machine: Machine, name: str, *fields: str) -> dict[str, str]:
    """What `lvs` says of a volume."""
    command = ["lvs", "--reportformat", "json", "--units", "b", "--nosuffix"]
    found = machine.run(*command, "-o", ",".join(fields), f"{GROUP}/{name}").json
    (volume,) = found["report"][0]["lv"]
    return dict(volume)


def format_and_mount(machine: Machine, disk: Path, where: str, filesystem: str = "ext4") -> None:
    """Make a file system on a device, and mount it."""
    quick = {"ext4": ("-E", "nodiscard"), "xfs": ("-K",), "btrfs": ("-K",)}[filesystem]
    machine.run(f"mkfs.{filesystem}", "-q", *quick, disk)
    mount(machine, disk, where, "rw")


def mount(machine: Machine, disk: Path, where: str, options: str, *, code: int | None = 0) -> None:
    """Mount a device; `code` is how that has to end."""
    machine.run("mkdir", "-p", where)
    machine.run("mount", "-o", options, disk, where, code=code)


def encrypt(machine: Machine, disk: Path) -> None:
    """Make a device a LUKS one, for which `KEY` is the key."""
    machine.run("dd", "if=/dev/urandom", f"of={KEY}", "bs=32", "count=1", "status=none")
    machine.run("cryptsetup", "luksFormat", "-q", *_LUKS, "--key-file", KEY, disk)


def unlock(machine: Machine, disk: Path, name: str, *options: str) -> Path:
    """Open a LUKS device under a name; the device that it is then."""
    machine.run("cryptsetup", "open", *options, "--key-file", KEY, disk, name)
    return Path("/dev/mapper", name)
