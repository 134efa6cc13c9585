"""How a dump that has come back is loaded, for who is going to type it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dumps.loading import loading, word
from engine.system.host.directories import list_directory
from engine.system.restore.outcome import Restored
from policy.encryption import ENDING
from policy.sources import DeviceSource, DumpedSource
from policyctl.asking import Proposal

_TOLD = 6
"""Commands that are shown; those of further databases are like them."""


def opened_lines(proposal: Proposal, done: Restored) -> Iterator[str]:
    """What is open now that was encrypted, and how the rest is opened."""
    opened = done.opened.files
    if opened:
        files = "1 file" if len(opened) == 1 else f"{len(opened):,} files"
        yield f"  {files} opened: what lies there now is in the clear"
    made = isinstance(proposal.found.asked.subject.source, DumpedSource | DeviceSource)
    if made and any(name.endswith(ENDING) for name in _what_came(proposal, done)[1]):
        goes_on = "" if done.differences else "the same command with --identity KEY opens it, or "
        yield (
            f"it is encrypted: {goes_on}for each file: age --decrypt --identity KEY --output NAME "
            "NAME.age"
        )


def loading_lines(proposal: Proposal, done: Restored) -> Iterator[str]:
    """What to type next, where a dump has come; nothing otherwise."""
    source = proposal.found.asked.subject.source
    if not isinstance(source, DumpedSource):
        return
    folder, names = _what_came(proposal, done)
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


def _what_came(proposal: Proposal, done: Restored) -> tuple[str, tuple[str, ...]]:
    folder = proposal.aim.folder
    if proposal.version.directory:
        path = folder.rstrip(b"/") + b"/" + done.name
        inside = list_directory(path)
        return _shown(path), tuple(sorted(_shown(name) for name, _ in inside))
    return _shown(folder), (_shown(done.name),)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
