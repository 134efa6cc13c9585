"""`policyctl check`: is the manifest right, and is that proven?"""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


def check(
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    with_rsync: Annotated[
        bool,
        typer.Option(
            "--with-rsync",
            help="Also build a tree with a member of each class of paths, and let the real rsync "
            "judge every leg's filter on it.",
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on warnings as well (for CI).")
    ] = False,
) -> None:
    """Find what is wrong in the manifest, and prove that every path rides exactly one leg."""
    from engine.system.host.rsync_judge import judge_with_rsync
    from policyctl.checking import check_file
    from policyctl.views.check import show_check, show_check_json

    report = check_file(policy, root)
    if with_rsync and report.compilation is not None:
        report = judge_with_rsync(report)
    (show_check_json if json else show_check)(report)
    if report.failed or (strict and report.warned):
        raise typer.Exit(ExitCode.INVALID_POLICY)
