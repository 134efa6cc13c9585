"""`policyctl report`: what is safe and what is at risk, as one page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption

_PORT = 8740


def report(
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the page there, whole or not at all. `-`: to stdout, even a terminal.",
        ),
    ] = None,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Show it at http://127.0.0.1:PORT/, made anew at each load."),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65535,
            show_default=False,
            help=f"With --serve: which port; 0 takes any that is free. [{_PORT}]",
        ),
    ] = None,
) -> None:
    """Make one page of how everything stands: safe, at risk, routing, nights, room, generations.

    It holds all that it needs and fetches nothing. Without --output it is printed. Asking changes
    nothing, and ends with 0 whatever the page says: `policyctl status` is there for scripts.
    """
    from policyctl.views.console import result_bytes, result_json, tell

    _check(serve=serve, json=json, output=output, port=port)
    if serve:
        from policyctl.serving import serve as carry_on

        raise typer.Exit(carry_on(policy, root, _PORT if port is None else port))
    from policyctl.reporting import read_report

    found = read_report(policy, root)
    if json:
        from policyctl.views.report import report_json

        result_json(report_json(found))
        return
    from policyctl.serving import page_of

    page = page_of(found)
    if output is None or output == Path("-"):
        result_bytes(page.content)
        return
    from engine.system.host.files import error_sentence, write_named
    from policyctl.boundary import Refused

    try:
        write_named(output, page.content)
    except OSError as error:
        raise Refused(f"the page was not written: {error_sentence(error)}") from error
    tell(f"policyctl: {output} is written ({len(page.content):,} bytes)")


def _check(*, serve: bool, json: bool, output: Path | None, port: int | None) -> None:
    """Refuse what makes no sense together, and a page that nobody can read on a terminal."""
    import sys

    if serve and (json or output is not None):
        other = "--json" if json else "--output"
        raise typer.BadParameter("shows the page to a browser", param_hint=f"{other} --serve")
    if port is not None and not serve:
        raise typer.BadParameter("is only for --serve", param_hint="--port")
    if json and output is not None:
        raise typer.BadParameter("is for the page; redirect the JSON", param_hint="--output")
    if not (serve or json) and output is None and sys.stdout.isatty():
        raise typer.BadParameter(
            "a web page is nothing to read on a terminal: name a file (--output report.html), or "
            "show it to a browser (--serve); `--output -` prints it all the same",
            param_hint="--output",
        )
