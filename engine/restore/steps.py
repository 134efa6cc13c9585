"""The steps of a restore as data: shown first, then carried out one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.reach.command_words import show_command
from engine.restore.fetch import Fetch
from policy.values import display

STAGING = b".policyctl-restore-"
"""How the folder's name begins into which a version is fetched; no leg takes such a name."""
BEFORE = b".policyctl-before-"
"""How the folder's name begins that keeps what a restore in place has replaced."""
MARKER = b".policyctl-restore.json"
"""In the folder that is fetched into: what comes into it, for whoever finds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeStaging:
    """Make the folder to fetch into, closed to others, or take up one that was cut off."""

    folder: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchInto:
    """Fetch the version into it."""

    fetch: Fetch
    folder: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Compare what came with what the version holds, and with other copies that are near."""

    against: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOldAside:
    """Rename what lies at the path now."""

    old: bytes
    kept: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PutInPlace:
    """Rename what came to its name; nothing is overwritten."""

    path: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEncrypted:
    """Open what is encrypted of what came, each file as another one that takes its place."""

    path: bytes
    identity: bytes
    """The file with the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveStaging:
    """Remove the folder that was fetched into."""

    folder: bytes
    unless_shut: bool = False
    """Whether it stays with its note where something encrypted is left: by that the same command
    goes on with a key."""


RestoreStep = (
    MakeStaging | FetchInto | Check | SetOldAside | PutInPlace | OpenEncrypted | RemoveStaging
)


def restore_words(steps: Iterable[RestoreStep]) -> tuple[str, ...]:
    """What each step does, one line each."""
    return tuple(_words(step) for step in steps)


def _words(step: RestoreStep) -> str:
    match step:
        case MakeStaging():
            return f"make {display(step.folder)}, or go on in it where it was cut off"
        case FetchInto():
            return f"fetch: {show_command(step.fetch.argv(step.folder))}"
        case Check():
            return f"compare what came with {', '.join(step.against)}"
        case SetOldAside():
            return f"rename {display(step.old)} to {display(step.kept)}: nothing of it is lost"
        case PutInPlace():
            return f"rename what came to {display(step.path)}"
        case OpenEncrypted():
            return f"open what is encrypted of it with the key in {display(step.identity)}"
        case RemoveStaging():
            shut = ", unless what came is encrypted: --identity goes on by it"
            empty = f"remove {display(step.folder)}, which is empty by then but for its note"
            return empty + (shut if step.unless_shut else "")
