"""What `docs` does: a plan as pages, in a folder that may hold older ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.changes.pages import PageChanges, RecordUnusable, page_changes, read_record
from engine.plan.model import Plan
from engine.system.host.pages import FolderUnusable, read_pages, read_record_of, write_pages
from policyctl.boundary import Refused
from policyctl.loading import applied_plan, load_manifest
from renderers.docs import render_docs

DEFAULT = Path("backup-docs")
"""The folder, where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What a folder holds, and should hold."""

    folder: Path
    pages: dict[str, bytes]
    changes: PageChanges


def plan_to_document(policy: Path | None, root: Path) -> Plan:
    """The manifest that is named, else what is applied, else a manifest. Raises `PolicyInvalid`."""
    applied = applied_plan(root) if policy is None else None
    return applied if applied is not None else load_manifest(policy, root).compilation.plan


def compare(plan: Plan, folder: Path, named: Sequence[str]) -> Documented:
    """Render the plan, and see what the folder lacks. Raises `Refused`."""
    pages = {one.path: one.content for one in render_docs(plan)}
    try:
        record = read_record_of(folder)
        known = read_record(record) if record is not None else {}
        there = read_pages(folder, sorted({*pages, *known}))
        changes = page_changes(pages, there, record, named=named)
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
    return Documented(folder=folder, pages=pages, changes=changes)


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
        write_pages(found.folder, found.pages, changes)
    except FolderUnusable as error:
        raise Refused(f"{error}; not all pages are written: the same command goes on") from None
