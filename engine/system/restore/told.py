"""What runs have said against the products that they made: none of those is taken unasked.

A dump of a server that had lost its data is the newest there is, and the last one that is wanted.
"""

from __future__ import annotations

from dataclasses import replace

from engine.dumps.record import DumpRecord
from engine.restore.versions import Version, Whole
from engine.system.host.descent import opened_root
from engine.system.restore.compare import Tree
from engine.system.restore.dump_record import record_in
from engine.system.restore.known import Known
from policy.sources import DumpedSource, Source
from policy.values import display

_NOT_SAID = "it was not verified"


def with_told(
    known: Known, source: Source, versions: tuple[Version, ...], depth: int
) -> tuple[Version, ...]:
    """The same versions, each with what was said; `depth`: how far below its generation it is.

    What is said of one is so of each copy of it, wherever that lies. What a device said has no
    record: there is a generation of it only where it was verified.
    """
    if not isinstance(source, DumpedSource):
        return versions
    said = {
        (one.copy.via[0], one.name): words
        for one in versions
        if (words := _said(known, one, depth))
    }
    return tuple(replace(one, told=said.get((one.copy.via[0], one.name), "")) for one in versions)


def _said(known: Known, one: Version, depth: int) -> str:
    record = record_of(known, one, depth)
    if record is not None:
        return "; ".join(display(each.encode()) for each in record.told)
    return _NOT_SAID if one.whole is Whole.COMPLETE else ""


def record_of(known: Known, one: Version, depth: int = 0) -> DumpRecord | None:
    """The record of the dump that a version is, or lies in so deep; None: none is at hand."""
    place = known.place(one.place)
    if place is None or place.ssh is not None or not one.name:
        return None
    names = one.location.names
    with opened_root(place.root) as root:
        return record_in(Tree(root=root, top=names[: len(names) - depth]))
