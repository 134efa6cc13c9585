"""Entries that a leg has noted as its own and that are not at its place: they are not its own.

They are noted before they are made, so that a killed pass owns its work. Who puts something there
under that name afterwards has put it there himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.runs.observation import FeedSeen
from engine.system.host.directories import list_directory, still_there
from engine.system.state.state import State, Stream


def disown_missing(state: State, streams: Mapping[str, Stream], feeds: Iterable[FeedSeen]) -> None:
    """Before a run, where the top of the copies was listed, on this machine or over SSH."""
    for seen in feeds:
        for name in seen.source.owned - set(seen.target.entries):
            state.disown(streams[seen.feed], name)


def disown_unmade(
    state: State, run_id: str, streams: Mapping[str, Stream], feeds: Iterable[FeedSeen]
) -> None:
    """After a run: what a pass of it that came to no end has claimed, and not made.

    Only on this machine, and on the same disk; elsewhere the look before the next run tells.
    """
    for seen in feeds:
        claimed = state.claimed(streams[seen.feed], run_id)
        root = seen.target.root_identity
        if claimed and root is not None and still_there(root):
            there = {name for name, _ in list_directory(seen.target.target.path)}
            for name in claimed - there:
                state.disown(streams[seen.feed], name)
