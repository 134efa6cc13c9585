"""What became of the pages of the docs."""

from __future__ import annotations

from collections.abc import Iterator

from policyctl.documenting import Documented
from policyctl.views.console import Json
from policyctl.views.paths import counted

_WORDS = ("new", "changed", "gone", "edited", "foreign", "kept")


def docs_lines(found: Documented, *, check: bool, noun: str) -> Iterator[str]:
    """One line for each page that differs, and one for all."""
    changes = found.changes
    kinds = (
        changes.created,
        changes.replaced,
        changes.removed,
        changes.edited,
        changes.foreign,
        changes.kept,
    )
    for word, paths in zip(_WORDS, kinds, strict=True):
        yield from (f"  {word:<8} {path}" for path in paths)
    pages = counted(len(found.pages), noun)
    kept = f", and {len(changes.kept)} kept" if changes.kept else ""
    if not changes.any:
        yield f"{found.folder}: {pages}, all as they should be{kept}"
    elif not check and not changes.refused:
        yield f"{found.folder}: {pages} as they should be{kept}"


def docs_json(found: Documented, *, written: bool) -> Json:
    """The same for programs."""
    changes = found.changes
    return {
        "folder": str(found.folder),
        "pages": sorted(found.pages),
        "created": list(changes.created),
        "replaced": list(changes.replaced),
        "removed": list(changes.removed),
        "edited": list(changes.edited),
        "foreign": list(changes.foreign),
        "kept": list(changes.kept),
        "differs": changes.any,
        "written": written,
    }
