"""How a dump that has come back is loaded, for who is going to type it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dumps.loading import loading, word
from engine.system.host.directories import list_directory
from policy.sources import DumpedSource
from policyctl.asking import Proposal

_TOLD = 6
"""Commands that are shown; those of further databases are like them."""


def loading_lines(proposal: Proposal) -> Iterator[str]:
    """What to type next, where a dump has come; nothing otherwise."""
    source = proposal.found.asked.subject.source
    if not isinstance(source, DumpedSource):
        return
    folder, names = _what_came(proposal)
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


def _what_came(proposal: Proposal) -> tuple[str, tuple[str, ...]]:
    aim = proposal.aim
    if proposal.version.directory:
        inside = list_directory(aim.path)
        return _shown(aim.path), tuple(sorted(_shown(name) for name, _ in inside))
    return _shown(aim.path.rpartition(b"/")[0]), (_shown(aim.name),)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
