"""`policyctl init`: a first manifest, drafted from what this machine looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption


def init(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write it to FILE, which must not be there yet. Default: print it.",
        ),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Look at this machine and draft a manifest for it, with comments, every guess marked.

    It looks at mounts, directories, LVM, btrfs, servers that listen, and at crontabs and timers
    that run rsync, borg or restic. Nothing is changed but FILE. The draft checks clean; read it
    before you apply it.
    """
    from policyctl.drafting import drafted, refuse_taken, write_new
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.init import draft_json, next_lines, summary_lines

    if output is not None:
        refuse_taken(output)
    found = drafted(root)
    if output is not None:
        write_new(output, found.text)
    if json:
        result_json(draft_json(found, output))
    elif output is None:
        result(found.text.rstrip("\n"))
    for line in (*summary_lines(found), *next_lines(output)):
        tell(line)
