"""`policyctl probe`: the checks of the manifest, carried out."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, InClusterOption, JsonOption, RootOption


def probe(
    named: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Checks of the manifest. Default: all that this host makes."
        ),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    scheduled: Annotated[
        bool,
        typer.Option("--scheduled", help="Started by a timer: say nothing where all is well."),
    ] = False,
    in_cluster: InClusterOption = None,
) -> None:
    """Carry out checks: look whether databases, products of others and services are well.

    Each is noted and told, as a timer would have it. Ends with 5 where something is not as it
    should be, or could not be looked at.
    """
    from engine.system.host.signals import Interrupted
    from policyctl.exit_codes import ExitCode
    from policyctl.probing import probe as carry_out
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.looks import attempt_lines, attempts_json, exit_code_of
    from policyctl.views.run import marked_lines, worst_of

    ended = []
    try:
        for one in carry_out(root, tuple(named or ()), in_cluster):
            ended.append(one)
            code, lines = exit_code_of(one), attempt_lines(one)
            shown = marked_lines(code, lines) if scheduled else lines
            for line in () if json else shown:
                result(line)
    except Interrupted as end:
        tell(f"policyctl: {end}, when all was done but to note it")
        raise typer.Exit(128 + end.number) from None
    if json:
        result_json(attempts_json(ended))
    code = worst_of(map(exit_code_of, ended))
    if code is not ExitCode.OK:
        raise typer.Exit(code)
