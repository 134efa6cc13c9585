"""Runbooks as pages: sentences, and blocks of commands that a shell reads as they stand."""

from __future__ import annotations

from collections.abc import Iterator

from engine.overview.overview import Overview
from engine.plan.model import Plan
from engine.promises.chains import Chains
from engine.promises.restore_order import restore_order
from engine.runbooks.host import host_runbook
from engine.runbooks.losses import destination_runbook
from engine.runbooks.model import (
    Blank,
    Code,
    Command,
    Joined,
    Runbook,
    Said,
    Section,
    Step,
    Text,
    Variable,
    Word,
)
from engine.runbooks.sources import source_runbook
from engine.standing.bring_back import lost_on_the_way
from engine.standing.copy_paths import copy_path
from renderers import shell
from renderers.docs.page import Page, Table, lasting, page, table
from renderers.markdown import block, cell, code, code_cell, paragraph, text

_NONE = Table(header=(), rows=())
FILL_IN = "# fill in: "
"""Begins the comment behind what a person fills in."""


def runbook_pages(plan: Plan, chains: Chains, overview: Overview) -> Iterator[Page]:
    """One page for each source, for each destination, and for the host."""
    order = restore_order(plan)
    waits = {one.name: one.waits for one in order.turns}
    for source in plan.sources:
        book = source_runbook(plan, chains, source, waits.get(source.name, ()))
        copies = _copies(plan, overview, source.name)
        yield _page(book, copies, path=f"runbooks/{source.name}.md")
    for one in plan.destinations:
        yield _page(destination_runbook(plan, chains, one), path=f"losses/{one.name}.md")
    yield _page(host_runbook(plan, chains, order), path="host-lost.md")


def _copies(plan: Plan, overview: Overview, source: str) -> Table:
    """Where the copies of a source are, and what each of them is worth."""
    rows = [
        (
            code_cell(part.label),
            code_cell(copy_path(plan, one.copy)),
            code_cell(one.copy.leg),
            lasting(one.copy.rpo.seconds if one.copy.rpo is not None else None),
            cell(one.kept),
            cell(", ".join(lost.value for lost in lost_on_the_way(plan, one.copy))),
        )
        for part in overview.protection
        for one in part.copies
        if part.source == source
    ]
    return table(("part", "copy", "leg", "at most so old", "keeps", "does not keep"), rows)


def _page(book: Runbook, copies: Table = _NONE, *, path: str) -> Page:
    return page(
        path,
        "runbook",
        title=book.title,
        copies=copies,
        intro=[_paragraph(one) for one in book.intro],
        sections=[_section(one) for one in book.sections],
    )


def _section(section: Section) -> tuple[str, list[str], Table, list[str]]:
    return (
        section.title,
        [_paragraph(one) for one in section.intro],
        table(section.columns, [tuple(map(_cell, row)) for row in section.listing]),
        ["\n\n".join(_step(number, one)) for number, one in enumerate(section.steps, 1)],
    )


def _step(number: int, step: Step) -> Iterator[str]:
    """A numbered paragraph, and below it what is typed."""
    yield paragraph((f"**{number}.** ", *map(_piece, step.text)))
    lines = [*map(_blank, step.blanks), *map(command_line, step.commands), *step.lines]
    if lines:
        yield block("sh", lines)


def _blank(blank: Blank) -> str:
    return f"{blank.name}={shell.word(blank.example)}  {FILL_IN}{blank.what}"


def command_line(command: Command) -> str:
    """A command as a shell reads it."""
    return " ".join(map(_word, command))


def _word(word: Word) -> str:
    match word:
        case bytes():
            return shell.word(word)
        case Variable():
            return shell.variable(word.name, after=word.after)
        case Joined():
            return "".join(map(_word, word.pieces))


def _cell(one: Text) -> str:
    return "".join(map(_cell_piece, one))


def _cell_piece(piece: str | Code | Said) -> str:
    match piece:
        case Code():
            return code_cell(piece.text)
        case Said():
            return cell(piece.text)
        case str():
            return piece


def _paragraph(one: Text) -> str:
    return paragraph(map(_piece, one))


def _piece(piece: str | Code | Said) -> str:
    match piece:
        case str():
            return piece
        case Code():
            return code(piece.text)
        case Said():
            return text(piece.text)
