"""`policyctl explain`: where a path goes, which line says so, and where its copies are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption

if TYPE_CHECKING:
    from pathlib import Path


def explain(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Absolute paths, or source:item.")
    ],
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    look: Annotated[
        bool, typer.Option("--look", help="Ask other machines as well whether the copy is there.")
    ] = False,
    tree: Annotated[
        bool,
        typer.Option("--tree", help="Walk each PATH and say how much of it goes where, like du."),
    ] = False,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth", metavar="N", min=0, help="With --tree: a line for each of N levels, else 1."
        ),
    ] = None,
) -> None:
    """Say which leg carries a path and why, how its copies stand now, and how to get it back.

    It need not exist (yet).
    """
    if tree:
        _summarise(paths, policy, root, json=json, depth=1 if depth is None else depth)
        return
    if depth is not None:
        raise typer.BadParameter("--depth goes with --tree: without it no tree is walked")
    from policyctl.explaining import reading_records, stand
    from policyctl.explaining_dumps import by_dumps
    from policyctl.loading import applied_plan, ask, load_for_question, not_applied_yet
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.explain import answer_json, answer_lines

    model, compilation = load_for_question(policy, root)
    plan, applied = compilation.plan, applied_plan(root)
    with reading_records(applied, root, far=look) as records:
        asked = [ask(model, compilation, text, root) for text in paths]
        found = [by_dumps(model, compilation, one.explanation, records, root) for one in asked]
        answers = [
            (replace(one, explanation=explained), stand(model, plan, explained, records))
            for one, explained in zip(asked, found, strict=True)
        ]
    if json:
        shown = [answer_json(plan, one, standings) for one, standings in answers]
        result_json(shown[0] if len(shown) == 1 else shown)
    for index, (one, standings) in enumerate(() if json else answers):
        if index:
            result()
        for line in answer_lines(plan, one, standings):
            result(line)
    if not_applied_yet(applied, plan):
        tell("not applied yet: what runs is the applied plan")


def _summarise(
    paths: list[str], policy: Path | None, root: Path, *, json: bool, depth: int
) -> None:
    from policyctl.loading import load_for_question
    from policyctl.summarising import rooms_behind, summarise
    from policyctl.views.console import result, result_json
    from policyctl.views.tree import tree_json, tree_lines

    model, compilation = load_for_question(policy, root)
    summaries = [summarise(model, compilation.plan, text, root, depth) for text in paths]
    if json:
        shown = [tree_json(one, rooms_behind(one, root)) for one in summaries]
        result_json(shown[0] if len(shown) == 1 else shown)
    for index, one in enumerate(() if json else summaries):
        if index:
            result()
        for line in tree_lines(one, rooms_behind(one, root)):
            result(line)
