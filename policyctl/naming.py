"""From what is typed of a dump, such as a database's name, to the file that holds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from engine.dumps.artefact import files_meant
from engine.restore.versions import Version
from policy.sources import RECORD, DeviceSource, DumpedSource
from policy.values import display
from policyctl.asking import Asked, Wish
from policyctl.boundary import Refused
from policyctl.restoring import Restoring

_LOOKED_AT = 8
"""So many dumps are looked into, the one that would be taken first: each may lie far away."""
_TOLD = 12


def file_meant(work: Restoring, asked: Asked, wish: Wish) -> Asked:
    """What was asked for; of a dump, or what a device said, under the name that its file has.

    A run names databases, and a file's endings say how it is kept, which may have changed since.
    Raises `Refused` where two files may be meant, or none.
    """
    source = asked.subject.source
    typed = asked.path.partition(b":")[2]
    if not isinstance(source, DumpedSource | DeviceSource) or not typed or asked.inside:
        return asked
    newest: tuple[bytes, ...] = ()
    for names in _listings(work, source.name, wish):
        newest = newest or names
        if typed.split(b"/")[0] in names:
            return asked
        meant = files_meant(typed, names)
        if len(meant) == 1:
            return work.ask(f"{source.name}:{os.fsdecode(meant[0])}")
        if meant:
            raise Refused(
                f"{display(asked.path)} may be {' or '.join(_typed(asked, one) for one in meant)}: "
                "type which of them; nothing was restored"
            )
    if newest and not work.find(asked, wish).versions:
        raise Refused(
            f"no file of {source.name} is called {display(typed)}, and none holds a database of "
            f"that name alone: {_there(newest)}; nothing was restored"
        )
    return asked


def _there(names: tuple[bytes, ...]) -> str:
    """What there is instead."""
    there = [display(one) for one in names if one != RECORD.encode()]
    more = f" and {len(there) - _TOLD:,} more (--list)" if len(there) > _TOLD else ""
    whole = [display(one) for one in files_meant(b"all.sql", names)]
    every = f", and {whole[0]} holds all databases of the server" if whole else ""
    return f"what is there is {', '.join(there[:_TOLD])}{more}{every}"


def _typed(asked: Asked, name: bytes) -> str:
    return display(asked.subject.source.name.encode() + b":" + name)


def _listings(work: Restoring, source: str, wish: Wish) -> Iterator[tuple[bytes, ...]]:
    """The names in each dump as a whole, beginning with the one that would be taken."""
    found = work.find(work.ask(f"{source}:"), wish)
    chosen = () if found.choice.chosen is None else (found.choice.chosen,)
    versions: tuple[Version, ...] = (*chosen, *(one.version for one in found.choice.passed))
    for version in versions[:_LOOKED_AT]:
        with suppress(Refused):  # then nobody knows by what name; the restore itself says more
            yield tuple(sorted(name for name, _ in work.entries_of(version)))
