"""`policyctl explain`: where a path goes, which line says so, and where its copies are."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


def explain(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Absolute paths, or source:item.")
    ],
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Say which leg carries a path and why. It need not exist (yet)."""
    from policyctl.loading import ask, load_for_question, not_applied_yet
    from policyctl.views.console import result, result_json, tell
    from policyctl.views.explain import answer_json, answer_lines

    model, compilation = load_for_question(policy, root)
    answers = [ask(model, compilation, text, root) for text in paths]
    if json:
        shown = [answer_json(compilation.plan, one) for one in answers]
        result_json(shown[0] if len(shown) == 1 else shown)
    for index, one in enumerate(() if json else answers):
        if index:
            result()
        for line in answer_lines(compilation.plan, one):
            result(line)
    if not_applied_yet(compilation.plan, root):
        tell("not applied yet: what runs is the applied plan")
