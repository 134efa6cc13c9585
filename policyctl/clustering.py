"""What `cluster` does: the jobs of a plan as files, in a folder that may hold older ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from engine.changes.pages import MANIFESTS
from engine.cluster.jobs import Part, gateway_of_jobs, job_name, jobs_of
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
    unmade = {job_name(part, name) for part, name in _unmade(plan)}
    return compare_pages(files, folder, named, MANIFESTS, lambda path: _subject(path) in unmade)


def _unmade(plan: Plan) -> Iterator[tuple[Part, str]]:
    """What a cluster is to run, and no job can be made of."""
    made = {(one.part, one.subject) for one in jobs_of(plan)}
    legs: list[tuple[Part, str]] = [("leg", one.name) for one in plan.legs if one.leg.runner]
    checks: list[tuple[Part, str]] = [("check", one.name) for one in plan.checks if not one.here]
    yield from (one for one in (*legs, *checks) if one not in made)


def _subject(path: str) -> str:
    """Whose job a file holds, in whatever namespace."""
    return PurePosixPath(path).stem


def without_job(plan: Plan, found: Documented) -> Iterator[str]:
    """What no file was made of, and what is told nobody."""
    kept = {_subject(path): path for path in found.changes.kept}
    for part, name in _unmade(plan):
        said = f"no job is made of the {part} {name}: `policyctl check` says why"
        path = kept.get(job_name(part, name))
        yield said + (_kept(path) if path is not None else "")
    if jobs_of(plan) and gateway_of_jobs(plan) is None:
        yield (
            "the jobs tell nobody how they went, so no alert watches them: add "
            "`cluster_pushgateway` to `monitoring`"
        )


def _kept(path: str) -> str:
    return (
        f". The file of its last one, {path}, is kept as it is, so the cluster goes on with that; "
        f"once it shall not, say `--overwrite {path}`, or take the `runner` out"
    )
