"""`policyctl docs`: the policy as pages for people: diagrams, tables and runbooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyctl.options import (
    DEFAULT_ROOT,
    CheckFolderOption,
    JsonOption,
    OverwriteOption,
    PolicyOption,
    RootOption,
)


def docs(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where the pages go. Default: ./backup-docs"),
    ] = None,
    check: CheckFolderOption = False,
    overwrite: OverwriteOption = None,
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Render what is applied as pages: diagrams, tables, and a runbook for each kind of loss.

    With --policy, what that manifest says. Rendered again, the pages are the same to the last byte:
    only what differs is written, and only pages that were written here are removed.
    """
    from policyctl.documenting import DEFAULT, compare, plan_to_document
    from policyctl.writing import settle

    if check and overwrite:
        raise typer.BadParameter("--check writes nothing: leave out --overwrite")
    found = compare(plan_to_document(policy, root), folder or DEFAULT, overwrite or ())
    settle(found, check=check, json=json, noun="page")
