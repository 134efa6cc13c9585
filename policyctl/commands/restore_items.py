"""`policyctl restore SOURCE:`: all items of a source come back, one after another."""

from __future__ import annotations

from pathlib import Path

import typer

from policyctl.aiming import folder_for
from policyctl.exit_codes import ExitCode
from policyctl.restoring import Restoring
from policyctl.restoring_items import Request, items_of, restore_items


def restore_all(
    work: Restoring,
    request: Request,
    to: Path | None,
    *,
    wanted: bool,
    json: bool,
    anywhere: bool,
) -> None:
    """Bring back each item that some copy holds; ends with 5 where one did not come."""
    from engine.system.host.signals import Interrupted
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.progress import progress_of
    from policyctl.views.restore_items import exit_code_of, item_json, item_lines, summary_line

    held = items_of(work, request)
    folder = folder_for(work, request.source, to, anywhere=anywhere)
    for problem in held.problems:
        tell(f"policyctl: {problem}")
    ended, noted = [], set[str]()
    try:
        with progress_of(verbose=False) as (_, sink):
            for one in restore_items(work, request, held.items, folder, sink=sink, wanted=wanted):
                ended.append(one)
                for line in () if json else item_lines(work, one, noted):
                    result(line)
    except Interrupted as end:
        tell(f"policyctl: {end}; nothing is lost: the same command goes on")
        raise typer.Exit(128 + end.number) from None
    if json:
        result_json([item_json(work.plan, one) for one in ended])
    elif wanted:
        result(summary_line(ended, folder))
    code = exit_code_of(ended, problems=bool(held.problems))
    if code is not ExitCode.OK:
        raise typer.Exit(code)
