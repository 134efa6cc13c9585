"""The one place where exceptions become messages and exit codes."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.exceptions import NoArgsIsHelpError

from policyctl.exit_codes import ExitCode
from policyctl.views.console import (
    OutputFailed,
    drop_output,
    finish_output,
    result_json,
    tell,
)

if TYPE_CHECKING:
    from policy.diagnostics import Diagnostic, PolicyInvalid


def guarded(run: Callable[[], object], *, json: bool = False) -> int:
    """Run the program and give its exit code; only what nobody foresaw shows a traceback.

    With `json` a failure is told on stdout as well, as a document of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name that is no text, or a terminal that lacks a character: escaped, never a failure.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = _run(run, json=json)
    try:
        finish_output()
    except OutputFailed as error:
        tell(f"policyctl: {error}")
        return ExitCode.FAILED
    return code


def _run(run: Callable[[], object], *, json: bool) -> int:
    try:
        code = run()
    except SystemExit as leaving:
        return _left(leaving)
    except (KeyboardInterrupt, click.Abort):
        tell("policyctl: interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        drop_output()
        return ExitCode.OK
    except Exception as error:  # the one boundary
        return _explain(error, json=json)
    return code if isinstance(code, int) else ExitCode.OK


def _left(leaving: SystemExit) -> int:
    """The code of a `sys.exit`; a reader that went away is no failure, whatever click calls it."""
    if isinstance(leaving.__context__, BrokenPipeError):
        drop_output()
        return ExitCode.OK
    return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)


def _explain(error: Exception, *, json: bool) -> int:
    from engine.system.host.manifest import ManifestNotFound
    from policy.diagnostics import PolicyInvalid

    if isinstance(error, click.ClickException):
        if not isinstance(error, NoArgsIsHelpError):
            _tell_json(error.format_message(), (), json=json)
        with suppress(OSError):
            error.show()
        return error.exit_code
    if isinstance(error, PolicyInvalid):
        _tell_invalid(error, json=json)
        return ExitCode.INVALID_POLICY
    if isinstance(error, (ManifestNotFound, OutputFailed, Refused, OSError, *_expected())):
        sentence = _sentence(error)
        if sentence is not None:
            _tell_json(sentence, (), json=json)
            tell(f"policyctl: {sentence}")
            return ExitCode.USAGE if isinstance(error, ManifestNotFound) else ExitCode.FAILED
    _tell_json(f"a bug: {error!r}", (), json=json)
    with suppress(OSError):
        traceback.print_exception(error)
    tell("policyctl: this is a bug; nothing after this point was done. Please report these lines.")
    return ExitCode.BUG


def _sentence(error: Exception) -> str | None:
    """What happened, for people; None where it is no more than a bug."""
    if isinstance(error, OSError):
        try:
            finish_output()
        except OutputFailed as failed:
            return str(failed)
        if _came_from_printing(error):
            return str(OutputFailed(error))
        if not isinstance(error, PermissionError):
            return None
        where = f"{error.filename}: " if error.filename else ""
        return _with_advice(f"{where}{error.strerror or error}")
    return _with_advice(str(error))


def _came_from_printing(error: OSError) -> bool:
    """Whether it was click that could not write, as its help."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step is not None and step.tb_frame.f_globals.get("__name__") == "click.utils"


def _with_advice(sentence: str) -> str:
    if "Permission denied" not in sentence or os.geteuid() == 0:
        return sentence
    return f"{sentence}; run it as root (the state belongs to root)"


def _tell_json(sentence: str, findings: Sequence[Diagnostic], *, json: bool) -> None:
    """The failure as a document; stdout that cannot be written is told at the end."""
    from policyctl.views.diagnostics import finding_json

    if json:
        more = {"findings": [finding_json(one) for one in findings]} if findings else {}
        with suppress(OutputFailed):
            result_json({"error": sentence, **more})


def _expected() -> tuple[type[Exception], ...]:
    """What the machine or the user can cause: each says in whole sentences what happened."""
    from engine.plan.stored import PlanUnreadable
    from engine.system.apply.applied import RecordUnreadable
    from engine.system.apply.apply import ApplyFailed, ApplyRefused
    from engine.system.host.files import Unobservable
    from engine.system.journal.journal import JournalUnusable
    from engine.system.state.state import StateUnusable
    from renderers import RenderRefused

    return (
        ApplyFailed,
        ApplyRefused,
        JournalUnusable,
        PlanUnreadable,
        RecordUnreadable,
        RenderRefused,
        StateUnusable,
        Unobservable,
    )


class Refused(Exception):
    """Something was asked for that will not be done; the message says why and what to type."""


def _tell_invalid(error: PolicyInvalid, *, json: bool) -> None:
    from policy.diagnostics import Severity
    from policyctl.views.diagnostics import count_findings, tell_findings

    worth = [one for one in error.diagnostics if one.severity is not Severity.NOTE]
    tell_findings(worth, _lines_of(error.diagnostics[0].origin.file))
    sentence = f"the manifest is not valid: {count_findings(error.diagnostics)}"
    _tell_json(sentence, error.diagnostics, json=json)
    tell(f"policyctl: {sentence}")


def _lines_of(file: str) -> tuple[str, ...]:
    """The manifest's lines for the snippets; none where it cannot be read as text."""
    from engine.system.host.manifest import read_manifest
    from policy.diagnostics import PolicyInvalid
    from policy.document import split_lines

    try:
        return split_lines(read_manifest(Path(file)).decode("utf-8-sig", "replace"))
    except PolicyInvalid:
        return ()
