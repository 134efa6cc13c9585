"""`policyctl completions`: the completion script of a shell."""

from __future__ import annotations

import enum
from typing import Annotated

import click
import typer


class Shell(enum.StrEnum):
    """Shells with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completions(
    shell: Annotated[Shell, typer.Argument(help="The shell to complete in.")],
) -> None:
    """Print a completion script, to be put where the shell looks for them."""
    from click.shell_completion import get_completion_class
    from typer._completion_classes import completion_init

    from policyctl.views.console import result

    completion_init()
    kind = get_completion_class(shell.value)
    context = click.get_current_context().find_root()
    assert kind is not None, "click knows these shells"
    script = kind(context.command, {}, "policyctl", "_POLICYCTL_COMPLETE").source()
    result(script.rstrip("\n"))
