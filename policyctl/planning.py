"""What `plan` and `apply` share: the checked manifest against what is applied and on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.changes import ChangeSet, Reason, RenderedFile, change_set, paths_to_observe
from engine.check import CheckReport
from engine.plan import Plan
from engine.plan_json import PlanUnreadable
from engine.system.apply import load_plan, load_record
from engine.system.files import observe_files
from engine.system.look import without_root
from engine.system.measure import measure_source
from engine.volumes import SourceVolumes
from policy.diagnostics import PolicyInvalid, Severity
from policy.sources import TreeSource
from policy.values import AbsolutePath, parse_absolute_path
from policyctl.boundary import Refused
from policyctl.checking import check_file
from policyctl.views.console import tell
from policyctl.views.diagnostics import count_findings, tell_findings
from policyctl.views.plan import orphans_of
from renderers import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A change set with everything that shows and applies it."""

    report: CheckReport
    plan: Plan
    rendered: tuple[RenderedFile, ...]
    changes: ChangeSet
    volumes: Mapping[str, SourceVolumes]
    orphans: Mapping[str, str]


def prepare(
    named: Path | None,
    root: Path,
    *,
    overwrite: tuple[str, ...] = (),
    accept_removals: bool = False,
    measure: bool = True,
) -> Prepared:
    """Check the manifest and compare it. Raises `PolicyInvalid` where it is not proven right."""
    report = check_file(named, root)
    if report.compilation is None or report.failed:
        raise PolicyInvalid(report.findings)
    plan = report.compilation.plan
    applied, record = _applied(root), load_record(root)
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
    return Prepared(
        report=report,
        plan=plan,
        rendered=rendered,
        changes=changes,
        volumes=_volumes(plan, changes, root) if measure else {},
        orphans=orphans_of(applied, changes),
    )


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


def _volumes(plan: Plan, changes: ChangeSet, root: Path) -> dict[str, SourceVolumes]:
    """Count the data of every source of which a route changes, where it is on this machine."""
    found = {}
    for name in sorted({one.source for one in changes.routes}):
        source = plan.source(name)
        if isinstance(source, TreeSource):
            volumes = measure_source(plan, source, root)
            if volumes is not None:
                found[name] = volumes
    return found


def tell_warnings(report: CheckReport) -> None:
    """Show what is not clean, so that nobody applies past it unknowingly."""
    worth = tuple(one for one in report.findings if one.severity is not Severity.NOTE)
    if worth:
        tell_findings(worth, report.lines)
        tell(f"policyctl: {count_findings(report.findings)}")


def check_disks(plan: Plan, names: Sequence[str]) -> None:
    """Refuse a `--new-disk` that names no destination."""
    known = [one.name for one in plan.destinations]
    for name in names:
        if name not in known:
            raise Refused(
                f"--new-disk: there is no destination {name!r}; there are: {', '.join(known)}"
            )
