"""The decision tree of a restore: what was lost, and which copy of it is taken, by its age."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.generations.reasons import keep_text
from engine.plan.model import Plan
from engine.promises.chains import Chains
from engine.promises.objectives import hours
from engine.runbooks.options import Holding, Option, Wanted
from engine.runbooks.parts import parts_of
from engine.runbooks.tree import Band, Tree, tree_of
from engine.standing.copy_paths import location_path
from policy.destinations import Destination
from renderers.docs.page import Page, Table, lasting, page, table
from renderers.markdown import block, cell, code, code_cell, paragraph
from renderers.mermaid import Names, diagram, label, lines

_HOLDINGS = {
    Holding.NEWEST: "the newest state",
    Holding.GENERATIONS: "a generation",
    Holding.SET_ASIDE: "set aside by a run",
}


@dataclass(slots=True)
class _Shown:
    """One tree of a part, and what it is for."""

    part: str
    tree: Tree
    wanted: list[str]


def restore_page(plan: Plan, chains: Chains) -> Page:
    """Render it."""
    return page(
        "restore.md",
        "restore",
        losses=block("mermaid", _losses(plan)),
        own=[paragraph(_own_snapshots(one)) for one in plan.destinations if one.snapshots],
        trees=[
            (
                code(one.part),
                ", ".join(one.wanted),
                block("mermaid", _picture(one.tree)),
                _options(plan, one.tree),
            )
            for one in _trees(plan, chains)
        ],
    )


def _own_snapshots(one: Destination) -> Iterator[str]:
    assert one.snapshots is not None
    yield f"Older states of all that lies at {one.name} are in snapshots that it takes itself, of "
    yield from (code(one.snapshots.share), f" ({keep_text(one.snapshots.keep)}). ")
    if one.snapshots.at is None:
        yield "They are reached by its own means only."
        return
    yield "`policyctl restore` lists and brings back what is in them, from "
    yield from (code(one.snapshots.at), ".")


def _trees(plan: Plan, chains: Chains) -> Iterator[_Shown]:
    """One for each part and each kind of thing, where they differ."""
    for source in plan.sources:
        for part in parts_of(plan, chains, source):
            known: list[_Shown] = []
            for wanted in (Wanted.DIRECTORY, Wanted.FILE, Wanted.DATABASE):
                tree = tree_of(plan, chains, part.copies, wanted)
                alike = next((one for one in known if one.tree.bands == tree.bands), None)
                if alike is not None:
                    alike.wanted.append(wanted.value)
                elif tree.bands:
                    known.append(_Shown(part.label, tree, [wanted.value]))
            yield from known


def _losses(plan: Plan) -> tuple[str, ...]:
    """What was lost, and the page for that."""
    return diagram("flowchart LR", _each_loss(plan))


def _each_loss(plan: Plan) -> Iterator[str]:
    names = Names()
    top = names.of("top")
    yield f"{top}{{{{{label('What is lost?')}}}}}"
    sources, places = names.of("sources"), names.of("destinations")
    yield f"{top} -->|{label('live data')}| {sources}{{{{{label('Of which source?')}}}}}"
    for source in plan.sources:
        node = names.of(("source", source.name))
        yield f"{sources} -->|{label(source.name)}| {node}[{label(f'runbooks/{source.name}.md')}]"
    yield f"{top} -->|{label('copies')}| {places}{{{{{label('Which destination?')}}}}}"
    for one in plan.destinations:
        node = names.of(("destination", one.name))
        yield f"{places} -->|{label(one.name)}| {node}[{label(f'losses/{one.name}.md')}]"
    yield f"{top} -->|{label('all but copies')}| {names.of('host')}[{label('host-lost.md')}]"


def _picture(tree: Tree) -> tuple[str, ...]:
    return diagram("flowchart TD", _Drawn(tree).lines())


class _Drawn:
    """A tree as a flowchart: ages first, then one copy after another."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.names = tree, Names()

    def lines(self) -> Iterator[str]:
        """All of it."""
        top, none = self.names.of("top"), self.names.of("none")
        yield f"{top}{{{{{label('How long ago was it as you want it?')}}}}}"
        before: int | None = None
        for at, band in enumerate(self.tree.bands):
            options = (*band.options, *band.parts)
            first = self._node(at, options, 0)
            yield f"{top} -->|{label(_ages(before, band))}| {first}"
            yield from self._chain(at, band)
            before = band.up_to
        if before is not None:
            yield f"{top} -->|{label(f'longer than {hours(before)}')}| {none}"
        yield f"{none}[/{label('no copy reaches back so far')}/]"

    def _chain(self, at: int, band: Band) -> Iterator[str]:
        """Ask one copy after another; the last one that is left has it, or nothing has."""
        options = (*band.options, *band.parts)
        for number, option in enumerate(options):
            node = self._node(at, options, number)
            leaf = self.names.of((at, number, "leaf"))
            yield f"{node}{{{{{_question(option, options[number + 1 :])}}}}}"
            yield f"{node} -->|{label('yes')}| {leaf}([{_leaf(option)}])"
            yield f"{node} -->|{label('no')}| {self._node(at, options, number + 1)}"

    def _node(self, at: int, options: Sequence[Option], number: int) -> str:
        return self.names.of((at, number)) if number < len(options) else self.names.of("none")


def _ages(before: int | None, band: Band) -> str:
    if band.up_to is None:
        return f"longer than {hours(before)}" if before is not None else "whenever"
    return f"up to {hours(band.up_to)}"


def _question(option: Option, rest: Sequence[Option]) -> str:
    """Whether it holds a state from before then, and none of those that follow a newer one."""
    place = option.copy.place
    asks = {
        Holding.NEWEST: f"Is the newest state at {place} from before then,",
        Holding.GENERATIONS: f"Has {place} a generation from before then,",
        Holding.SET_ASIDE: f"Has a run at {place} set aside what was there then,",
    }[option.holding]
    last = all(one.part != option.part for one in rest)
    return lines(asks, f"by {option.copy.leg}" + ("?" if last else ", and no"),
                 "" if last else "other copy below a newer one?")  # fmt: skip


def _leaf(option: Option) -> str:
    return lines(option.copy.place, option.copy.leg, _HOLDINGS[option.holding])


def _options(plan: Plan, tree: Tree) -> Table:
    header = ("preferred", "copy", "leg", "holds", "never older than", "does not keep")
    rows = [
        (
            str(at),
            code_cell(location_path(plan, one.copy.location)),
            code_cell(one.copy.leg),
            _HOLDINGS[one.holding] + (", in parts" if one.part else ""),
            lasting(one.reaches),
            cell(", ".join(lost.value for lost in one.lost)),
        )
        for at, one in enumerate(tree.options, 1)
    ]
    return table(header, rows)
