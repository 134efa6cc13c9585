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
    import os

    from engine.explain import explain as explain_path
    from engine.system.look import absolute_subject, is_directory
    from policyctl.loading import load_for_question
    from policyctl.views.console import result, result_json
    from policyctl.views.explain import explanation_json, explanation_lines

    model, compilation = load_for_question(policy, root)
    answers = []
    for text in paths:
        path = absolute_subject(os.fsencode(text))
        directory = is_directory(path, root)
        answers.append(
            explain_path(model, compilation, path.rstrip(b"/") or b"/", directory=directory)
        )
    if json:
        shown = [explanation_json(compilation.plan, one) for one in answers]
        result_json(shown[0] if len(shown) == 1 else shown)
        return
    for index, one in enumerate(answers):
        if index:
            result()
        for line in explanation_lines(compilation.plan, one):
            result(line)
