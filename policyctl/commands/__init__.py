"""One module a command; each imports what it needs when it runs, so that --help stays quick."""

from __future__ import annotations

import typer

from policyctl.commands.check import check
from policyctl.commands.explain import explain
from policyctl.commands.schema import schema


def register(app: typer.Typer) -> None:
    """Give the program its commands, in the order in which a new user needs them."""
    for command in (check, explain, schema):
        app.command()(command)
