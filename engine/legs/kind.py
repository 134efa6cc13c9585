"""What a kind of leg must offer to be run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.plan.model import LegPlan
from engine.runs.observation import Observation
from engine.steps.model import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a leg: what names and bounds it."""

    run_id: str
    now: datetime
    directory: bytes
    """A private directory for the files of this run."""
    control: bytes
    """The socket of the shared ssh connection."""

    @property
    def empty(self) -> bytes:
        """An empty directory."""
        return self.directory + b"/empty"


class LegKind(Protocol):
    """Gives the steps for those feeds that preflight let pass."""

    def steps(
        self, leg_plan: LegPlan, observation: Observation, run: Run, feeds: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Decide everything that the run will do."""
