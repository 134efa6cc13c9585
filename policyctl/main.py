"""The program's entry: commands are declared here, and import what they need when they run."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from copy import copy
from typing import Annotated

import typer
from typer.main import get_command_name
from typer.models import CommandInfo

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
    program = _narrowed(given)
    # Not standalone: exceptions reach the boundary, which knows what each of them means.
    sys.exit(
        guarded(
            lambda: program(args=given, prog_name="policyctl", standalone_mode=False),
            json="--json" in given,
        )
    )


def _narrowed(given: list[str]) -> typer.Typer:
    """The program with the one command that is asked for, where the first word names one.

    To build them all, each option of each, takes longer than many a command does.
    """
    only = copy(app)
    only.registered_commands = [one for one in app.registered_commands if _is_called(one, given)]
    return only if only.registered_commands else app


def _is_called(command: CommandInfo, given: list[str]) -> bool:
    called = command.callback
    return bool(given) and called is not None and get_command_name(called.__name__) == given[0]


if __name__ == "__main__":
    main()
