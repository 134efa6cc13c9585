"""`check` over whole manifests: the examples word by word, and one small manifest for each code.

The golden files hold what a person reads. Whoever changes one has to judge each line of the
difference: every finding must be true, and every true one there.
"""

import ast
import io
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

from engine.check import CheckReport, check_manifest
from engine.proof.proof import prove
from engine.schedule.calendars import DstKind
from policy.diagnostics import Severity
from policy.document import MAX_BYTES
from policyctl.views.check import show_check, show_check_json

CHECKOUT = Path(__file__).parents[3]
GOLDEN = CHECKOUT / "tests/golden/check"
INVALID = CHECKOUT / "tests/invalid"
REFERENCE = CHECKOUT / "examples/homelab/backup-policy.yaml"
AS_FOUND = CHECKOUT / "examples/homelab/as-found.yaml"
EXAMPLES = sorted((CHECKOUT / "examples").glob("*/backup-policy.yaml"))


def check(path: Path) -> CheckReport:
    """What `check` finds, under a name that is the same in every checkout."""
    return check_manifest(path.read_bytes(), path.relative_to(CHECKOUT).as_posix())


def compare(path: Path, text: str, update: bool) -> None:
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{path.name}: read the difference, then make golden"


# ── The examples ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [REFERENCE, AS_FOUND], ids=["reference", "as-found"])
def test_what_people_read(path: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    both = io.StringIO()
    monkeypatch.setattr(sys, "stdout", both)
    monkeypatch.setattr(sys, "stderr", both)
    show_check(check(path))
    monkeypatch.undo()
    assert "\x1b" not in both.getvalue()
    compare(GOLDEN / f"{path.stem}.txt", both.getvalue(), update_golden)


@pytest.mark.parametrize("path", [REFERENCE, AS_FOUND], ids=["reference", "as-found"])
def test_what_programs_read(
    path: Path, update_golden: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    show_check_json(check(path))
    out, err = capsys.readouterr()
    assert err == ""
    shown = json.loads(out)
    assert list(shown) == ["findings", "proven", "states"]
    keys = ["code", "severity", "message", "file", "line", "column", "pointer", "hint"]
    assert all(list(one) == keys for one in shown["findings"])
    compare(GOLDEN / f"{path.stem}.json", out, update_golden)


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.parent.name for path in EXAMPLES])
def test_every_example_is_clean_and_proven(path: Path) -> None:
    report = check(path)
    assert not report.failed
    assert not report.warned
    assert report.proven
    assert report.states > 0


def test_the_minimal_example_is_minimal() -> None:
    minimal = CHECKOUT / "examples/minimal/backup-policy.yaml"
    assert len(minimal.read_text().splitlines()) <= 12
    assert check(minimal).findings == ()


def test_as_found_is_judged_but_still_proven() -> None:
    report = check(AS_FOUND)
    assert report.failed
    assert report.warned
    assert report.proven


def test_comments_and_the_order_of_keys_change_no_judgement() -> None:
    lines = AS_FOUND.read_text().splitlines(keepends=True)
    start = lines.index("objectives:\n")
    end = next(at for at in range(start, len(lines)) if lines[at] == "\n")
    shuffled = [*lines[:start], lines[start], *reversed(lines[start + 1 : end]), *lines[end:]]
    assert shuffled != lines
    assert _said("".join(shuffled)) == _said(AS_FOUND.read_text())
    assert _said("# one comment more\n" + AS_FOUND.read_text()) == _said(AS_FOUND.read_text())


def _said(text: str) -> list[tuple[str, str]]:
    findings = check_manifest(text.encode(), "m.yaml").findings
    return sorted((one.code, one.message) for one in findings)


# ── One manifest a code ──────────────────────────────────────────────────────────────────────

BEYOND_A_MANIFEST = {
    "manifest-unreadable": "no text provokes it, but a file that cannot be read: tests/e2e",
    "manifest-writable": "no text provokes it, but the file's mode: tests/e2e",
    "proof-difference": "only a fault of policyctl itself provokes it: test_proof",
    "proof-too-complex": "a million states take half a minute; made below with fewer",
    "rsync-disagrees": "only another rsync than the one that the rules are for provokes it",
    "secret-not-found": "only the files of a machine provoke it: test_named_files",
    "secret-open": "only the mode of a file provokes it: test_named_files",
    "yaml-too-large": "a file of more than 4 MiB; made below",
}
"""Codes without a manifest in tests/invalid, and why."""

MANIFESTS = sorted(INVALID.glob("*.yaml"))


@pytest.mark.parametrize("path", MANIFESTS, ids=[path.stem for path in MANIFESTS])
def test_findings_of_a_faulty_manifest(path: Path, update_golden: bool) -> None:
    report = check_manifest(path.read_bytes(), path.name)
    lines = [
        f"{one.origin.line}:{one.origin.column} {one.severity.value} {one.code} {one.message}\n"
        for one in report.findings
    ]
    assert path.stem in {one.code for one in report.findings}
    assert all("\n" not in one.message + one.hint for one in report.findings)
    compare(path.with_suffix(".expected"), "".join(lines), update_golden)


def test_every_code_has_its_manifest() -> None:
    kept = {path.stem for path in MANIFESTS}
    assert set(emitted_codes()) - kept - set(BEYOND_A_MANIFEST) == set()


def test_every_manifest_has_its_code() -> None:
    codes = set(emitted_codes())
    assert {path.stem for path in MANIFESTS} <= codes
    assert set(BEYOND_A_MANIFEST) <= codes
    assert {path.stem for path in INVALID.glob("*.expected")} == {path.stem for path in MANIFESTS}


def test_a_manifest_is_never_too_large_to_be_refused() -> None:
    by_bytes = check_manifest(b"#" * (MAX_BYTES + 1), "m.yaml")
    assert [one.code for one in by_bytes.findings] == ["yaml-too-large"]
    by_values = check_manifest(b"version: [" + b"1," * 450_000 + b"1]\n", "m.yaml")
    assert [one.code for one in by_values.findings] == ["yaml-too-large"]


def test_what_is_too_complex_to_prove_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.check.prove", partial(prove, limit=20))
    report = check(REFERENCE)
    assert not report.proven
    assert {one.code for one in report.findings if one.severity is Severity.ERROR} == {
        "proof-too-complex"
    }


def emitted_codes() -> Iterator[str]:
    """Every code that a call in policy/ or engine/ can put into a finding."""
    for path in sorted(
        [*(CHECKOUT / "policy").rglob("*.py"), *(CHECKOUT / "engine").rglob("*.py")]
    ):
        module = ast.parse(path.read_text())
        for node in ast.walk(module):
            code = _code_argument(node)
            if isinstance(code, ast.Constant):
                yield str(code.value)
            elif isinstance(code, ast.JoinedStr):
                yield from _spelled_out(code)
            elif code is not None and path.name != "diagnostics.py":
                # Worked out beforehand: every text of the module that looks like a code is one.
                yield from _code_like(module)


def _code_argument(node: ast.AST) -> ast.expr | None:
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in {"error", "warning", "note", "told", "_invalid"} and len(node.args) >= 2:
        return node.args[0]
    if name == "Diagnostic":
        return next(one.value for one in node.keywords if one.arg == "code")
    return None


def _spelled_out(code: ast.JoinedStr) -> Iterator[str]:
    assert ast.unparse(code) == "f'schedule-{fault.kind}'", "say here what it can become"
    yield from (f"schedule-{kind}" for kind in get_args(DstKind))


def _code_like(module: ast.Module) -> Iterator[str]:
    heads = {"bad", "missing", "objective", "unknown"}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            head, dash, tail = node.value.partition("-")
            if head in heads and dash and tail.replace("-", "").isalpha():
                yield node.value
