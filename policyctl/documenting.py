"""What `docs` does: a plan as pages, in a folder that may hold older ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.changes.pages import (
    DOCS,
    PageChanges,
    PageKind,
    RecordUnusable,
    page_changes,
    read_record,
)
from engine.plan.model import Plan
from engine.system.host.pages import FolderUnusable, read_pages, read_record_of, write_pages
from policyctl.boundary import Refused
from policyctl.loading import applied_plan, load_manifest
from renderers.docs import Page, render_docs

DEFAULT = Path("backup-docs")
"""The folder, where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What a folder holds, and should hold."""

    folder: Path
    pages: dict[str, bytes]
    changes: PageChanges
    kind: PageKind = DOCS


def plan_to_document(policy: Path | None, root: Path) -> Plan:
    """The manifest that is named, else what is applied, else a manifest. Raises `PolicyInvalid`."""
    applied = applied_plan(root) if policy is None else None
    return applied if applied is not None else load_manifest(policy, root).compilation.plan


def compare(plan: Plan, folder: Path, named: Sequence[str]) -> Documented:
    """Render the plan, and see what the folder lacks. Raises `Refused`."""
    return compare_pages(render_docs(plan), folder, named, DOCS)


def compare_pages(
    rendered: Iterable[Page],
    folder: Path,
    named: Sequence[str],
    kind: PageKind,
    stays: Callable[[str], bool] = lambda path: False,
) -> Documented:
    """See what a folder lacks of what was rendered. Raises `Refused`.

    `stays`: whether a file that was written there is kept, though it is rendered no more.
    """
    pages = {one.path: one.content for one in rendered}
    try:
        record = read_record_of(folder, kind)
        known = read_record(record, kind) if record is not None else {}
        there = read_pages(folder, sorted({*pages, *known}))
        kept = {path for path in known if stays(path)}
        changes = page_changes(pages, there, record, named=named, kept=kept, kind=kind)
    except RecordUnusable as error:
        raise Refused(
            f"the record of the pages in {folder} cannot be used: {error}; nothing was written. "
            "Move the folder away, and render it anew"
        ) from None
    except FolderUnusable as error:
        raise Refused(f"{error}; nothing was written") from None
    strange = sorted({*named} - {*pages, *known})
    if strange:
        raise Refused(f"there is no page {strange[0]!r} to overwrite; nothing was written")
    return Documented(folder=folder, pages=pages, changes=changes, kind=kind)


def write(found: Documented) -> None:
    """Make the folder hold the pages. Raises `Refused`."""
    changes = found.changes
    if changes.refused:
        named = (*changes.edited, *changes.foreign)
        why = "was changed by hand" if changes.edited else "was not written by policyctl"
        more = f", and {len(named) - 1} more as listed" if len(named) > 1 else ""
        raise Refused(
            f"{named[0]} {why}{more}; nothing was written. Take your changes elsewhere, or say "
            f"--overwrite {named[0]}"
        )
    try:
        write_pages(found.folder, found.pages, changes, found.kind)
    except FolderUnusable as error:
        raise Refused(f"{error}; not all pages are written: the same command goes on") from None
