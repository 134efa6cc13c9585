"""The one place where exceptions become messages and exit codes."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from policyctl.exit_codes import ExitCode
from policyctl.views.console import tell

if TYPE_CHECKING:
    from policy.diagnostics import PolicyInvalid


def guarded(run: Callable[[], None]) -> int:
    """Run the program and give its exit code; only what nobody foresaw shows a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A name that is no text, or a terminal that lacks a character: escaped, never a failure.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = _run(run)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has read enough; Python would complain once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _run(run: Callable[[], None]) -> int:
    try:
        run()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt:
        tell("policyctl: interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.OK
    except Exception as error:  # the one boundary
        return _explain(error)
    return ExitCode.OK


def _explain(error: Exception) -> int:
    from engine.system.manifest import ManifestNotFound
    from policy.diagnostics import PolicyInvalid

    if isinstance(error, PolicyInvalid):
        _tell_invalid(error)
        return ExitCode.INVALID_POLICY
    if isinstance(error, ManifestNotFound):
        tell(f"policyctl: {error}")
        return ExitCode.USAGE
    if isinstance(error, (Refused, *_expected())):
        tell(f"policyctl: {error}")
        return ExitCode.FAILED
    traceback.print_exception(error)
    tell("policyctl: this is a bug; nothing after this point was done. Please report these lines.")
    return ExitCode.BUG


def _expected() -> tuple[type[Exception], ...]:
    """What the machine or the user can cause: each says in whole sentences what happened."""
    from engine.plan_json import PlanUnreadable
    from engine.system.applied import RecordUnreadable
    from engine.system.apply import ApplyFailed, ApplyRefused
    from engine.system.files import Unobservable
    from engine.system.state import StateUnusable
    from renderers import RenderRefused

    return (
        ApplyFailed,
        ApplyRefused,
        PlanUnreadable,
        RecordUnreadable,
        RenderRefused,
        StateUnusable,
        Unobservable,
    )


class Refused(Exception):
    """Something was asked for that will not be done; the message says why and what to type."""


def _tell_invalid(error: PolicyInvalid) -> None:
    from policy.diagnostics import Severity
    from policyctl.views.diagnostics import count_findings, tell_findings

    worth = [one for one in error.diagnostics if one.severity is not Severity.NOTE]
    tell_findings(worth, _lines_of(error.diagnostics[0].origin.file))
    tell(f"policyctl: the manifest is not valid: {count_findings(error.diagnostics)}")


def _lines_of(file: str) -> tuple[str, ...]:
    """The manifest's lines for the snippets; none where it cannot be read as text."""
    from engine.system.manifest import read_manifest
    from policy.diagnostics import PolicyInvalid
    from policy.document import split_lines

    try:
        return split_lines(read_manifest(Path(file)).decode("utf-8-sig", "replace"))
    except PolicyInvalid:
        return ()
