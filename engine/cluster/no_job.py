"""Why something cannot run in a cluster."""

from __future__ import annotations


class NoJob(ValueError):
    """No job can be made of a leg or check as the manifest has it; the message says why."""


class OfThisKind(NoJob):
    """No job is made of legs of this kind."""
