"""Files as a plan asks for them, as they stand on the disk, and as `apply` has noted its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from policy.values import AbsolutePath

RECORD_FORMAT = 1
"""Version of the ownership record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFile:
    """A file that the plan asks for."""

    path: AbsolutePath
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedFile:
    """What stands at a path."""

    content: bytes | None
    """None where it is no regular file."""
    mode: int = 0o644
    """Permission bits."""
    replaceable: bool = True
    """Whether a file can take its place: a symlink's, but not a directory's or a device's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedFile:
    """A file that `apply` wrote."""

    path: AbsolutePath
    sha256: tuple[str, ...]
    """What it may hold: one digest; while an apply is under way, before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What was written or removed, and has perhaps not taken effect yet."""

    units: tuple[str, ...] = ()
    """Names of units, sorted."""
    sysctl: bool = False
    """The kernel's limits."""
    rules: bool = False
    """The alert rules."""
    udev: bool = False
    """The rules by which devices get their names."""

    def and_also(self, other: Pending) -> Pending:
        """Both."""
        return Pending(
            units=tuple(sorted({*self.units, *other.units})),
            sysctl=self.sysctl or other.sysctl,
            rules=self.rules or other.rules,
            udev=self.udev or other.udev,
        )


SETTLED = Pending()
"""All that was applied has taken effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRecord:
    """What `apply` wrote, kept beside the plan."""

    format: int = RECORD_FORMAT
    applied_at: str
    """UTC, ISO 8601."""
    complete: bool
    """False while an apply is under way: found so at the next start, it was interrupted."""
    plan_digest: str
    """SHA-256 of the plan's stored form."""
    files: tuple[OwnedFile, ...]
    """Sorted by path."""
    pending: Pending = SETTLED
    """What an apply had still to make take effect when it was last heard of."""
    rolled_back: bool = False
    """Whether the plan is that of before, brought back."""

    @property
    def unfinished(self) -> bool:
        """Whether an apply has not come to its end: by its files, or by what they are to effect."""
        return not self.complete or self.pending != SETTLED

    def may_hold(self, path: AbsolutePath) -> tuple[str, ...]:
        """The digests that a path of ours may have; none for any other path."""
        return next((one.sha256 for one in self.files if one.path == path), ())


def digest(content: bytes) -> str:
    """The digest by which files are known."""
    return hashlib.sha256(content).hexdigest()
