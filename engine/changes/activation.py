"""What makes written files take effect: the commands that go with a change set, in order. Pure.

A file in place is not yet a timer that runs or a rule that is judged. Owns which units are stopped,
started and read again, and what is done about the kernel's limits and Prometheus. No leg is ever
started, stopped or killed here: a run that goes on is not disturbed, and a timer whose calendar
changed waits for its next time.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.changes.changes import ChangeSet
from engine.changes.files import SETTLED, Pending, RenderedFile
from engine.changes.plan_changes import Action
from engine.plan.layout import SYSCTL_FILE, TARGET_UNIT, TRACKER_UNIT, UDEV_FILE, UNITS
from engine.plan.model import Plan
from policy.values import AbsolutePath

PROMETHEUS_UNIT = "prometheus.service"
"""The name of Prometheus's service in the distributions."""
_STAMPS = "/var/lib/systemd/timers/stamp-"
"""Where systemd keeps when a timer with `Persistent=` last elapsed (systemd.timer(5)): its mtime.
A timer that starts takes what lies between that and now for missed, and starts its leg at once."""
_WITHOUT_SYSTEMD = (
    "systemd does not run this machine: no timer is started. Legs run where something calls "
    "`policyctl run --due` regularly (cron, for instance), and `policyctl track` is a supervisor's "
    "business"
)
_KERNEL_IS_THE_HOSTS = (
    f"the kernel's limits in {SYSCTL_FILE} cannot be set in here: set them on the machine that "
    "this container runs on"
)


class Where(enum.Enum):
    """What the files are installed on."""

    HERE = "here"
    """This machine, which systemd runs."""
    NO_SYSTEMD = "no-systemd"
    """This machine, which something else runs."""
    STAGED = "staged"
    """A directory that stands for another machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """What systemd says of one unit."""

    active: bool = False
    enabled: bool = False
    """Whether it starts at boot by itself, or cannot be asked to."""
    outdated: bool = False
    """Whether its file is another one than systemd has read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What activation depends on, as it is now."""

    where: Where
    units: Mapping[str, UnitState] = field(default_factory=dict)
    """Of each unit that was asked about; none is known elsewhere than here."""
    limits_settable: bool = True
    """Whether the kernel's limits can be set from here: not in a container."""
    unasked: str = ""
    """Why systemd could not be asked, or ""."""

    def state(self, unit: str) -> UnitState:
        """What is known of a unit; nothing is the same as never heard of."""
        return self.units.get(unit, UnitState())


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationStep:
    """One command."""

    argv: tuple[str, ...]
    because: str
    """Why it is run, as part of a sentence."""
    if_it_fails: str
    """What it means for the data where it fails, as a sentence's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """Everything that makes a change set take effect."""

    where: Where
    first: tuple[ActivationStep, ...] = ()
    """Before any file is removed."""
    then: tuple[ActivationStep, ...] = ()
    """Once all files are as they should be."""
    notes: tuple[str, ...] = ()
    """What nobody but the administrator can do, as sentences."""
    pending: Pending = SETTLED
    """What has to be noted until all of it is done."""

    @property
    def steps(self) -> tuple[ActivationStep, ...]:
        """All commands, in order."""
        return (*self.first, *self.then)


def units_to_ask_about(
    rendered: tuple[RenderedFile, ...], changes: ChangeSet, pending: Pending
) -> tuple[str, ...]:
    """The units whose state an activation depends on, sorted: of a template nobody can ask."""
    units = {*_started(rendered), *_unit_changes(changes), *pending.units}
    return tuple(sorted({*filter(_is_started, units), PROMETHEUS_UNIT}))


def activation(
    applied: Plan | None,
    plan: Plan,
    rendered: tuple[RenderedFile, ...],
    changes: ChangeSet,
    machine: Machine,
    before: Pending,
) -> Activation:
    """The commands for a change set; `before` is what earlier applies did not come to do.

    Where nothing changes and every unit stands as it should, there is none.
    """
    pending = before.and_also(_touched(applied, plan, changes))
    if machine.where is Where.NO_SYSTEMD:
        then, notes = tuple(_limits(pending, machine)), _notes_elsewhere(plan, pending, machine)
        return Activation(where=machine.where, then=then, notes=notes, pending=pending)
    started = _started(rendered)
    return Activation(
        where=machine.where,
        first=tuple(_stopped(changes, pending, started, machine)),
        then=(
            *_units(started, pending, machine),
            *_limits(pending, machine),
            *_devices(pending, machine),
            *_prometheus(pending, machine),
        ),
        notes=tuple(_notes(plan, pending, machine)),
        pending=pending if machine.where is Where.HERE else SETTLED,
    )


# ── What changed ─────────────────────────────────────────────────────────────────────────────


def _touched(applied: Plan | None, plan: Plan, changes: ChangeSet) -> Pending:
    rules = {one.monitoring.rules for one in (applied, plan) if one is not None}
    paths = {one.path for one in changes.files if one.action is not Action.KEEP}
    return Pending(
        units=tuple(sorted(_unit_changes(changes))),
        sysctl=SYSCTL_FILE in paths,
        rules=bool(rules & paths),
        udev=UDEV_FILE in paths,
    )


def _unit_changes(changes: ChangeSet) -> dict[str, Action]:
    """What happens to each unit whose file does not stay as it is."""
    return {
        name: one.action
        for one in changes.files
        if one.action is not Action.KEEP and (name := _unit(one.path))
    }


def _unit(path: AbsolutePath) -> str:
    """The name of the unit that a file holds; "" where it holds none."""
    return path.names[-1].decode("utf-8", "replace") if path.names[:-1] == UNITS.names else ""


def _started(rendered: tuple[RenderedFile, ...]) -> tuple[str, ...]:
    """The units of a plan that are started and enabled, sorted."""
    return tuple(sorted(name for one in rendered if _is_started(name := _unit(one.path))))


def _is_started(unit: str) -> bool:
    """Whether a unit is started by itself. A leg's service is not: its timer does that."""
    return unit.endswith(".timer") or unit in {TARGET_UNIT, TRACKER_UNIT}


# ── Units ────────────────────────────────────────────────────────────────────────────────────


def _stopped(
    changes: ChangeSet, pending: Pending, started: tuple[str, ...], machine: Machine
) -> Iterator[ActivationStep]:
    """Units that leave. A leg that runs just now comes to its end: its service is left alone."""
    leave = {name for name, action in _unit_changes(changes).items() if action is Action.DELETE}
    leave |= {name for name in pending.units if name not in started}
    gone = sorted(name for name in leave if _is_started(name) and _stands(name, machine))
    if gone:
        yield ActivationStep(
            argv=("systemctl", "disable", "--now", *gone),
            because="the policy has them no longer",
            if_it_fails="nothing was removed, and what left the policy may still start",
        )


def _stands(unit: str, machine: Machine) -> bool:
    """Whether there is something to stop; elsewhere than here that is not known."""
    state = machine.state(unit)
    return state.active or state.enabled or machine.where is not Where.HERE or bool(machine.unasked)


def _units(
    started: tuple[str, ...], pending: Pending, machine: Machine
) -> Iterator[ActivationStep]:
    here = machine.where is Where.HERE
    states = {unit: machine.state(unit) for unit in started}
    changed = [unit for unit in started if unit in pending.units]
    start = [
        unit
        for unit, state in states.items()
        if unit in changed or (here and not (state.active and state.enabled))
    ]
    timers = [unit for unit in start if unit.endswith(".timer")]
    yield from _waiting(timers, states)
    if pending.units or any(state.outdated for state in states.values()):
        yield ActivationStep(
            argv=("systemctl", "daemon-reload"),
            because="unit files changed",
            if_it_fails="systemd goes on with the units of before",
        )
    if timers:
        yield ActivationStep(
            argv=("systemctl", "enable", "--now", *timers),
            because="these legs start by themselves",
            if_it_fails="the files are in place, but not every timer is started: those legs do not "
            "run by themselves",
        )
    others = [unit for unit in start if unit not in timers]
    if others:
        # The tracker is ready once all its watches stand: nobody waits for that here.
        yield ActivationStep(
            argv=("systemctl", "enable", "--now", "--no-block", *others),
            because="ready for timers and tracked sources",
            if_it_fails="what changes in tracked sources may not be noted: legs make full passes",
        )


def _waiting(timers: list[str], states: Mapping[str, UnitState]) -> Iterator[ActivationStep]:
    """Let timers that are to be started wait for their next time.

    Read again while it runs, a timer elapses at once where its new calendar has a time between its
    last run and now; and so does one that is started after a rest. A leg would run since somebody
    edited its schedule. So they are stopped first, and their stamps say now.
    """
    running = [unit for unit in timers if states[unit].active]
    if running:
        yield ActivationStep(
            argv=("systemctl", "stop", *running),
            because="their times changed; a leg that runs goes on",
            if_it_fails="their legs may start once at once",
        )
    if timers:
        yield ActivationStep(
            argv=("touch", "--no-create", *(f"{_STAMPS}{unit}" for unit in timers)),
            because="so that no leg starts before its next time",
            if_it_fails="their legs may start once at once",
        )


# ── The kernel and Prometheus ────────────────────────────────────────────────────────────────


def _limits(pending: Pending, machine: Machine) -> Iterator[ActivationStep]:
    if pending.sysctl and machine.limits_settable:
        yield ActivationStep(
            argv=("sysctl", "--load", str(SYSCTL_FILE)),
            because="the tracker needs these limits",
            if_it_fails="the kernel's limits stay as they are until the next boot",
        )


def _devices(pending: Pending, machine: Machine) -> Iterator[ActivationStep]:
    """In a container devices are the host's, and so is udev."""
    if pending.udev and machine.limits_settable:
        yield ActivationStep(
            argv=("udevadm", "control", "--reload"),
            because="clones of snapshots must not get the names of live file systems",
            if_it_fails="legs that read snapshots refuse to open them",
        )


def _prometheus(pending: Pending, machine: Machine) -> Iterator[ActivationStep]:
    """The distributions' unit reloads by SIGHUP; `/-/reload` answers only where it was enabled."""
    known = machine.where is not Where.HERE or machine.state(PROMETHEUS_UNIT).active
    if pending.rules and known:
        yield ActivationStep(
            argv=("systemctl", "try-reload-or-restart", PROMETHEUS_UNIT),
            because="alert rules changed",
            if_it_fails="alerts are judged by the rules of before",
        )


def _notes(plan: Plan, pending: Pending, machine: Machine) -> Iterator[str]:
    if machine.unasked:
        yield f"systemd could not be asked how units stand: {machine.unasked}"
    if TRACKER_UNIT in pending.units and machine.state(TRACKER_UNIT).active:
        yield (
            f"{TRACKER_UNIT} goes on as it was started: a restart costs a full pass of each "
            f"tracked leg. When that suits: systemctl restart {TRACKER_UNIT}"
        )
    if pending.sysctl and not machine.limits_settable:
        yield _KERNEL_IS_THE_HOSTS
    if machine.where is Where.HERE and not machine.state(PROMETHEUS_UNIT).active:
        yield from _rules_note(plan, pending)


def _notes_elsewhere(plan: Plan, pending: Pending, machine: Machine) -> tuple[str, ...]:
    kernel = pending.sysctl and not machine.limits_settable
    return (
        *((_WITHOUT_SYSTEMD,) if pending.units else ()),
        *((_KERNEL_IS_THE_HOSTS,) if kernel else ()),
        *_rules_note(plan, pending),
    )


def _rules_note(plan: Plan, pending: Pending) -> Iterator[str]:
    if pending.rules:
        which = plan.monitoring.rules or "the file of alert rules, which is gone"
        yield (
            f"{PROMETHEUS_UNIT} does not run here: have the Prometheus that reads {which} read it "
            "again (SIGHUP, or POST to /-/reload)"
        )
