"""`policyctl gc`: what no leg carries any more, and removing it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption

if TYPE_CHECKING:
    from policyctl.cleaning import Cleaned, Standing


def gc(
    orphans: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ORPHAN]...", help="Names as `policyctl gc` lists them."),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the orphans that are named.")
    ] = False,
    verified: Annotated[
        bool,
        typer.Option(
            "--verified",
            help="Remove those of which every file lies with equal content in a copy of today.",
        ),
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="List what was removed, the newest first.")
    ] = False,
) -> None:
    """List copies that no leg carries any more, with their size; remove them where told to.

    Ends with 5 where one of them could not be looked at.
    """
    from engine.system.host.lock import Locked
    from policyctl import cleaning
    from policyctl.views import gc as view
    from policyctl.views.console import result, result_json, tell

    names = tuple(orphans or ())
    done: tuple[Cleaned, ...] = ()
    found: tuple[Standing, ...] = ()
    zone = cleaning.zone_of(root)
    if sum((remove, verified, history)) > 1:
        raise typer.BadParameter("--remove, --verified and --history exclude each other")
    if history and names:
        raise typer.BadParameter("--history lists all that was removed, and takes no name")
    try:
        if history:
            stones = cleaning.history(root)
            document, lines = view.history_json(stones), view.history_lines(stones, zone)
        elif remove or verified:
            if remove and not names:
                names = _asked()
            work = cleaning.remove_named if remove else cleaning.remove_verified
            done = work(root, names, tell)
            document, lines = view.cleaned_json(done), view.cleaned_lines(done)
        else:
            found = cleaning.list_orphans(root, names)
            document, lines = view.orphans_json(found), view.orphan_lines(found, zone)
    except Locked as locked:
        tell(f"policyctl: another gc works: {locked}; nothing was removed: wait for it")
        raise typer.Exit(ExitCode.LOCKED) from None
    if json:
        result_json(document)
    else:
        result("\n".join(lines))
    _leave(done, found)


def _asked() -> tuple[str, ...]:
    """The name of what is to go, typed by who sits there. Raises `Refused`."""
    from policyctl.boundary import Refused
    from policyctl.views.console import tell

    if not sys.stdin.isatty():
        raise Refused("name what is to go: `policyctl gc` lists it; nothing was removed")
    tell("the name of the orphan to remove:")
    return (os.fsdecode(sys.stdin.buffer.readline().rstrip(b"\n")),)


def _leave(done: tuple[Cleaned, ...], found: tuple[Standing, ...]) -> None:
    """End with the code of what was not removed, or could not be looked at."""
    if any(one.looked.why_not for one in found):
        raise typer.Exit(ExitCode.FAILED)
    stays = [one for one in done if one.stone is None]
    if not stays:
        return
    if len(stays) < len(done):
        raise typer.Exit(ExitCode.DEGRADED)
    raise typer.Exit(ExitCode.LOCKED if all(one.busy for one in stays) else ExitCode.FAILED)
