"""The program's entry: commands are declared here, and import what they need when they run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from policyctl.boundary import guarded
from policyctl.commands import register

app = typer.Typer(
    name="policyctl",
    help="Say once where every byte's copies go; get what makes it true, and the proof that it is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(guarded(lambda: app(args=arguments, prog_name="policyctl")))


if __name__ == "__main__":
    main()
