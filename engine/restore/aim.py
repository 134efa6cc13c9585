"""Where a restored path goes: into a new folder, or into its old place. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.restore.fetch import Fetch
from engine.restore.steps import (
    BEFORE,
    STAGING,
    Check,
    FetchInto,
    MakeStaging,
    OpenEncrypted,
    PutInPlace,
    RemoveStaging,
    RestoreStep,
    SetOldAside,
)
from policy.encryption import ENDING
from policy.patterns import Component

_ENDING = ENDING.encode()


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
    request: tuple[bytes, ...] = ()
    """What was asked for beside the path: a pattern, a moment, a copy."""
    identity: bytes = b""
    """The file with the key that opens what came encrypted; empty: that stays so. The same command
    with and without it is one restore."""

    @property
    def folder(self) -> bytes:
        """The directory's path."""
        return b"/".join((self.base.rstrip(b"/"), *self.below)) or b"/"

    @property
    def path(self) -> bytes:
        """What will be there."""
        return self.folder.rstrip(b"/") + b"/" + self.name

    def opened(self, *, directory: bool) -> bytes:
        """The name that it has once what is encrypted of it is opened."""
        return self.name if directory or not self.identity else self.name.removesuffix(_ENDING)

    @property
    def ident(self) -> bytes:
        """One name for what was asked, so that the same command goes on.

        Not for the version: a run may meanwhile have set aside, or deleted, what was chosen.
        """
        parts = (self.path, *self.request)
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12].encode()

    @property
    def staging(self) -> bytes:
        """The name of the folder to fetch into."""
        return STAGING + self.ident

    def kept(self, stamp: bytes) -> bytes:
        """The name of the folder that keeps what is replaced; the stamp says when it began."""
        return BEFORE + stamp + b"-" + self.ident


def request_of(
    as_of: datetime | None,
    place: str | None,
    inside: Sequence[Component],
    *,
    databases: bool = False,
) -> tuple[bytes, ...]:
    """What two commands of one path have in common where they are the same."""
    moment = as_of.isoformat() if as_of is not None else ""
    patterns = (repr(one.tokens).encode() for one in inside)
    alone = (b"databases",) if databases else ()
    return (moment.encode(), (place or "").encode(), *alone, *patterns)


def restore_steps(
    aim: Aim, fetch: Fetch, *, kept: bytes, against: tuple[str, ...], made: bool = False
) -> tuple[RestoreStep, ...]:
    """All steps, in order; `kept` is the name of the folder for what is replaced.

    `made`: whether a leg has made what comes, and may have encrypted it.
    """
    staging = aim.folder.rstrip(b"/") + b"/" + aim.staging
    aside = aim.folder.rstrip(b"/") + b"/" + kept + b"/" + aim.name
    old = (SetOldAside(old=aim.path, kept=aside),) if aim.in_place else ()
    opened = (OpenEncrypted(path=aim.path, identity=aim.identity),) if aim.identity else ()
    return (
        MakeStaging(folder=staging),
        FetchInto(fetch=fetch, folder=staging),
        Check(against=against),
        *old,
        PutInPlace(path=aim.path),
        *opened,
        RemoveStaging(folder=staging, unless_shut=made or bool(aim.identity)),
    )
