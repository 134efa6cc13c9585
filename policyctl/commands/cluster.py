"""`policyctl cluster`: the CronJobs of what a cluster runs, as files for it to apply."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyctl.options import (
    DEFAULT_ROOT,
    CheckFolderOption,
    JsonOption,
    OverwriteOption,
    PolicyOption,
    RootOption,
)


def cluster(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where the files go. Default: ./backup-jobs"),
    ] = None,
    image: Annotated[
        str,
        typer.Option(
            "--image",
            metavar="IMAGE",
            help="What the jobs run in whose runner names no `image`: with its registry, and a tag "
            "or digest.",
        ),
    ] = "",
    check: CheckFolderOption = False,
    overwrite: OverwriteOption = None,
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Write the CronJobs of legs and checks whose runner is a cluster; none of them is touched.

    The cluster gets them as it gets everything else: `kubectl apply --recursive -f DIR`, or by Git.
    Without --policy they are those of the plan that is applied. Rendered again, the files are the
    same to the last byte; only those that were written here are removed. The file of a leg of which
    no job can be made any more is kept, and the command ends with 6.
    """
    from policyctl.clustering import DEFAULT, compare, without_job
    from policyctl.documenting import plan_to_document
    from policyctl.views.console import tell
    from policyctl.writing import settle

    if check and overwrite:
        raise typer.BadParameter("--check writes nothing: leave out --overwrite")
    plan = plan_to_document(policy, root)
    found = compare(plan, folder or DEFAULT, image, overwrite or ())
    for sentence in without_job(plan, found):
        tell(sentence)
    settle(found, check=check, json=json, noun="file")
