"""From the command line's words to a compiled manifest, and to what is asked about it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from engine.compile import Compilation, compile_quietly, compile_with
from engine.explain import Explanation, explain, find_subject
from engine.plan.model import Plan, RouteLine
from engine.plan.stored import PlanUnreadable
from engine.system.apply.applied import load_plan
from engine.system.host.files import Unobservable
from engine.system.host.look import absolute_subject, below, is_directory, without_root
from engine.system.host.manifest import find_manifest, read_manifest
from policy.diagnostics import Diagnostic, Findings, PolicyInvalid
from policy.model import Policy
from policy.nodes import Document
from policy.parse import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A manifest that compiles, and what was found in it."""

    document: Document
    policy: Policy
    compilation: Compilation
    findings: tuple[Diagnostic, ...]


def load_manifest(named: Path | None, root: Path) -> Loaded:
    """Read, compile and judge the manifest. Raises `PolicyInvalid` where an error is in it."""
    path = find_manifest(named, root)
    document, policy = load(read_manifest(path), str(path))
    findings = Findings()
    compilation = compile_with(policy, findings)
    if compilation is None or findings.failed():
        raise PolicyInvalid(findings.sorted())
    return Loaded(
        document=document, policy=policy, compilation=compilation, findings=findings.sorted()
    )


def load_for_question(named: Path | None, root: Path) -> tuple[Policy, Compilation]:
    """Read and compile without judging times and copies: `explain` needs only the routes."""
    path = find_manifest(named, root)
    _, policy = load(read_manifest(path), str(path))
    compilation = compile_quietly(policy)
    if compilation is None:
        findings = Findings()
        compile_with(policy, findings)
        raise PolicyInvalid(findings.sorted())
    return policy, compilation


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What becomes of one path."""

    explanation: Explanation
    as_directory: Explanation | None
    """Where nothing is there yet, and a directory of that name would fare otherwise."""
    below: tuple[RouteLine, ...]
    """Routes of what lies below it."""


def ask(policy: Policy, compilation: Compilation, text: str, root: Path) -> Answer:
    """Explain a path as typed: relative or absolute, with the root before it or without."""
    typed = without_root(root, absolute_subject(os.fsencode(text)))
    directory = is_directory(typed, root)
    path = typed.rstrip(b"/") or b"/"
    one = explain(policy, compilation, path, directory=directory)
    other = None
    if not directory and path.startswith(b"/") and not os.path.lexists(below(root, path)):
        other = explain(policy, compilation, path, directory=True)
    differs = other is not None and _gist(other) != _gist(one)
    return Answer(
        explanation=one,
        as_directory=other if differs else None,
        below=_routes_below(policy, compilation.plan, path),
    )


def _gist(one: Explanation) -> tuple[object, ...]:
    return one.leg, one.reason, one.line, one.copies


def _routes_below(policy: Policy, plan: Plan, path: bytes) -> tuple[RouteLine, ...]:
    subject = find_subject(policy, path)
    table = plan.table(subject.source.name) if subject else None
    if subject is None or table is None:
        return ()
    names = subject.names
    return tuple(
        line
        for line in table.lines
        if len(line.pattern.components) > len(names)
        and all(
            component.matches(name)
            for component, name in zip(line.pattern.components, names, strict=False)
        )
    )


def applied_plan(root: Path) -> Plan | None:
    """What is applied; None where nothing is, or this user cannot read it."""
    try:
        return load_plan(root)
    except (OSError, PlanUnreadable, Unobservable):
        return None


def not_applied_yet(applied: Plan | None, plan: Plan) -> bool:
    """Whether something else is applied; what cannot be read is not spoken of."""
    return applied is not None and _untimed(applied) != _untimed(plan)


def _untimed(plan: Plan) -> Plan:
    """The plan without what a question about paths does not work out: times, and drills."""
    legs = (replace(one, longest_gap=None, allowed_age=None) for one in plan.legs)
    checks = (replace(one, longest_gap=None, allowed_age=None) for one in plan.checks)
    return replace(plan, legs=tuple(legs), checks=tuple(checks), drills=())
