"""The runbook of a source: what to type when something of it is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.plan.model import Plan
from engine.promises.chains import Chains
from engine.promises.order_words import wait_words
from engine.promises.restore_order import Wait
from engine.runbooks.claims import claimed, into_claim, where_claimed
from engine.runbooks.model import Code, Runbook, Said, Section, Text
from engine.runbooks.options import Wanted
from engine.runbooks.parts import Part, parts_of, restorable, takers_of
from engine.runbooks.products import product_sections
from engine.runbooks.trees import (
    all_of_claimed,
    all_of_files,
    all_of_tree,
    not_kept,
    one_path,
)
from engine.runbooks.volumes import from_copies, rollbacks
from policy.sources import (
    BtrfsSource,
    CommandSource,
    DeviceSource,
    DumpedSource,
    FilesSource,
    LvmThinSource,
    ServerSource,
    Source,
    SqliteSource,
    TreeSource,
)


def source_runbook(
    plan: Plan, chains: Chains, source: Source, waits: Sequence[Wait] = ()
) -> Runbook:
    """What to do when something of a source is lost; `waits`: what all of it waits for."""
    parts = parts_of(plan, chains, source)
    return Runbook(
        subject=source.name,
        title=f"{source.name} is lost, or a part of it",
        intro=(_what(plan, source), *_before(waits)),
        sections=tuple(_sections(plan, chains, source, parts)),
    )


def _before(waits: Sequence[Wait]) -> Iterator[Text]:
    if waits:
        said = "; ".join(map(wait_words, waits))
        yield "All of it comes back ", Said(said), "."


def _what(plan: Plan, source: Source) -> Text:
    claim = claimed(plan, source)
    if claim is not None and isinstance(source, TreeSource | SqliteSource):
        what = "tree" if isinstance(source, TreeSource) else "SQLite database"
        return f"It is the {what} ", Code(source.path.text), *where_claimed(claim), "."
    match source:
        case TreeSource():
            return "It is the tree ", Code(source.path.text), " on this host."
        case LvmThinSource():
            pool = f"{source.vg}/{source.pool}"
            return (
                "It is the volumes ",
                Code.of(source.volumes),
                " of the pool ",
                Code.of(pool),
                ".",
            )
        case BtrfsSource():
            pattern = Code.of(source.subvolumes)
            return "It is the subvolumes ", pattern, " in ", Code(source.path.text), "."
        case FilesSource():
            paths = [Code(path.text) for path in source.paths]
            listed = [part for path in paths for part in (", ", path)][1:]
            return "It is ", *listed, "."
        case DeviceSource():
            return "It is a device that answers as ", Code.of(source.ssh.account), "."
        case ServerSource() | SqliteSource() | CommandSource():
            return _dumped(source, here=bool(takers_of(plan, source)))


def _dumped(source: DumpedSource, *, here: bool) -> Text:
    match source:
        case ServerSource():
            return (f"It is a server: {source.server.value}.",)
        case SqliteSource():
            return "It is the SQLite database ", Code(source.path.text), "."
        case CommandSource():
            where = " of this host exports." if here else " exports in a cluster."
            return "It is what the program ", Code.of(source.run[0]), where


def _sections(
    plan: Plan, chains: Chains, source: Source, parts: Sequence[Part]
) -> Iterator[Section]:
    known = [part for part in parts if restorable(plan, chains, part, Wanted.DATABASE)]
    whole = [part for part in known if restorable(plan, chains, part, Wanted.DIRECTORY)]
    match source:
        case TreeSource() | FilesSource():
            yield from _of_paths(plan, source, known, whole)
        case LvmThinSource() | BtrfsSource():
            yield from rollbacks(plan, source)
            if known:
                makers = {one.via[1] for part in known for one in part.copies if len(one.via) > 1}
                databases = any(one.partial for part in known for one in part.copies)
                yield from_copies(source, sorted(makers), databases=databases)
        case DeviceSource() | ServerSource() | SqliteSource() | CommandSource():
            yield from product_sections(plan, source, parts)
            claim = claimed(plan, source)
            if claim is not None:
                yield into_claim(claim)
    yield from not_kept(plan, source)


def _of_paths(
    plan: Plan, source: TreeSource | FilesSource, known: Sequence[Part], whole: Sequence[Part]
) -> Iterator[Section]:
    """Of what has paths on this host: one of them, and all."""
    claim, takers = claimed(plan, source), takers_of(plan, source)
    if claim is not None and isinstance(source, TreeSource):
        if known:
            yield one_path(source.path.text, elsewhere=True)
            yield into_claim(claim)
        if whole:
            yield all_of_claimed(source, whole)
        return
    if known:
        first = source.paths[0] if isinstance(source, FilesSource) else source.path
        yield one_path(first.text)
    if isinstance(source, FilesSource) and known:
        yield all_of_files(source, takers)
    if isinstance(source, TreeSource) and whole:
        yield all_of_tree(source, whole, takers)
