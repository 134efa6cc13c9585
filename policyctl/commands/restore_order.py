"""`policyctl restore --order`: in which order everything comes back when all is lost."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import typer

from policyctl.exit_codes import ExitCode


def show_order(
    path: str | None,
    at: Path | None,
    policy: Path | None,
    place: str | None,
    root: Path,
    *,
    asked: bool,
    json: bool,
) -> None:
    """Tell the order of the whole. Raises `BadParameter` where a single path is meant."""
    from engine.promises.restore_order import restore_order
    from policyctl.opening import restoring, restoring_at
    from policyctl.views.console import result, result_json
    from policyctl.views.restore_order import order_json, order_lines

    if not asked:
        raise typer.BadParameter("name a path; or --order, for the order of everything")
    if path is not None:
        raise typer.BadParameter("--order is of everything: leave out the path")
    with ExitStack() as stack:
        if at is not None:
            work = restoring_at(at, policy, place, root)
        else:
            work = stack.enter_context(restoring(policy, root))
        order = restore_order(work.plan)
    if json:
        result_json(order_json(order))
    else:
        for line in order_lines(order):
            result(line)
    if order.circles:
        raise typer.Exit(ExitCode.FAILED)
