"""The result of `check`."""

from __future__ import annotations

import sys

from engine.check import CheckReport
from policyctl.views.console import paint, result, result_json
from policyctl.views.diagnostics import count_findings, finding_json, tell_findings


def show_check_json(report: CheckReport) -> None:
    """Print the fixed shape: findings, proven, states."""
    result_json(
        {
            "findings": [finding_json(item) for item in report.findings],
            "proven": report.proven,
            "states": report.states,
            **({} if report.judged is None else {"judged_by_rsync": report.judged}),
        }
    )


def show_check(report: CheckReport) -> None:
    """Print the findings, then one line that says where things stand."""
    tell_findings(report.findings, report.lines)
    clean = not report.failed and not report.warned
    head = "not valid" if report.failed else "clean" if clean else "valid, with warnings"
    style = "red" if report.failed else "green" if clean else "yellow"
    parts = [f"{paint(head, style, sys.stdout)}: {count_findings(report.findings)}"]
    if report.proven:
        parts.append(f"proven: every path rides exactly one leg ({report.states:,} states)")
    elif report.compilation is None:
        parts.append("nothing proven, since it does not compile")
    else:
        parts.append("NOT proven")
    if report.judged is not None:
        parts.append(f"rsync agrees on {report.judged:,} paths")
    result("; ".join(parts))
