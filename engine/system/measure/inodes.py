"""Each file once, however many names it has, in little memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(slots=True)
class Inodes:
    """Which files were counted: only those with several names, as bare numbers by device.

    A million of them take less than 100 MB.
    """

    _seen: dict[int, set[int]] = field(default_factory=dict)

    def is_new(self, status: os.stat_result) -> bool:
        """Whether a file was not counted yet; from now on it is."""
        if status.st_nlink < 2:
            return True
        seen = self._seen.setdefault(status.st_dev, set())
        before = len(seen)
        seen.add(status.st_ino)
        return len(seen) > before
