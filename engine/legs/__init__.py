"""Leg kinds as the engine runs them: one module each, listed here once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.plan import LegPlan
from engine.preflight import Observation
from engine.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a leg: what names and bounds it."""

    run_id: str
    now: datetime
    directory: bytes
    """A private directory for the files of this run, short enough for a socket's path."""

    @property
    def control(self) -> bytes:
        """The socket of the shared ssh connection."""
        return self.directory + b"/ssh"


class LegKind(Protocol):
    """What a kind of leg must offer to be run: its steps, from an observation."""

    def __call__(
        self, leg_plan: LegPlan, observation: Observation, run: Run, feeds: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Give the steps for those feeds that preflight lets pass."""
