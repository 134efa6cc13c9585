"""`policyctl adopt`: take over what lay at a destination before a leg."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption


def adopt(
    place: Annotated[
        str, typer.Argument(metavar="DEST:/PATH", help="A leg's directory, or one entry in it.")
    ],
    by: Annotated[str, typer.Option("--by", metavar="LEG", help="The leg that takes it over.")],
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take it over; without this it is only shown.")
    ] = False,
) -> None:
    """Show what lay at a destination before a leg, and let the leg own it (and delete there)."""
    from datetime import UTC, datetime

    from engine.system.adopt import NotAdoptable, preview
    from engine.system.adopt import adopt as take_over
    from policyctl.boundary import Refused
    from policyctl.running import Running
    from policyctl.views.adopt import adoption_json, adoption_lines
    from policyctl.views.console import result, result_json

    running = Running.of_applied(root, waived=(), verbose=False)
    try:
        found = preview(running.plan, place, by, running.places)
        if yes:
            take_over(found, running.places, datetime.now(UTC))
    except NotAdoptable as error:
        raise Refused(str(error)) from None
    if json:
        result_json(adoption_json(found, adopted=yes))
        return
    for line in adoption_lines(found, adopted=yes):
        result(line)
    if found.names and not yes:
        result(f"to do it: `policyctl adopt {place} --by {by} --yes`")
