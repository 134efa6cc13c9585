"""The program's entry: commands are declared here, and import what they need when they run."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from policyctl.boundary import guarded
from policyctl.commands import register
from policyctl.views.console import result

COMPLETION = "_POLICYCTL_COMPLETE"
"""The variable by which a shell asks for completions."""

# Nearly everything made at the start stays to the end: looking for garbage there costs a tenth.
gc.set_threshold(100_000)

app = typer.Typer(
    name="policyctl",
    help="Say once where every byte's copies go; get what makes it true, and the proof that it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
register(app)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        result(f"policyctl {version('policyctl')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """What stands before a command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    if COMPLETION in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Not standalone: exceptions reach the boundary, which knows what each of them means.
    sys.exit(
        guarded(
            lambda: app(args=given, prog_name="policyctl", standalone_mode=False),
            json="--json" in given,
        )
    )


if __name__ == "__main__":
    main()
