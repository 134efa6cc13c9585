"""A folder of rendered files: what it lacks is told, and then written or only checked."""

from __future__ import annotations

import typer

from policyctl.documenting import Documented, write
from policyctl.exit_codes import ExitCode
from policyctl.views.console import result, result_json
from policyctl.views.docs import docs_json, docs_lines


def settle(found: Documented, *, check: bool, json: bool, noun: str) -> None:
    """Tell what differs and put it right; with `check` only end with 4 where something differs.

    It ends with 6 where files are kept that could not be rendered anew. `noun`: what one of the
    files is called. Raises `Refused` and `typer.Exit`.
    """
    if not json:
        for line in docs_lines(found, check=check, noun=noun):
            result(line)
    if not check:
        write(found)
    if json:
        result_json(docs_json(found, written=not check and found.changes.any))
    if check and found.changes.any:
        raise typer.Exit(ExitCode.CHANGES)
    if found.changes.kept:
        raise typer.Exit(ExitCode.DEGRADED)
