"""An alert of a drill or a check, as far as that part decides it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from engine.alerts.words import Fault, Words


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAlert:
    """One alert; whose host it is, and how severe, is added to it."""

    name: str
    fault: Fault
    expression: str
    threshold: int | None
    words: Words
