"""What `plan` and `apply` share: the checked manifest against what is applied and on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from engine.alerts.alerts import leg_ages
from engine.alerts.changes import alert_changes
from engine.changes.activation import Activation, activation, units_to_ask_about
from engine.changes.changes import ChangeSet, Reason, change_set, paths_to_observe
from engine.changes.files import SETTLED, AppliedRecord, RenderedFile
from engine.changes.part_facts import age_text
from engine.changes.plan_changes import PartChange
from engine.changes.renames import (
    likely_renames,
    plan_again,
    was_of_checks,
    was_of_drills,
    was_of_parts,
)
from engine.check import CheckReport
from engine.orphans.hand_overs import hand_overs
from engine.orphans.orphans import orphans_of
from engine.plan.model import Plan
from engine.plan.readers import with_images
from engine.plan.stored import PlanUnreadable
from engine.routing.coverage import Coverage
from engine.system.apply.activate import look_at_machine
from engine.system.apply.applied import load_plan, load_record, load_way_back
from engine.system.apply.drop_ins import drop_ins
from engine.system.host.files import observe_files
from engine.system.host.look import without_root
from engine.system.host.places import Places
from engine.system.state.reading import read_state
from engine.system.telling.forget import leaving
from policy.diagnostics import PolicyInvalid, Severity
from policy.sources import BtrfsSource
from policy.values import AbsolutePath, parse_absolute_path
from policyctl.boundary import Refused
from policyctl.checking import check_file
from policyctl.covering import read_coverage
from policyctl.host import told_elsewhere
from policyctl.plan_data import PlanData, read_data, refused_for_room
from policyctl.views.console import tell
from policyctl.views.diagnostics import count_findings, tell_findings
from renderers import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A change set with everything that shows and applies it."""

    report: CheckReport | None
    """None for a plan that comes from no manifest."""
    applied: Plan | None
    """What is applied now, where it can be read."""
    plan: Plan
    rendered: tuple[RenderedFile, ...]
    changes: ChangeSet
    alerts: tuple[PartChange, ...]
    """What becomes of alerts."""
    activation: Activation
    """The commands that make it take effect."""
    leaving: Sequence[str]
    """Whose series are taken back, and from where."""
    data: PlanData
    """What it means for the data."""
    orphans: Mapping[str, Sequence[str]]
    notes: Sequence[str]
    """What else a person should know before applying it."""
    coverage: Coverage
    """What came and went at the top of the sources since the last apply."""
    rollback: bool = False
    """Whether it brings back the plan of before."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to apply."""
        return self.changes.empty and not self.activation.steps


def prepare(
    named: Path | None,
    root: Path,
    *,
    rollback: bool = False,
    overwrite: tuple[str, ...] = (),
    accept_removals: bool = False,
    accept: tuple[str, ...] = (),
    measure: bool = True,
    anew: bool = False,
    migrate: bool = False,
) -> Prepared:
    """Compare what should be with what is.

    It is the manifest's plan, or with `rollback` the one that was applied before. With `anew` data
    and room are looked at now, whatever is known of them. Raises
    `PolicyInvalid` where the manifest is not proven right.
    """
    applied, record = _applied(root), load_record(root)
    report, plan = (None, _before(applied, root)) if rollback else _checked(named, root)
    rendered = render(plan)
    changes = change_set(
        applied,
        record,
        plan,
        rendered,
        observe_files(root, paths_to_observe(record, rendered)),
        overwrite=frozenset(_path(one, root) for one in overwrite),
        accept_removals=accept_removals,
    )
    _check_overwritten(changes, overwrite, root)
    places = Places(root=root)
    data = read_data(
        applied,
        plan,
        changes,
        places,
        applied_at=datetime.fromisoformat(record.applied_at) if record else None,
        measure=measure,
        anew=anew,
        accept=accept,
        migrate=migrate,
    )
    data = replace(data, rollback=rollback)
    changes = refused_for_room(changes, data)
    return Prepared(
        report=report,
        applied=applied,
        plan=plan,
        rendered=rendered,
        changes=changes,
        alerts=alert_changes(applied, plan),
        activation=_activation(applied, plan, rendered, changes, record, root),
        leaving=[f"{group} at {target.where}" for target, group in leaving(applied, plan, places)],
        data=data,
        orphans=orphans_of(applied, plan, changes),
        notes=(
            *told_elsewhere(plan, root),
            *_rolled_back(record, changed=changes.plan_changed and not rollback),
            *unknown_names(applied, plan),
            *_likely_renames(applied, plan),
            *_stale_at_once(applied, plan, places),
            *_handed_over(applied, plan, places),
            *_overlaid(rendered, root),
        ),
        coverage=read_coverage(plan, places),
        rollback=rollback,
    )


def _rolled_back(record: AppliedRecord | None, *, changed: bool) -> Iterator[str]:
    if record is not None and record.rolled_back and changed:
        yield "what runs is the plan of before, brought back by `policyctl apply --rollback`"


def _likely_renames(applied: Plan | None, plan: Plan) -> Iterator[str]:
    """A line for each leg that may be another one under a new name, which nobody has said."""
    for old, new in likely_renames(applied, plan).items() if applied is not None else ():
        yield (
            f"{old} goes and {new} comes, with the same kind, source and destination: if {new} is "
            f"{old} under another name, say `was: {old}` in it; else all that {old} has copied is "
            f"left behind, and {new} begins with nothing"
        )


def _stale_at_once(applied: Plan | None, plan: Plan, places: Places) -> Iterator[str]:
    """A line for each leg whose last success is older than its new schedule allows."""
    if applied is None:
        return
    now = datetime.now(UTC)
    with read_state(places.state_file) as state:
        for leg in plan.legs:
            before = applied.leg(leg.name) or applied.leg(leg.leg.was or leg.name)
            last = state.last_success(before.name) if before and state else None
            ages = leg_ages(plan, leg), leg_ages(applied, before) if before else None
            if last is None or last.ended is None or ages[0] is None or ages[1] is None:
                continue
            age, allowed = int((now - last.ended).total_seconds()), ages[0].own
            if allowed < age <= ages[1].own:
                yield (
                    f"{leg.name} is stale at once: its last success is {age_text(age)} ago, and "
                    f"{age_text(allowed)} are allowed from then on; `policyctl run {leg.name}`"
                )


def _handed_over(applied: Plan | None, plan: Plan, places: Places) -> Iterator[str]:
    """A line for each leg whose next run deletes nothing by itself."""
    if applied is None or applied == plan:
        return
    with read_state(places.state_file) as state:
        if state is None:
            return
        orphans = [one.orphan for one in state.orphans.all()]
        found = hand_overs(applied, plan, orphans, with_images(plan, state.all_retired()))
    for leg, why in sorted(found.items()):
        yield (
            f"the next run of {leg} deletes nothing by itself: {why}; what the source does not "
            f"hold stays until `policyctl run {leg} --allow deletions`"
        )


def _overlaid(rendered: tuple[RenderedFile, ...], root: Path) -> Iterator[str]:
    for path in drop_ins(root, (str(one.path) for one in rendered)):
        yield f"{path} is the administrator's: it stays, and changes what the unit says"


def _checked(named: Path | None, root: Path) -> tuple[CheckReport, Plan]:
    """The manifest's plan, where it is proven right."""
    report = check_file(named, root)
    if report.compilation is None or report.failed:
        raise PolicyInvalid(report.findings)
    return report, report.compilation.plan


def _before(applied: Plan | None, root: Path) -> Plan:
    """The plan that a rollback applies. Raises `Refused`."""
    plan = load_way_back(root)
    if applied is None or plan is None:
        raise Refused("no plan was applied before the one that runs: there is no way back")
    return plan_again(plan, applied)


def _activation(
    applied: Plan | None,
    plan: Plan,
    rendered: tuple[RenderedFile, ...],
    changes: ChangeSet,
    record: AppliedRecord | None,
    root: Path,
) -> Activation:
    pending = record.pending if record else SETTLED
    machine = look_at_machine(root, units_to_ask_about(rendered, changes, pending))
    return activation(applied, plan, rendered, changes, machine, pending)


def _applied(root: Path) -> Plan | None:
    """The applied plan; None also where it cannot be read, since `apply` is what mends that."""
    try:
        return load_plan(root)
    except PlanUnreadable as error:
        tell(f"policyctl: {error}; compared with nothing, so everything looks new")
        return None


def _path(text: str, root: Path) -> AbsolutePath:
    """A path that was typed, with or without the root before it."""
    try:
        path = parse_absolute_path(text)
    except ValueError as error:
        raise Refused(f"--overwrite: {error}") from None
    return AbsolutePath(tuple(without_root(root, path.text).strip(b"/").split(b"/")))


def _check_overwritten(changes: ChangeSet, overwrite: tuple[str, ...], root: Path) -> None:
    """Refuse a name that stands for nothing: a slip would go unseen until the next refusal."""
    there = [one.path for one in changes.files if one.reason in {Reason.DRIFTED, Reason.FOREIGN}]
    for text in overwrite:
        if _path(text, root) not in there:
            names = ", ".join(str(path) for path in there) or "none"
            raise Refused(
                f"--overwrite: {text} is no file that somebody else changed or wrote; "
                f"there are: {names}"
            )


def tell_warnings(report: CheckReport | None) -> None:
    """Show what is not clean, so that nobody applies past it unknowingly."""
    if report is None:
        return
    worth = tuple(one for one in report.findings if one.severity is not Severity.NOTE)
    if worth:
        tell_findings(worth, report.lines)
        tell(f"policyctl: {count_findings(report.findings)}")


def check_disks(plan: Plan, names: Sequence[str]) -> None:
    """Refuse a `--new-disk` that names nothing whose file system is on record."""
    known = [one.name for one in plan.destinations]
    known += [one.name for one in plan.sources if isinstance(one, BtrfsSource)]
    for name in names:
        if name not in known:
            raise Refused(
                f"--new-disk: there is no destination {name!r}; there are: {', '.join(known)}"
            )


def unknown_names(applied: Plan | None, plan: Plan) -> Sequence[str]:
    """A line for each new `was:` that names nothing which is applied: a slip, most often."""
    if applied is None:
        return ()
    return tuple(
        f"{name}: `was: {was}` names nothing that is applied, so nothing is renamed"
        for was_of in (was_of_parts, was_of_drills, was_of_checks)
        for name, was in was_of(plan).items()
        if was is not None and was not in (old := was_of(applied)) and old.get(name) != was
    )
