"""Findings for people and for programs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

from policy.diagnostics import Diagnostic, Severity, format_diagnostic
from policyctl.views.console import Json, paint, tell

_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def finding_json(item: Diagnostic) -> dict[str, Json]:
    """One finding in the fixed shape of `check --json`."""
    return {
        "code": item.code,
        "severity": item.severity.value,
        "message": item.message,
        "file": item.origin.file,
        "line": item.origin.line,
        "column": item.origin.column,
        "pointer": item.origin.pointer,
        "hint": item.hint,
    }


def tell_findings(items: Iterable[Diagnostic], lines: tuple[str, ...]) -> None:
    """Print findings with their source lines on stderr."""
    for item in items:
        text = format_diagnostic(item, lines)
        mark = f"{item.severity.value} {item.code}:"
        tell(text.replace(mark, paint(mark, _STYLE[item.severity], sys.stderr), 1))


def count_findings(items: Iterable[Diagnostic]) -> str:
    """Say how many there are of each: `2 errors, 1 warning, no notes`."""
    counts = Counter(item.severity for item in items)
    return ", ".join(_count(counts[one], one.value) for one in Severity)


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
