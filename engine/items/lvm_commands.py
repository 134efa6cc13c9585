"""LVM's command lines: every option in use, and why. Pure.

A snapshot is never written and never active: it is read-only, and LVM activates it only when told
so twice (`--setactivationskip`). To be read it is cloned: the clone is a thin snapshot of the
snapshot that may be written, so that a journal can be replayed in it, and is thrown away after.

* A thin snapshot is one without a size; with a size LVM makes a classic one, which each write to
  its origin slows down and fills (lvcreate(8)).
* While LVM takes it, it freezes the file system that is mounted on the volume; one inside a
  virtual machine, or above LUKS, it does not know.
* A clone too is skipped at boot: it has the UUID of the live file system, and what is mounted by
  UUID must never be a clone that a power cut has left.
* Removing goes by full name *and* by what must be true of the volume (`--select`): LVM compares
  both while it holds the group's lock, so nothing else can have taken the name meanwhile.
* Clones leave no file in /etc/lvm/archive, of which there would soon be ten thousands. The backup
  in /etc/lvm/backup is still written: an old one does not fit the pool any more.
* A rollback gives its new volume the name of the one in use by two renames of volumes that are not
  active. What is set aside has the same file system's UUID, so that it is skipped at boot like a
  clone. Deactivating is what shows that nobody uses a volume: the kernel refuses it otherwise, and
  afterwards nobody can open it before the next step.
* LVM waits until udev has made the device (`activation/udev_sync`); that takes semaphores, so a
  service that runs these commands must not have `PrivateIPC=`, nor `PrivateDevices=`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine.items.thin_names import LvName
from engine.items.thin_pool import (
    CLONE_TAG,
    FIELDS,
    SNAPSHOT_TAG,
    OpenClone,
    ThinSnapshot,
    ThinVolume,
)

Arguments = tuple[bytes, ...]
ENVIRONMENT: Final = (("LC_ALL", "C"), ("LVM_SUPPRESS_FD_WARNINGS", "1"))
"""Words as they are in the manual; and locks that we hold are no leaks (lvm(8))."""
_REPORT: Final = (
    *("--reportformat", "json", "--units", "b", "--nosuffix"),
    # Settings of lvm.conf that would change what is printed.
    *("--config", 'report{list_item_separator="," binary_values_as_numeric=0}'),
    *("-o", ",".join(FIELDS)),
)
_NOT_ARCHIVED: Final = ("--config", "backup/archive=0")


def look_command(group: str) -> Arguments:
    """Report all volumes of a group."""
    return _arguments("lvs", *_REPORT, group)


def look_everywhere_command() -> Arguments:
    """Report all volumes of all groups."""
    return _arguments("lvs", *_REPORT)


def look_at_command(name: LvName) -> Arguments:
    """Report one volume; the report is empty where it is not there."""
    return _arguments("lvs", *_REPORT, "--select", f'lv_name="{name.volume}"', name.group)


def snapshot_command(volume: LvName, snapshot: LvName, leg: str) -> Arguments:
    """Take a snapshot."""
    return _arguments(
        *("lvcreate", "--yes", "--snapshot", "--permission", "r"),
        *("--setactivationskip", "y", "--activate", "n"),
        *("--addtag", SNAPSHOT_TAG + leg, "--name", snapshot.volume, volume.text),
    )


def clone_command(snapshot: LvName, clone: LvName, reader: str) -> Arguments:
    """Make the clone through which a leg reads a snapshot."""
    return _arguments(
        *("lvcreate", "--yes", "--snapshot", "--permission", "rw"),
        *("--setactivationskip", "y", "--activate", "n", *_NOT_ARCHIVED),
        *("--addtag", CLONE_TAG + reader, "--name", clone.volume, snapshot.text),
    )


def activate_command(name: LvName) -> Arguments:
    """Make its device, although activation skips it."""
    return _arguments("lvchange", "--activate", "y", "--ignoreactivationskip", name.text)


def remove_command(member: ThinSnapshot | OpenClone) -> Arguments:
    """Remove a snapshot or a clone of ours, if it still is what it was seen to be.

    LVM succeeds as well where it is something else by now: look afterwards.
    """
    is_clone = isinstance(member, OpenClone)
    tag = f"{CLONE_TAG if is_clone else SNAPSHOT_TAG}{member.leg}"
    volume = member.volume
    wanted = f'lv_uuid="{volume.uuid}" && lv_tags={{"{tag}"}} && origin="{volume.origin}"'
    archived = _NOT_ARCHIVED if is_clone else ()
    return _arguments("lvremove", "--yes", *archived, "--select", wanted, volume.name.text)


def resume_command(volume: ThinVolume) -> Arguments:
    """Have a volume go on that an interrupted command has left suspended."""
    return _arguments("lvchange", "--refresh", volume.name.text)


def retag_command(snapshot: ThinSnapshot, leg: str) -> Arguments:
    """Give a snapshot to a leg of another name (`was`), in one change of the metadata."""
    old, new = SNAPSHOT_TAG + snapshot.leg, SNAPSHOT_TAG + leg
    return _arguments("lvchange", "--addtag", new, "--deltag", old, snapshot.volume.name.text)


def successor_command(snapshot: LvName, successor: LvName, tags: Collection[str]) -> Arguments:
    """Make a volume of a snapshot that is to take the place of the one it was taken of."""
    return _arguments(
        *("lvcreate", "--yes", "--snapshot", "--permission", "rw"),
        *("--setactivationskip", "y", "--activate", "n"),
        *(word for tag in sorted(tags) for word in ("--addtag", tag)),
        *("--name", successor.volume, snapshot.text),
    )


def deactivate_command(name: LvName) -> Arguments:
    """Take away its device; fails where anything has that open."""
    return _arguments("lvchange", "--activate", "n", name.text)


def rename_command(old: LvName, new: LvName) -> Arguments:
    """Give a volume another name in its group; fails where something has that name."""
    return _arguments("lvrename", old.group, old.volume, new.volume)


def skip_command(name: LvName, *, skip: bool) -> Arguments:
    """Have activation skip a volume from now on, or not."""
    return _arguments("lvchange", "--setactivationskip", "y" if skip else "n", name.text)


def tag_command(names: Collection[LvName], tag: str, *, tagged: bool) -> Arguments:
    """Give several volumes a tag, or take it away; that it is so already is fine."""
    how = "--addtag" if tagged else "--deltag"
    return _arguments("lvchange", how, tag, *(one.text for one in names))


def _arguments(*words: str) -> Arguments:
    return tuple(one.encode() for one in words)
