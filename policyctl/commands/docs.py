"""`policyctl docs`: the policy as pages for people: diagrams, tables and runbooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


def docs(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where the pages go. Default: ./backup-docs"),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Write nothing; end with 4 where the folder is not as it should be."
        ),
    ] = False,
    overwrite: Annotated[
        list[str] | None,
        typer.Option(
            "--overwrite",
            metavar="PAGE",
            help="Replace or remove this page although it was changed by hand. Repeatable.",
        ),
    ] = None,
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Render what is applied as pages: diagrams, tables, and a runbook for each kind of loss.

    With --policy, what that manifest says. Rendered again, the pages are the same to the last byte:
    only what differs is written, and only pages that were written here are removed.
    """
    from policyctl.documenting import DEFAULT, compare, plan_to_document, write
    from policyctl.views.console import result, result_json
    from policyctl.views.docs import docs_json, docs_lines

    if check and overwrite:
        raise typer.BadParameter("--check writes nothing: leave out --overwrite")
    found = compare(plan_to_document(policy, root), folder or DEFAULT, overwrite or ())
    if not json:
        for line in docs_lines(found, check=check):
            result(line)
    if not check:
        write(found)
    if json:
        result_json(docs_json(found, written=not check and found.changes.any))
    if check and found.changes.any:
        raise typer.Exit(ExitCode.CHANGES)
