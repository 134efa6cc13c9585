"""The real rsync as judge: a tree with a member of each class, and every leg's filter on it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from engine.check import CheckReport
from engine.proof.judgement import Member, Tree, arrives, trees_for
from engine.proof.proof import class_members
from engine.routing.feeds import Draft
from engine.rsync.filters import render_rules
from engine.system.host.process import Command, CommandNotStarted, run
from policy.diagnostics import Diagnostic
from policy.values import display

MOST_CLASSES = 20_000
_TIMEOUT = 300.0


def judge_with_rsync(report: CheckReport) -> CheckReport:
    """Ask the real rsync about a member of each class; every disagreement is an error."""
    assert report.compilation is not None, "there is nothing to judge without filters"
    judged, wrong = 0, []
    for draft in report.compilation.drafts:
        if draft.feed.selection is None:
            continue
        try:
            asked, found = _judge(draft)
        except CommandNotStarted as error:
            wrong.append(_finding(draft, f"rsync could not be asked: {error}"))
            break
        judged += asked
        wrong.extend(found)
    return replace(report.with_errors(tuple(wrong)), judged=judged)


def _judge(draft: Draft) -> tuple[int, list[Diagnostic]]:
    selection = draft.feed.selection
    assert selection is not None
    rules = render_rules(selection)
    asked, found = 0, []
    for tree in trees_for(class_members(selection, rules, most=MOST_CLASSES)):
        arrived = _copy(tree, rules)
        for path, directory in tree.members:
            asked += 1
            wanted = arrives(selection, path, directory=directory)
            if wanted != ((path, directory) in arrived):
                does = "leaves" if wanted else "takes"
                found.append(_finding(draft, f"rsync {does} {display(path)!r}"))
    return asked, found


def _finding(draft: Draft, what: str) -> Diagnostic:
    return Diagnostic(
        code="rsync-disagrees",
        message=f"{draft.leg.name!r} of {draft.feed.reads!r}: {what}, against the routes",
        origin=draft.leg.origin,
        hint="do not apply this; please report it with `rsync --version`",
    )


def _copy(tree: Tree, rules: bytes) -> set[Member]:
    """Build the tree, let rsync copy it through the filter, and list what arrived."""
    with tempfile.TemporaryDirectory(prefix="policyctl-judge-") as folder:
        base = Path(folder)
        source, target, merge = base / "source", base / "target", base / "rules"
        source.mkdir()
        target.mkdir()
        merge.write_bytes(rules)
        for path, directory in tree.members:
            _make(os.fsencode(source) + b"/" + path, directory=directory)
        done = run(
            Command(
                argv=(
                    b"rsync", b"-rl", b"--filter=merge " + os.fsencode(merge),
                    os.fsencode(source) + b"/", os.fsencode(target) + b"/",
                ),
                timeout=_TIMEOUT,
            )
        )  # fmt: skip
        if done.code != 0:
            raise CommandNotStarted(f"rsync ended with code {done.code}: {done.last_words}")
        return set(_listing(os.fsencode(target)))


def _make(path: bytes, *, directory: bool) -> None:
    if directory:
        os.mkdir(path)  # noqa: PTH102 - the path is bytes
    else:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))


def _listing(top: bytes) -> list[Member]:
    found: list[Member] = []
    for folder, directories, files in os.walk(top):
        prefix = folder[len(top) + 1 :]
        head = prefix + b"/" if prefix else b""
        found += [(head + name, True) for name in directories]
        found += [(head + name, False) for name in files]
    return found
