"""`policyctl verify`: copies compared with what they were made of."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption

_FILES = 1_000


def verify(
    named: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LEG|PATH]...", help="What to compare. Default: every leg."),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    full: Annotated[
        bool, typer.Option("--full", help="Compare everything, and look for what is too much.")
    ] = False,
    sample: Annotated[
        int, typer.Option("--sample", metavar="FILES", min=1, help="Files compared of each part.")
    ] = _FILES,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="NUMBER", help="Compare the files of an earlier sample."),
    ] = None,
) -> None:
    """Compare copies by content with what they were made of; nothing is written to either.

    Files that changed since the run that made the copy are left out. Ends with 6 where something
    differs, with 5 where something could not be compared.
    """
    from random import SystemRandom

    from engine.system.host.signals import Interrupted
    from policyctl.exit_codes import ExitCode
    from policyctl.verifying import verify as carry_out
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.verify import advice_lines, verified_json, verified_lines

    if full and seed is not None:
        raise typer.BadParameter("--full compares everything: there is no sample with a seed")
    chosen = seed if seed is not None else SystemRandom().randrange(2**31)
    try:
        found = carry_out(
            root, tuple(named or ()), most=None if full else sample, seed=chosen, say=tell
        )
    except Interrupted as end:
        tell(
            f"policyctl: {end}; nothing was written to a copy, and the leg under way is not judged"
        )
        raise typer.Exit(128 + end.number) from None
    if json:
        result_json(verified_json(found))
    else:
        for line in verified_lines(found):
            result(line)
    for line in advice_lines(found):
        tell(f"policyctl: {line}")
    if any(one.refused for one in found):
        raise typer.Exit(ExitCode.FAILED)
    if not all(one.sound for one in found):
        raise typer.Exit(ExitCode.DEGRADED)
