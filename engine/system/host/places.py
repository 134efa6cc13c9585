"""Where things lie below a root directory, as paths that can be opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.plan import layout
from policy.destinations import Destination
from policy.values import AbsolutePath

MARKER = b".policyctl-destination"
"""The file that stands for a mounted file system below a root other than `/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """A root directory; below one that is not `/` everything is staged, and nothing is waived."""

    root: Path = Path("/")
    state: Path | None = None
    """The state directory, where it is not the usual one below the root."""
    in_pod: bool = False
    """Whether this is a container of a cluster: no host, whatever its name is."""

    @property
    def staged(self) -> bool:
        """Whether the root stands for another machine's."""
        return os.path.normpath(self.root) != "/"

    @property
    def state_dir(self) -> Path:
        """Journal, locks, plan and filters."""
        return self.state or self._path(layout.STATE)

    @property
    def plan_file(self) -> Path:
        """The applied plan."""
        return self._in_state(layout.PLAN_FILE)

    @property
    def record_file(self) -> Path:
        """What apply wrote."""
        return self._in_state(layout.RECORD_FILE)

    @property
    def state_file(self) -> Path:
        """The state database."""
        return self.state_dir / "state.db"

    @property
    def journal_file(self) -> Path:
        """The change journal."""
        return self.state_dir / "journal.db"

    @property
    def tracker_lock(self) -> Path:
        """Held while the tracker runs."""
        return self.lock_dir / "tracker.lock"

    @property
    def lock_dir(self) -> Path:
        """Lock files, never unlinked."""
        return self.state_dir / "locks"

    @property
    def systemd_dir(self) -> Path:
        """The administrator's unit files."""
        return self._path(layout.UNITS)

    def filter_file(self, leg: str, reads: str) -> Path:
        """The applied rules of one feed of a leg."""
        return self._in_state(layout.filter_file(leg, reads))

    def leg_lock(self, leg: str) -> Path:
        """Held while a leg runs."""
        return self.lock_dir / f"leg.{leg}.lock"

    def drill_lock(self, drill: str) -> Path:
        """Held while a drill goes on."""
        return self.lock_dir / f"drill.{drill}.lock"

    def check_lock(self, check: str) -> Path:
        """Held while a check looks."""
        return self.lock_dir / f"check.{check}.lock"

    def holder_lock(self, holder: str) -> Path:
        """Held while a leg writes to a destination, or into a source."""
        return self.lock_dir / f"destination.{holder}.lock"

    def below_root(self, path: AbsolutePath) -> bytes:
        """An absolute path of the final system as a path here."""
        base = os.fsencode(os.path.abspath(self.root)) if self.staged else b""  # noqa: PTH100 - symlinks stay
        return base + path.text if path.names else base or b"/"

    def destination_root(self, destination: Destination) -> bytes:
        """Where a destination lies: below a root `ssh: u@h` stands for the directory `@h`."""
        if destination.ssh is None or not self.staged:
            return self.below_root(destination.path)
        host = destination.ssh.account.rpartition("@")[2]
        return self.below_root(AbsolutePath((b"@" + host.encode(), *destination.path.names)))

    def reaches_over_ssh(self, destination: Destination) -> bool:
        """Whether a connection is needed to reach it."""
        return destination.ssh is not None and not self.staged

    def _path(self, path: AbsolutePath) -> Path:
        return Path(os.fsdecode(self.below_root(path)))

    def _in_state(self, path: AbsolutePath) -> Path:
        """A path of the state directory, wherever that directory is."""
        if self.state is None:
            return self._path(path)
        names = path.names[len(layout.STATE.names) :]
        return self.state.joinpath(*(os.fsdecode(name) for name in names))
