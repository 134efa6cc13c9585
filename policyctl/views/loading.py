"""How a dump that has come back is loaded, for who is going to type it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dumps.loading import loading, word
from engine.system.host.directories import list_directory
from engine.system.restore.outcome import Restored
from policy.encryption import ENDING
from policy.sources import DeviceSource, DumpedSource
from policy.values import display
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
        yield (
            f"{_still(proposal, done)}for each file: age --decrypt --identity KEY --output NAME "
            "NAME.age"
        )


def _still(proposal: Proposal, done: Restored) -> str:
    """That it is encrypted, and how to go on with this command, if one can."""
    if done.opened.failed:
        return (
            f"it is still encrypted: {display(proposal.aim.identity)} has not opened it; with "
            "its own key, "
        )
    goes_on = "" if done.differences else "the same command with --identity KEY opens it, or "
    return f"it is encrypted: {goes_on}"


def loading_lines(proposal: Proposal, done: Restored) -> Iterator[str]:
    """What to type next, where a dump has come; nothing otherwise."""
    source = proposal.found.asked.subject.source
    part = proposal.found.asked.subject.names
    if not isinstance(source, DumpedSource) or (part and proposal.version.directory):
        return
    folder, came = _what_came(proposal, done)
    names = tuple(one for one in came if not _is_rotten(one, done, alone=len(came) == 1))
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
    if found and len(names) < len(came):
        yield "  # what is damaged, as told above, is not among them"


def _is_rotten(name: str, done: Restored, *, alone: bool) -> bool:
    """Whether a file, or something in a folder, is known to be damaged: nobody is to load it."""
    tops = {_shown(one.path[0]) if one.path else "" for one in done.differences if one.rotten}
    return bool({name, name + ENDING} & tops) or (alone and "" in tops)


def _what_came(proposal: Proposal, done: Restored) -> tuple[str, tuple[str, ...]]:
    folder = proposal.aim.folder
    if proposal.version.directory:
        path = folder.rstrip(b"/") + b"/" + done.name
        inside = list_directory(path)
        return _shown(path), tuple(sorted(_shown(name) for name, _ in inside))
    return _shown(folder), (_shown(done.name),)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
