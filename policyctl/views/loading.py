"""How a dump that has come back is loaded, for who is going to type it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dumps.loading import loading, word
from engine.system.host.directories import list_directory
from policy.encryption import ENDING
from policy.sources import DumpedSource
from policyctl.asking import Proposal

_TOLD = 6
"""Commands that are shown; those of further databases are like them."""


def opened_lines(opened: tuple[bytes, ...]) -> Iterator[str]:
    """That what was encrypted is not any more."""
    if opened:
        files = "1 file" if len(opened) == 1 else f"{len(opened):,} files"
        yield f"  {files} opened: what lies there now is in the clear"


def loading_lines(proposal: Proposal, opened: tuple[bytes, ...] = ()) -> Iterator[str]:
    """What to type next, where a dump has come; nothing otherwise.

    `opened`: files that were encrypted when they came.
    """
    source = proposal.found.asked.subject.source
    if not isinstance(source, DumpedSource):
        return
    folder, names = _what_came(proposal, opened)
    if any(name.endswith(ENDING) for name in names):
        yield (
            "it is encrypted: the same command with --identity KEY and another folder (--to) opens "
            "it as well, or for each file: age --decrypt --identity KEY --output NAME NAME.age"
        )
    found = [one for one in loading(source, names) if one.command]
    if found:
        yield f"to load it, in {word(folder)}:"
    said = ""
    for one in found[:_TOLD]:
        if one.text != said:
            yield f"  # {one.text}"
        yield f"  {one.command}"
        said = one.text
    if len(found) > _TOLD:
        yield f"  # … and {len(found) - _TOLD:,} more in the same way"


def _what_came(proposal: Proposal, opened: tuple[bytes, ...]) -> tuple[str, tuple[str, ...]]:
    aim = proposal.aim
    if opened and not proposal.version.directory:
        folder, _, name = opened[0].rpartition(b"/")
        return _shown(folder), (_shown(name),)
    if proposal.version.directory:
        inside = list_directory(aim.path)
        return _shown(aim.path), tuple(sorted(_shown(name) for name, _ in inside))
    return _shown(aim.path.rpartition(b"/")[0]), (_shown(aim.name),)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
