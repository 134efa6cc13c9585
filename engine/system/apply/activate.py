"""Making written files take effect on this machine: systemd asked how units stand, commands run.

What is run, and in which order, was decided before (`engine.changes.activation`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.changes.activation import ActivationStep, Machine, UnitState, Where
from engine.system.apply.apply import ApplyFailed
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, Completed, run

_SECONDS = 120.0
"""A command has this long: a unit that is stopped gets 90 s from systemd."""
_SYSTEMD = Path("/run/systemd/system")
"""There where systemd is the first process, by sd_booted(3)."""
_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")
_ASKED = ("Id", "ActiveState", "UnitFileState", "NeedDaemonReload")
_RUNS = frozenset({"active", "activating", "reloading"})
_STAYS = frozenset({"enabled", "static", "indirect", "alias", "generated"})
"""States of a unit file (systemctl(1), is-enabled) that `enable` would not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How one step ended."""

    step: ActivationStep
    problem: str = ""
    """Why it failed, or ""."""


def look_at_machine(root: Path, units: Iterable[str], *, systemd: Path = _SYSTEMD) -> Machine:
    """See what activation depends on; below a root that stands for another machine, nothing."""
    if Places(root=root).staged:
        return Machine(where=Where.STAGED)
    settable = os.access(_LIMIT, os.W_OK)
    if not systemd.is_dir():
        return Machine(where=Where.NO_SYSTEMD, limits_settable=settable)
    names = tuple(units)
    properties = f"--property={','.join(_ASKED)}"
    done = _run(("systemctl", "show", properties, "--", *names))
    if isinstance(done, str):
        return Machine(where=Where.HERE, limits_settable=settable, unasked=done)
    states = dict(_states(done.stdout.decode("utf-8", "replace")))
    return Machine(where=Where.HERE, units=states, limits_settable=settable)


def _states(text: str) -> Iterator[tuple[str, UnitState]]:
    """Read what `systemctl show` prints: lines `key=value`, an empty line between two units."""
    for block in text.split("\n\n"):
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in said:
            yield (
                said["Id"],
                UnitState(
                    active=said.get("ActiveState") in _RUNS,
                    enabled=said.get("UnitFileState") in _STAYS,
                    outdated=said.get("NeedDaemonReload") == "yes",
                ),
            )


def carry_out(steps: Iterable[ActivationStep], told: Callable[[Done], None]) -> tuple[Done, ...]:
    """Run each step; one that fails keeps no other from being tried. `told` hears of each."""
    ended = []
    for step in steps:
        done = Done(step=step, problem=_problem(step))
        told(done)
        ended.append(done)
    return tuple(ended)


def carry_out_first(steps: Iterable[ActivationStep], told: Callable[[Done], None]) -> None:
    """Run what comes before files are removed. Raises `ApplyFailed` where one fails."""
    if any(done.problem for done in carry_out(steps, told)):
        raise ApplyFailed("units that leave could not be stopped, so their files are still there")


def _problem(step: ActivationStep) -> str:
    done = _run(step.argv)
    return done if isinstance(done, str) else ""


def _run(argv: tuple[str, ...]) -> Completed | str:
    """Run a command to its good end, or say why there was none."""
    try:
        done = run(Command(argv=tuple(map(os.fsencode, argv)), timeout=_SECONDS))
    except CommandNotStarted as error:
        return str(error)
    if done.timed_out:
        return f"it had not ended after {_SECONDS:g} s"
    if done.code != 0:
        return done.last_words or f"it ended with {done.code}"
    return done
