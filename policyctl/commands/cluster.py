"""`policyctl cluster`: the CronJobs of what a cluster runs, as files for it to apply."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


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
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Write nothing; end with 4 where the folder is not as it should be."
        ),
    ] = False,
    overwrite: Annotated[
        list[str] | None,
        typer.Option(
            "--overwrite",
            metavar="FILE",
            help="Replace or remove this file although it was changed by hand. Repeatable.",
        ),
    ] = None,
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Write the CronJobs of legs and checks whose runner is a cluster; none of them is touched.

    The cluster gets them as it gets everything else: `kubectl apply --recursive -f DIR`, or by Git.
    Without --policy they are those of the plan that is applied. Rendered again, the files are the
    same to the last byte; only those that were written here are removed.
    """
    from policyctl.clustering import DEFAULT, compare, without_job
    from policyctl.documenting import plan_to_document, write
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.docs import docs_json, docs_lines

    if check and overwrite:
        raise typer.BadParameter("--check writes nothing: leave out --overwrite")
    plan = plan_to_document(policy, root)
    found = compare(plan, folder or DEFAULT, image, overwrite or ())
    for sentence in without_job(plan):
        tell(sentence)
    if not json:
        for line in docs_lines(found, check=check, noun="file"):
            result(line)
    if not check:
        write(found)
    if json:
        result_json(docs_json(found, written=not check and found.changes.any))
    if check and found.changes.any:
        raise typer.Exit(ExitCode.CHANGES)
