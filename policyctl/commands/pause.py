"""`policyctl pause`: let a leg rest for a while."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption

PAUSED = 1
"""What `--check` ends with."""


def pause(
    leg: Annotated[str, typer.Argument(metavar="LEG", help="A leg of the applied plan.")],
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="WHEN",
            help="A day (2026-12-01), a day and a time (2026-12-01 06:00), or a length (3d, 12h); "
            "at most 90 days away.",
        ),
    ] = None,
    because: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="Why: `status` shows it.")
    ] = "",
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Only ask: ends with 0 if the leg may start by schedule, with 1 if not."
        ),
    ] = False,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Start no run of a leg by schedule until a certain time, and keep its alerts silent.

    The pause ends by itself. `policyctl run LEG` runs the leg all the same.
    """
    if check:
        if until is not None or because:
            raise typer.BadParameter(
                "it only asks: leave out --until and --because", param_hint="--check"
            )
        _check(leg, root, json=json)
        return
    if until is None:
        raise typer.BadParameter("say until when, as in --until 3d", param_hint="--until")
    _pause(leg, until, because, root, json=json)


def _check(leg: str, root: Path, *, json: bool) -> None:
    from policyctl.paused import pause_that_lasts
    from policyctl.views.console import result_json, tell
    from policyctl.views.pause import check_json

    found = pause_that_lasts(leg, root)
    if json:
        result_json(check_json(leg, found))
    if found is not None:
        reason = f": {found.reason}" if found.reason else ""
        tell(f"{leg} is paused until {found.until:%Y-%m-%d %H:%M} UTC{reason}: it is not started")
        raise typer.Exit(PAUSED)


def _pause(leg: str, until: str, because: str, root: Path, *, json: bool) -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from engine.schedule.pauses import parse_reason, parse_until
    from policyctl.pausing import pause_leg
    from policyctl.running import Running
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.pause import not_told_sentence, paused_json, paused_lines

    running = Running.of_applied(root)
    now = datetime.now(UTC)
    try:
        reason = parse_reason(because)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--because") from None
    try:
        end = parse_until(until, now=now, zone=ZoneInfo(running.plan.timezone))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None
    done = pause_leg(running, leg, end, reason, now)
    if json:
        result_json(paused_json(done))
    else:
        result("\n".join(paused_lines(done)))
    if done.not_told:
        tell(not_told_sentence(leg, done.not_told, paused=True))
        raise typer.Exit(ExitCode.FAILED)
