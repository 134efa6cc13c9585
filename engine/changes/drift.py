"""Policy drift: what should run against what does. Pure.

Two things drift. The *manifest* does when it is edited and not applied: what runs is still the
applied plan. *Files* do when somebody changes or removes what `apply` wrote: what runs is no longer
what was applied.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.changes.files import AppliedRecord, ObservedFile, digest
from policy.values import AbsolutePath


class ManifestState(enum.Enum):
    """How the manifest stands to the applied plan."""

    APPLIED = "applied"
    """It compiles to the plan that runs, whatever its comments and order."""
    EDITED = "edited"
    INVALID = "invalid"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """Nobody noted where it lies, or it cannot be seen from here."""


_OTHERS_MAY_WRITE = 0o022
"""What root runs or obeys may be written by root alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftedFile:
    """A file of ours that is not as it was written."""

    path: AbsolutePath
    missing: bool
    """Else it holds something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDrift:
    """How the manifest and the generated files stand to what was applied."""

    manifest: ManifestState
    manifest_path: str
    """Where it lies; empty where that is not known."""
    manifest_digest: str
    """SHA-256 of its text; empty where there is none to read."""
    plan_digest: str
    """SHA-256 of the applied plan."""
    files: tuple[DriftedFile, ...]
    interrupted: bool = False
    """Whether an apply has begun and not ended."""

    @property
    def of_manifest(self) -> bool | None:
        """Whether the manifest has drifted; None where nobody knows."""
        if self.manifest is ManifestState.UNKNOWN:
            return None
        return self.manifest is not ManifestState.APPLIED

    @property
    def of_files(self) -> bool:
        """Whether what runs is not what was applied."""
        return bool(self.files) or self.interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is known of a manifest's text: compiling it again would say the same.

    `apply` notes one of what it applied, and who compiles an edited manifest one of that, so that a
    run that ends has nothing to do but to compare digests.
    """

    path: str
    """Absolute. A name that is no UTF-8 is escaped as Python does it."""
    folder: str
    """Device and inode of its folder when it was applied: where another one lies there, that the
    manifest is missing says nothing."""
    text: str
    """SHA-256 of the text."""
    plan: str
    """SHA-256 of the applied plan that it was compared with."""
    state: ManifestState

    def settles(self, text: str, plan: str) -> bool:
        """Whether it says how this text stands to this plan."""
        return (self.text, self.plan) == (text, plan)


def drifted_files(
    record: AppliedRecord, observed: Mapping[AbsolutePath, ObservedFile | None]
) -> tuple[DriftedFile, ...]:
    """The files of ours that are not as they were written; `observed` has an entry for each.

    While an apply is under way a file may hold what it held before, or not be there yet.
    """
    return tuple(_drifted(record, observed))


def _drifted(
    record: AppliedRecord, observed: Mapping[AbsolutePath, ObservedFile | None]
) -> Iterator[DriftedFile]:
    for one in record.files:
        found = observed[one.path]
        if found is None:
            if record.complete:
                yield DriftedFile(path=one.path, missing=True)
        elif (
            found.content is None
            or digest(found.content) not in one.sha256
            or found.mode & _OTHERS_MAY_WRITE
        ):
            yield DriftedFile(path=one.path, missing=False)
