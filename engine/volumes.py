"""How much data each routing line decides, as counted by a walk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Files and bytes; a file with several hard links counts its bytes once."""

    files: int = 0
    bytes: int = 0

    def plus(self, size: int) -> Volume:
        """With one more file of this size."""
        return Volume(files=self.files + 1, bytes=self.bytes + size)

    def __str__(self) -> str:
        return f"{human_bytes(self.bytes)}, {self.files:,} file{'' if self.files == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVolumes:
    """What a walk of one source has found."""

    source: str
    by_line: Mapping[str, Volume]
    """Routing line as written → what it decides."""
    ignored: Volume
    unreadable: int
    """Directories that could not be read: the figures are short by what is in them."""


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def human_bytes(number: int) -> str:
    """Bytes as a person says them: `1.5 TiB`."""
    size = float(number)
    for unit in _UNITS:
        if abs(size) < 1024 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")
