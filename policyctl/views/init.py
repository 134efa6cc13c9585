"""What a draft has in it, what it leaves out, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from engine.draft.manifest import Draft
from policyctl.views.console import Json
from policyctl.views.paths import counted, show_text


def summary_lines(found: Draft) -> Iterator[str]:
    """In short: sources, destinations, guesses, and each thing that is left out with its reason."""
    yield f"sources: {', '.join(found.sources)}"
    yield f"destinations: {', '.join(found.destinations)}"
    yield f"{counted(found.guesses, 'guess', 'guesses')}, each marked: read them before you go on"
    for one in found.left_out:
        yield f"left out: {show_text(one)}"


def next_lines(output: Path | None) -> Iterator[str]:
    """What to type next."""
    if output is None:
        yield "nothing was written: `policyctl init --output backup-policy.yaml` does"
        return
    name = shlex.quote(str(output))
    yield f"wrote {output}; next: `policyctl check --policy {name}`"


def draft_json(found: Draft, output: Path | None) -> dict[str, Json]:
    """The same for programs."""
    return {
        "manifest": found.text,
        "output": str(output) if output is not None else None,
        "sources": list(found.sources),
        "destinations": list(found.destinations),
        "guesses": found.guesses,
        "left_out": [show_text(one) for one in found.left_out],
    }
