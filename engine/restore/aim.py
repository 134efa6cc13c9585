"""Where a restored path goes: into a new folder, or into its old place. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from engine.restore.fetch import Fetch
from engine.restore.steps import (
    BEFORE,
    STAGING,
    Check,
    FetchInto,
    MakeStaging,
    PutInPlace,
    RemoveStaging,
    RestoreStep,
    SetOldAside,
)
from engine.restore.versions import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A directory, and the name in it."""

    base: bytes
    """A directory of this machine; its own path may lead through symlinks."""
    below: tuple[bytes, ...]
    """From there to the directory, through no symlink."""
    name: bytes
    in_place: bool = False
    alone: bool = False
    """Whether nothing else may lie in the directory."""

    @property
    def folder(self) -> bytes:
        """The directory's path."""
        return b"/".join((self.base.rstrip(b"/"), *self.below)) or b"/"

    @property
    def path(self) -> bytes:
        """What will be there."""
        return self.folder.rstrip(b"/") + b"/" + self.name

    def ident(self, version: Version) -> bytes:
        """One name for this version at this path, so that the same command goes on."""
        parts = (version.place.encode(), *version.location.names, b"", self.path)
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12].encode()

    def staging(self, version: Version) -> bytes:
        """The name of the folder to fetch into."""
        return STAGING + self.ident(version)

    def kept(self, version: Version, stamp: bytes) -> bytes:
        """The name of the folder that keeps what is replaced; the stamp says when it began."""
        return BEFORE + stamp + b"-" + self.ident(version)


def restore_steps(
    aim: Aim, version: Version, fetch: Fetch, *, kept: bytes, against: tuple[str, ...]
) -> tuple[RestoreStep, ...]:
    """All steps, in order; `kept` is the name of the folder for what is replaced."""
    staging = aim.folder.rstrip(b"/") + b"/" + aim.staging(version)
    aside = aim.folder.rstrip(b"/") + b"/" + kept + b"/" + aim.name
    old = (SetOldAside(old=aim.path, kept=aside),) if aim.in_place else ()
    return (
        MakeStaging(folder=staging),
        FetchInto(fetch=fetch, folder=staging),
        Check(against=against),
        *old,
        PutInPlace(path=aim.path),
        RemoveStaging(folder=staging),
    )
