"""Commands of the manifest around a run, as steps."""

from __future__ import annotations

from engine.steps.model import HookStep
from policy.legs import LegCommon
from policy.parts import Hook


def hooks_before(leg: LegCommon) -> tuple[HookStep, ...]:
    """Commands before anything is looked at: they may mount what is looked at."""
    return tuple(_hook(hook, always=False) for hook in leg.before)


def hooks_after(leg: LegCommon) -> tuple[HookStep, ...]:
    """Commands after the last step, on every way out."""
    return tuple(_hook(hook, always=True) for hook in leg.finally_)


def _hook(hook: Hook, *, always: bool) -> HookStep:
    return HookStep(run=hook.run, timeout=hook.timeout.seconds, always=always)
