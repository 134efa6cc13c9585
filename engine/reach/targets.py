"""Directories that a run is about: those it writes to, and those that must stay the same ones."""

from __future__ import annotations

import enum
import os
import shlex
from dataclasses import dataclass

from policy.parts import SshTarget
from policy.values import display


class Presence(enum.Enum):
    """What lies at a path."""

    DIRECTORY = "a directory"
    OTHER = "not a directory"
    MISSING = "nothing"
    UNREADABLE = "something that cannot be read"
    UNKNOWN = "unknown: the other side runs no commands but rsync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A directory of copies: the holder's root, and the names below it."""

    holder: str
    root: bytes
    names: tuple[bytes, ...]
    ssh: SshTarget | None = None
    """None: on this machine."""

    @property
    def path(self) -> bytes:
        """The directory's path on its machine."""
        return b"/".join((self.root.rstrip(b"/"), *self.names)) or b"/"

    @property
    def argument(self) -> bytes:
        """The directory as rsync is told it, with the slash that means its content."""
        path = self.path.rstrip(b"/") + b"/"
        return path if self.ssh is None else _bracketed(self.ssh.account).encode() + b":" + path

    @property
    def place(self) -> str:
        """The directory as a manifest and `policyctl adopt` name it."""
        return f"{self.holder}:/{display(b'/'.join(self.names))}"

    def __str__(self) -> str:
        return display(self.argument)


def entry_argument(place: str, name: bytes) -> str:
    """An entry at a place as a shell takes it; the whole place where nobody could type the name."""
    text = os.fsdecode(name)
    return shlex.quote(f"{place.rstrip('/')}/{text}" if display(name) == text else place)


def _bracketed(account: str) -> str:
    """An account as rsync takes it: the colons of an IPv6 address would begin the path."""
    user, at, host = account.rpartition("@")
    return f"{user}{at}[{host}]" if ":" in host and not host.startswith("[") else account


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Landing:
    """A file system that some of a leg's copies land on, other than that of their directory."""

    path: bytes
    """The mount point, relative to the directory of copies."""
    file_system: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A directory that must still be the same one: device and inode."""

    path: bytes
    device: int
    inode: int
