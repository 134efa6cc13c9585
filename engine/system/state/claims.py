"""Entries that a leg has noted as its own and that are not at its place: they are not its own.

They are noted before they are made, so that a killed pass owns its work. Who puts something there
under that name afterwards has put it there himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.runs.observation import FeedSeen, SourceSeen
from engine.system.host.directories import list_directory, still_there
from engine.system.state.first_passes import FirstPass, FirstPasses
from engine.system.state.state import State, Stream


def settle_claims(state: State, streams: Mapping[str, Stream], feeds: Iterable[FeedSeen]) -> None:
    """Before a run, where the top of the copies was listed, on this machine or over SSH.

    Where the leg owns nothing then, and never has had a success, its first pass begins.
    """
    for seen in feeds:
        stream, source = streams[seen.feed], seen.source
        for name in source.owned - set(seen.target.entries):
            state.disown(stream, name)
        if not state.owned(stream) and state.last_seen(stream) is None:
            FirstPasses(state.connection).note(stream, first_pass_of(source))


def first_pass_of(source: SourceSeen) -> FirstPass:
    """What a first pass of a tree would copy, as it is now."""
    return FirstPass(tree=source.tree, file_system=source.file_system, mounts=source.mounts)


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
