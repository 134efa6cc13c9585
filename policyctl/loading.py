"""From the command line's options to a compiled manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.compile import Compilation, compile_quietly, compile_with
from engine.system.manifest import find_manifest, read_manifest
from policy.diagnostics import Diagnostic, Findings, PolicyInvalid
from policy.document import Document
from policy.model import Policy
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
