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
    """Show what lay at a destination before a leg, and let the leg own it (and delete there).

    Of a leg that keeps generations: those that it made, once the state that knew them is lost.
    """
    from engine.system.adopt.entries import NotAdoptable
    from engine.system.adopt.generations import keeps_generations
    from policyctl.adopting import adopt_copies, adopt_generations
    from policyctl.boundary import Refused
    from policyctl.running import Running
    from policyctl.views.console import result, result_json

    running = Running.of_applied(root, waived=(), verbose=False)
    take_over = adopt_generations if keeps_generations(running.plan.leg(by)) else adopt_copies
    try:
        shown = take_over(running, place, by, yes=yes)
    except NotAdoptable as error:
        raise Refused(str(error)) from None
    if json:
        result_json(shown.data)
        return
    for line in shown.lines:
        result(line)
    if shown.waits:
        result(f"to do it: `policyctl adopt {place} --by {by} --yes`")
