"""Names of thin volumes: what LVM takes, and what our own snapshots and clones are called. Pure.

The rules of a name are those of lvm(8), VALID NAMES. Two lengths are in no manual. Both were
measured with LVM 2.03.16, and are looked for beforehand: LVM notices the first one only after it
has changed the pool ("Internal error"), and makes a volume with the second that can never be
activated.
"""

from __future__ import annotations

import enum
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.generations.names import moment_of, name_of

INFIX: Final = ".policyctl."
"""Between a volume's name and the moment of its snapshot."""
ASIDE_INFIX: Final = ".policyctl-"
"""Between a volume's name and what says why a rollback has set it aside."""
_ASIDE: Final = re.compile(r"(.+)\.policyctl-(before|after)\.([^.]+)")
CLONE_PREFIX: Final = "policyctl-open."
"""How clones for reading begin, and the LUKS mappings on them."""
_TOGETHER_MOST: Final = 124
"""Characters of group and volume: `vg_validate` of LVM counts 3 more, and stops before 128."""
_DEVICE_NAME_MOST: Final = 127
"""Characters of a device's name: the kernel's DM_NAME_LEN, without the closing NUL."""
_NAME: Final = re.compile(r"[A-Za-z0-9+_.][A-Za-z0-9+_.-]*")
_CLONE: Final = re.compile(re.escape(CLONE_PREFIX) + r"[0-9a-f]{16}")
_RESERVED_HEADS: Final = ("snapshot", "pvmove")
_RESERVED_PARTS: Final = (
    *("_cdata", "_cmeta", "_corig", "_cvol", "_iorig", "_mimage", "_mlog", "_pmspare"),
    *("_rimage", "_rmeta", "_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig"),
)


class NameRefused(ValueError):
    """LVM would not take a name, or could not use it; the message says which, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LvName:
    """A volume by its full name: nothing that LVM could take for an option, a pattern or a tag."""

    group: str
    volume: str

    @property
    def text(self) -> str:
        """As commands take it: `pve/data`."""
        return f"{self.group}/{self.volume}"

    @property
    def device_name(self) -> str:
        """Its name in /dev/mapper: hyphens are doubled, one is between (lvm(8))."""
        return "-".join(one.replace("-", "--") for one in (self.group, self.volume))

    @property
    def device(self) -> bytes:
        """Its device, where it is active."""
        return f"/dev/{self.group}/{self.volume}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotName:
    """What the name of a snapshot says."""

    volume: str
    moment: datetime
    """The start of the run that took it, in UTC."""


class Line(enum.Enum):
    """Which of the two volumes of a rollback: each begins a line of history of its own."""

    BEFORE = "before"
    """The one that was in use until then."""
    AFTER = "after"
    """The one that was made of a snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideName:
    """What the name of a volume says that a rollback has set aside."""

    volume: str
    """What it was called while it was in use."""
    line: Line
    moment: datetime
    """The start of the rollback, in UTC."""


def aside_name(volume: str, line: Line, moment: datetime) -> str:
    """Return what a volume is called while the other one of a rollback has its name.

    `vm-1-pvc-a.policyctl-before.2026-11-28T03-00-00Z`. Raises `ValueError` as `name_of` does.
    """
    return f"{volume}{ASIDE_INFIX}{line.value}.{name_of(moment).decode('ascii')}"


def parse_aside_name(name: str) -> AsideName | None:
    """Return what such a name says; None: no name that `aside_name` gives."""
    found = _ASIDE.fullmatch(name)
    moment = moment_of(found[3].encode()) if found is not None else None
    if found is None or moment is None:
        return None
    return AsideName(volume=found[1], line=Line(found[2]), moment=moment)


def snapshot_name(volume: str, moment: datetime) -> str:
    """Return what the snapshot of a run that started then is called.

    `vm-1-pvc-a.policyctl.2026-11-28T03-00-00Z`. Raises `ValueError` as `name_of` does.
    """
    return volume + INFIX + name_of(moment).decode("ascii")


def parse_snapshot_name(name: str) -> SnapshotName | None:
    """Return what a snapshot's name says; None: no name that `snapshot_name` gives."""
    volume, infix, moment = name.rpartition(INFIX)
    found = moment_of(moment.encode()) if infix and volume else None
    return None if found is None else SnapshotName(volume=volume, moment=found)


def clone_name(snapshot: str, reader: str) -> str:
    """Return what the clone is called through which a leg reads a snapshot.

    It follows from both, so that nobody has to remember it, and two legs never share one. It says
    nothing of the volume: with its name and a moment it would often be too long.
    """
    digest = hashlib.sha256(f"{reader}\0{snapshot}".encode()).hexdigest()
    return CLONE_PREFIX + digest[:16]


def verifier(leg: str) -> str:
    """Return the reader that compares a leg's copies: no leg has a name with a plus."""
    return f"{leg}+verify"


def is_clone_name(name: str) -> bool:
    """Whether it is one that `clone_name` gives."""
    return _CLONE.fullmatch(name) is not None


def check_name(name: LvName) -> None:
    """Raise `NameRefused` where LVM could not make, or not activate, a volume of this name."""
    problem = _problem(name)
    if problem:
        raise NameRefused(f"{name.text}: {problem}")


def _problem(name: LvName) -> str:
    for one in (name.group, name.volume):
        if one in {".", ".."} or not _NAME.fullmatch(one):
            return f"{one!r} is no name for LVM: letters, digits and +_.- make one, and no - begins"
    if name.volume.startswith(_RESERVED_HEADS) or any(map(name.volume.count, _RESERVED_PARTS)):
        return "LVM keeps names of this form for itself (lvm(8), VALID NAMES)"
    if len(name.group) + len(name.volume) > _TOGETHER_MOST:
        return f"group and volume have more than {_TOGETHER_MOST} characters together"
    if len(name.device_name) > _DEVICE_NAME_MOST:
        return (
            f"its device would have a name of {len(name.device_name)} characters, each hyphen "
            f"counted twice, and the kernel takes {_DEVICE_NAME_MOST}"
        )
    return ""
