"""What a run does that keeps the output of commands on a device, as data."""

from __future__ import annotations

from dataclasses import dataclass

from engine.reach.targets import Target
from policy.encryption import Encryption
from policy.forms import Form
from policy.parts import SshTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFile:
    """Run a command on the device, and keep its output as a file of the next generation."""

    feed: str
    name: bytes
    run: tuple[str, ...]
    """For people; the command for ssh is `argv`."""
    argv: tuple[bytes, ...]
    device: SshTarget
    form: Form
    encryption: Encryption | None
    target: Target
    """The folder that holds all generations."""
    least: int
    """Bytes: a smaller file is told, and nothing older goes."""
    before: int | None
    """Bytes that it had in the generation before; None: it was not in it."""
