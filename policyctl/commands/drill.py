"""`policyctl drill`: a restore rehearsed, checked and measured."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption


def drill(
    named: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Drills of the manifest. Default: all of them."),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DESTINATION", help="Restore from there, whichever is next."
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave what came back in the scratch space, and say where."),
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="NUMBER", help="Draw the files of an earlier drill."),
    ] = None,
    scheduled: Annotated[
        bool,
        typer.Option("--scheduled", help="Started by a timer: say nothing where all is well."),
    ] = False,
) -> None:
    """Restore a sample of a source into scratch space, check it, measure how long that took.

    What came is compared with other copies and with unchanged live data, databases are asked
    whether they are sound; then it is removed. Ends with 5 where something did not come back or is
    damaged, with 6 where a restore of all would take longer than stated.
    """
    from random import SystemRandom

    from engine.system.host.signals import Interrupted
    from policyctl.drilling import drill as carry_out
    from policyctl.exit_codes import ExitCode
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.drill import advice_lines, attempt_lines, attempts_json, exit_code_of
    from policyctl.views.run import marked_lines, worst_of

    ended = []
    try:
        for one in carry_out(
            root,
            tuple(named or ()),
            place=from_,
            seed=lambda: seed if seed is not None else SystemRandom().randrange(2**31),
            keep=keep,
            say=(lambda _: None) if scheduled else tell,
        ):
            ended.append(one)
            lines = attempt_lines(one)
            shown = marked_lines(exit_code_of(one), lines) if scheduled else lines
            for line in () if json else shown:
                result(line)
    except Interrupted as end:
        tell(f"policyctl: {end}, when all was done but to note it")
        raise typer.Exit(128 + end.number) from None
    if json:
        result_json(attempts_json(ended))
    for line in advice_lines(ended):
        tell(f"policyctl: {line}")
    code = worst_of(map(exit_code_of, ended))
    if code is not ExitCode.OK:
        raise typer.Exit(code)
