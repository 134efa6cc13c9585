"""What `apply` does so that files take effect, before some of them go and once all are in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from engine.changes.activation import Where
from engine.system.apply.activate import Done, carry_out, carry_out_first
from engine.system.apply.apply import ApplyReport, apply_changes, note_active
from policyctl.planning import Prepared

Told = Callable[[Done], None]


def install(prepared: Prepared, root: Path, now: datetime, told: Told) -> ApplyReport:
    """Write and remove files; what leaves is stopped before its files go.

    Raises `ApplyRefused` and `ApplyFailed`.
    """
    here = prepared.activation.where is not Where.STAGED
    first = prepared.activation.first if here else ()
    return apply_changes(
        prepared.changes,
        prepared.rendered,
        prepared.plan,
        root,
        now,
        pending=prepared.activation.pending,
        before_files_go=partial(carry_out_first, first, told),
        rollback=prepared.rollback,
    )


def activate(prepared: Prepared, root: Path, report: ApplyReport, told: Told) -> None:
    """Run what follows; what failed stays noted, and the next apply does it. Raises `ApplyFailed`.

    Below a root that stands for another machine nothing is run.
    """
    if prepared.activation.where is Where.STAGED:
        return
    done = carry_out(prepared.activation.then, told)
    if not any(one.problem for one in done):
        note_active(root, report.applied_at)
