"""What `apply` did."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.changes.activation import Activation
from engine.orphans.migration import Move
from engine.system.apply.activate import Done
from engine.system.apply.apply import ApplyReport, completed_by
from engine.system.apply.destinations import Recorded
from policyctl.migrating import Done as Migrated
from policyctl.views.console import Json, result, tell
from policyctl.views.migrate import done_json, done_lines, step
from policyctl.views.paths import counted


def tell_applied(
    report: ApplyReport, recorded: tuple[Recorded, ...], renamed: tuple[str, ...]
) -> None:
    """Say what was done to files, history and disks."""
    if report.changed:
        written = counted(len(report.written), "file")
        result(
            f"applied: {written} written, {len(report.removed)} removed, {report.kept} as they were"
        )
    for sentence in renamed:
        tell(sentence)
    for one in recorded:
        tell(f"{one.what} {one.destination}: {one.sentence}")


@dataclass(slots=True)
class Steps:
    """The commands that were run so far, each told as it ended."""

    rollback: bool = False
    """Whether the plan of before is brought back."""
    done: list[Done] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether any of them failed."""
        return any(one.problem for one in self.done)

    def tell(self, one: Done) -> None:
        """Say that a command was run, or what it means that it failed."""
        self.done.append(one)
        command = shlex.join(one.step.argv)
        if not one.problem:
            tell(f"done: {command}")
            return
        tell(f"policyctl: failed: {command}: {one.problem}")
        tell(f"policyctl: {one.step.if_it_fails}; {completed_by(rollback=self.rollback)}")


def tell_rolled_back() -> None:
    """Say what the manifest has to do with it."""
    tell(
        "the plan of before runs again. The manifest is as it was: the next `policyctl apply` "
        "makes true what it says"
    )


def tell_rename(move: Move) -> None:
    """Say what is renamed next at a destination."""
    tell(step(move))


def tell_migrated(done: Sequence[Migrated]) -> None:
    """Say what was renamed there."""
    result("\n".join(done_lines(done)))


def applied_json(
    report: ApplyReport,
    recorded: tuple[Recorded, ...],
    renamed: tuple[str, ...],
    activation: Activation,
    steps: Steps,
    migrated: Sequence[Migrated],
) -> dict[str, Json]:
    """The same for programs."""
    return {
        **done_json(migrated, key="migrated"),
        "changed": report.changed,
        "written": [str(path) for path in report.written],
        "removed": [str(path) for path in report.removed],
        "kept": report.kept,
        "plan_digest": report.plan_digest,
        "renamed": list(renamed),
        "destinations": [
            {"destination": one.destination, "recorded": one.recorded, "sentence": one.sentence}
            for one in recorded
        ],
        "activation": {
            "where": activation.where.value,
            "steps": [
                {"argv": list(one.step.argv), "done": not one.problem, "problem": one.problem}
                for one in steps.done
            ],
            "notes": list(activation.notes),
        },
    }
