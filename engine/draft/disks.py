"""Block devices, read from what `lsblk` prints. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.plan.typed_json import Unreadable, parse_json

COLUMNS: Final = "PATH,FSTYPE,LABEL,ROTA,HOTPLUG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk, a partition, or what is made of them."""

    path: bytes
    holds: str
    """The file system on it, or what else it is, by lsblk's name; empty where that is unknown."""
    label: str
    rotates: bool | None
    removable: bool


def read_disks(answer: str) -> tuple[Disk, ...]:
    """Read `lsblk --json --list`. Raises `Unreadable`."""
    document = parse_json(answer)
    rows = document.get("blockdevices") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise Unreadable("it has no list 'blockdevices'")
    return tuple(_disks(rows))


def _disks(rows: list[object]) -> Iterator[Disk]:
    for row in rows:
        path = row.get("path") if isinstance(row, dict) else None
        if isinstance(row, dict) and isinstance(path, str):
            yield Disk(
                path=path.encode("utf-8", "surrogateescape"),
                holds=_text(row.get("fstype")),
                label=_text(row.get("label")),
                rotates=_truth(row.get("rota")),
                removable=_truth(row.get("hotplug")) is True,
            )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _truth(value: object) -> bool | None:
    """Older versions write 1 and 0, as text."""
    known = {"1": True, "0": False, "true": True, "false": False}
    return value if isinstance(value, bool) else known.get(_text(value))
