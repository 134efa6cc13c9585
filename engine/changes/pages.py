"""Pages in a folder: what should be there, what is, and what was written there before. Pure.

Nothing is overwritten or removed that was not written here: a page is ours while it still holds
what we wrote. The record of that lies in the folder itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.changes.files import digest

FORMAT = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKind:
    """What is written into a folder; folders of two kinds know nothing of each other."""

    record: str
    """The file in the folder that says which pages were written there, by their digests."""
    path: re.Pattern[str]
    """What the path of a page looks like."""


DOCS = PageKind(record=".policyctl-docs.json", path=re.compile(r"(?:[a-z0-9-]+/)?[a-z0-9-]+\.md"))
MANIFESTS = PageKind(record=".policyctl-cluster", path=re.compile(r"[a-z0-9-]+/[a-z0-9-]+\.yaml"))
"""Those of Kubernetes. Of a folder kubectl reads all `.json`, which the record must not be."""


class RecordUnusable(ValueError):
    """The record cannot be read; the message says why."""


Written = Mapping[str, tuple[str, ...]]
"""What each page of ours may hold: one digest; while a command writes, before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageChanges:
    """What there is to do, by paths from the folder, each sorted."""

    created: tuple[str, ...]
    replaced: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    edited: tuple[str, ...]
    """Ours once, and changed by hand since: refused unless they are named."""
    foreign: tuple[str, ...]
    """Never ours, and in the way of a page: refused unless they are named."""
    kept: tuple[str, ...]
    """Written here, what they are about is still there, and they can be rendered no more: they stay
    as they are unless they are named."""
    record: bytes
    """The record afterwards."""
    meanwhile: bytes
    """The record while it is being done, so that whatever ends it leaves nothing that looks edited.
    """
    record_differs: bool

    @property
    def refused(self) -> bool:
        """Whether something is in the way."""
        return bool(self.edited or self.foreign)

    @property
    def any(self) -> bool:
        """Whether the folder is not as it should be."""
        parts = (self.created, self.replaced, self.removed, self.edited, self.foreign)
        return any(parts) or self.record_differs


def page_changes(
    pages: Mapping[str, bytes],
    there: Mapping[str, bytes | None],
    record: bytes | None,
    *,
    named: Collection[str] = (),
    kept: Collection[str] = (),
    kind: PageKind = DOCS,
) -> PageChanges:
    """Compare what should be with what is.

    `there` has the content of each page that should be there or is recorded; None: nothing is.
    `named` are paths that may be overwritten, or removed, whatever they hold. `kept` are not
    removed, though nothing is rendered for them. Raises `RecordUnusable`.
    """
    written = read_record(record, kind) if record is not None else {}
    found: dict[str, list[str]] = {}
    for path in sorted({*pages, *written}):
        state = _state(pages.get(path), there.get(path), written.get(path), named=path in named)
        stays = state in {"removed", "edited"} and path in kept and path not in {*pages, *named}
        found.setdefault("kept" if stays else state, []).append(path)
    after: dict[str, tuple[str, ...]] = {
        path: (digest(content),) for path, content in pages.items()
    }
    after |= {path: written[path] for path in found.get("kept", ())}
    between = {
        path: tuple(sorted({*written.get(path, ()), *after.get(path, ()), *_held(there.get(path))}))
        if path in found.get("replaced", []) or path in named
        else tuple(sorted({*written.get(path, ()), *after.get(path, ())}))
        for path in {*written, *after}
    }
    return PageChanges(
        created=tuple(found.get("created", ())),
        replaced=tuple(found.get("replaced", ())),
        removed=tuple(found.get("removed", ())),
        unchanged=tuple(found.get("unchanged", ())),
        edited=tuple(found.get("edited", ())),
        foreign=tuple(found.get("foreign", ())),
        kept=tuple(found.get("kept", ())),
        record=_text(after),
        meanwhile=_text(between),
        record_differs=record != _text(after),
    )


def _state(
    wanted: bytes | None, there: bytes | None, ours: tuple[str, ...] | None, *, named: bool
) -> str:
    if wanted is None:
        if there is None:
            return "gone"
        return "removed" if named or digest(there) in (ours or ()) else "edited"
    if there is None:
        return "created"
    if there == wanted:
        return "unchanged"
    if named or digest(there) in (ours or ()):
        return "replaced"
    return "edited" if ours is not None else "foreign"


def _held(there: bytes | None) -> tuple[str, ...]:
    return (digest(there),) if there is not None else ()


def read_record(text: bytes, kind: PageKind = DOCS) -> dict[str, tuple[str, ...]]:
    """Read a record. Raises `RecordUnusable`."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise RecordUnusable(f"it is no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise RecordUnusable(f"it is of another format than {FORMAT}, the one of this version")
    pages = found.get("pages")
    if not isinstance(pages, dict):
        raise RecordUnusable("it names no pages")
    return {_path(path, kind): _digests(held) for path, held in pages.items()}


def _path(path: object, kind: PageKind) -> str:
    if not isinstance(path, str) or not kind.path.fullmatch(path):
        raise RecordUnusable(f"{path!r} is no page that was written by policyctl")
    return path


def _digests(held: object) -> tuple[str, ...]:
    if not isinstance(held, list) or not all(
        isinstance(one, str) and _DIGEST.fullmatch(one) for one in held
    ):
        raise RecordUnusable(f"{held!r} is no list of digests")
    return tuple(held)


def _text(written: Written) -> bytes:
    pages = {path: list(written[path]) for path in sorted(written)}
    return json.dumps({"format": FORMAT, "pages": pages}, indent=1).encode() + b"\n"
