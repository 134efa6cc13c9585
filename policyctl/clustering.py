"""What `cluster` does: the jobs of a plan as files, in a folder that may hold older ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.changes.pages import MANIFESTS
from engine.cluster.jobs import gateway_of_jobs, jobs_of
from engine.plan.model import Plan
from policyctl.boundary import Refused
from policyctl.documenting import Documented, compare_pages
from renderers.environment import RenderRefused
from renderers.kubernetes import render_jobs

DEFAULT = Path("backup-jobs")
"""The folder, where none is named."""
_IMAGE = re.compile(
    r"[a-z0-9.-]*[.:][a-z0-9.:-]*/[a-z0-9._/-]+(?::[A-Za-z0-9_.-]+)?(?:@sha256:[0-9a-f]{64})?"
)


def compare(plan: Plan, folder: Path, image: str, named: Sequence[str]) -> Documented:
    """Render the jobs, and see what the folder lacks. Raises `Refused`."""
    if image and not _IMAGE.fullmatch(image):
        raise Refused(
            f"{image!r} is no image with its registry, as registry.example.net/policyctl:1.0: what "
            "a cluster takes for a short name is its own affair, and some take none"
        )
    try:
        files = render_jobs(plan, image)
    except RenderRefused as error:
        raise Refused(f"{error}; nothing was written") from None
    return compare_pages(files, folder, named, MANIFESTS)


def without_job(plan: Plan) -> Iterator[str]:
    """What no file was made of, and what is told nobody."""
    made = {(one.part, one.subject) for one in jobs_of(plan)}
    legs = [("leg", one.name) for one in plan.legs if one.leg.runner is not None]
    checks = [("check", one.name) for one in plan.checks if not one.here]
    for part, name in (*legs, *checks):
        if (part, name) not in made:
            yield f"no job is made of the {part} {name}: `policyctl check` says why"
    if made and gateway_of_jobs(plan) is None:
        yield (
            "the jobs tell nobody how they went, so no alert watches them: add "
            "`cluster_pushgateway` to `monitoring`"
        )
