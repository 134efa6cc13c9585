"""What a machine of the lab is made of: something that boots, runs commands and can be cut off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

CHECKOUT = Path(__file__).resolve().parents[2]
"""What each machine has, read-only, on /opt/policyctl."""


class DidNotBoot(Exception):
    """A machine did not start, and what it said last."""


class Computer(Protocol):
    """A container, or a virtual machine."""

    @property
    def devices(self) -> Sequence[Path]:
        """Its disks, beside the one that it boots from."""

    def boot(self) -> None:
        """Start it, and wait until all that is started at boot has been. Raises `DidNotBoot`."""

    def pull_plug(self) -> None:
        """End all that it does at once, without a word; what its disks hold, they hold."""

    def command(self, words: Sequence[str]) -> Sequence[str]:
        """What this host has to run so that these words are run in it, as root."""
