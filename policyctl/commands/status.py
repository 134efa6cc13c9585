"""`policyctl status`: what is safe, and how every leg stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def status(
    seconds: Annotated[
        int | None,
        typer.Argument(
            metavar="[SECONDS]", min=1, show_default=False, help="With --watch: how often. [5]"
        ),
    ] = None,
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every few seconds, until Ctrl-C.")
    ] = False,
) -> None:
    """Show what is safe and until when, then each leg, destination and the tracker.

    Ends with 5 if one needs you. The first line is one sentence that begins with OK or CRITICAL.
    Asking changes nothing.
    """
    if seconds is not None and not watch:
        raise typer.BadParameter("is only for --watch", param_hint="SECONDS")
    if watch:
        _watch(policy, root, seconds or 5, json=json)
    from policyctl.standing import read_standing
    from policyctl.views.console import result, result_json
    from policyctl.views.status import status_lines
    from policyctl.views.status_json import status_json

    standing = read_standing(policy, root)
    if json:
        result_json(status_json(standing))
    else:
        for line in status_lines(standing):
            result(line)
    if not standing.healthy:
        raise typer.Exit(ExitCode.FAILED)


def _watch(policy: Path | None, root: Path, seconds: int, *, json: bool) -> None:
    """Go on until somebody ends it."""
    from engine.system.state.state import StateUnusable
    from policyctl.boundary import Refused
    from policyctl.standing import read_standing
    from policyctl.views.status import status_lines
    from policyctl.watching import watch

    if json:
        raise typer.BadParameter("prints one document; it cannot be watched", param_hint="--json")

    def lines() -> Sequence[str]:
        try:
            return tuple(status_lines(read_standing(policy, root)))
        except (Refused, StateUnusable) as error:  # an apply may be under way: the next look tells
            return (f"policyctl: {error}",)

    raise typer.Exit(watch(lines, seconds))
