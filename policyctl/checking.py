"""The whole judgement of a manifest: what `check` says, and whether everything can be rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.changes.files import digest
from engine.check import CheckReport, check_manifest
from engine.promises.named_files import named_files
from engine.system.host.manifest import find_manifest, read_manifest
from engine.system.host.named_files import look_at
from engine.system.host.places import Places
from policy.diagnostics import Diagnostic, Origin, PolicyInvalid
from policyctl.host import is_here
from renderers import RenderRefused, render


def check_file(named: Path | None, root: Path) -> CheckReport:
    """Read the manifest and judge it; one that cannot be read is a finding like any other."""
    path = find_manifest(named, root)
    try:
        data = read_manifest(path)
    except PolicyInvalid as error:
        return CheckReport(findings=error.diagnostics)
    report = check_text(data, path)
    if report.compilation is None or not is_here(report.compilation.plan, root):
        return report
    files = named_files(report.compilation.chains.policy)
    return report.with_more(look_at(files, Places(root=root)))


def check_text(data: bytes, path: Path) -> CheckReport:
    """Judge a manifest's text; what cannot be rendered is a finding too."""
    report = replace(check_manifest(data, str(path)), file=str(path), sha256=digest(data))
    if report.compilation is None:
        return report
    try:
        render(report.compilation.plan)
    except RenderRefused as error:
        finding = Diagnostic(
            code="render-impossible",
            message=f"this cannot be written as files: {error}",
            origin=Origin(file=str(path), line=1, column=1),
        )
        return report.with_errors((finding,))
    return report
