"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyctl.views.console import commands_below

PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        "-p",
        metavar="FILE",
        readable=False,  # that it cannot be read is a finding, with its reason
        help="The manifest. Default: $POLICYCTL_POLICY, ./backup-policy.yaml, "
        "/etc/policyctl/backup-policy.yaml.",
    ),
]


def _remember(root: Path) -> Path:
    commands_below(root)
    return root


RootOption = Annotated[
    Path,
    typer.Option(
        "--root",
        metavar="DIR",
        callback=_remember,
        help="Put every absolute path below DIR (staging, tests, the demo). There the directory "
        "DIR/@HOST stands for `ssh: USER@HOST`; make it first.",
    ),
]
InClusterOption = Annotated[
    Path | None,
    typer.Option(
        "--in-cluster",
        metavar="PLAN",
        readable=False,
        help="What a CronJob of `policyctl cluster` says: go by this plan, in a container that has "
        "no other; records lie beside the product.",
    ),
]
CheckFolderOption = Annotated[
    bool,
    typer.Option(
        "--check", help="Write nothing; end with 4 where the folder is not as it should be."
    ),
]
OverwriteOption = Annotated[
    list[str] | None,
    typer.Option(
        "--overwrite",
        metavar="FILE",
        help="Replace or remove this file although it was changed by hand. Repeatable.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

DEFAULT_ROOT = Path("/")
