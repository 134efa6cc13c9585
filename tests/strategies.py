"""Manifests, patterns and names for tests: builders, hypothesis strategies, golden files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from engine.check import CheckReport, check_manifest
from engine.compile import Compilation, compile_with
from policy.diagnostics import Diagnostic, Findings, Severity
from policy.model import Policy
from policy.parse import load

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "examples" / "homelab" / "backup-policy.yaml"
AS_FOUND = ROOT / "examples" / "homelab" / "as-found.yaml"
GOLDEN = ROOT / "tests" / "golden"

Manifest = dict[str, Any]


def manifest(**sections: Any) -> Manifest:
    """A small valid manifest, with whole sections replaced."""
    return {
        "version": 1,
        "host": "pve",
        "timezone": "UTC",
        "destinations": {"disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"}},
        "sources": {"data": {"kind": "tree", "path": "/srv/data"}},
        "legs": {"mirror": {"kind": "mirror", "to": "disk:/"}},
        "routes": {"/srv/data": "mirror"},
        **sections,
    }


def text_of(content: Manifest) -> bytes:
    """The manifest as text: JSON is YAML, and quotes whatever needs quotes."""
    return json.dumps({key: value for key, value in content.items() if value is not None}).encode()


def policy_of(content: Manifest) -> Policy:
    """The manifest as a policy; it must be valid by itself."""
    return load(text_of(content), "test.yaml")[1]


def compiled(content: Manifest) -> tuple[Compilation, tuple[Diagnostic, ...]]:
    """The manifest compiled; it must compile."""
    findings = Findings()
    compilation = compile_with(policy_of(content), findings)
    assert compilation is not None, findings.items
    return compilation, findings.sorted()


def checked(content: Manifest) -> CheckReport:
    """What `check` says of the manifest."""
    return check_manifest(text_of(content), "test.yaml")


def codes(findings: tuple[Diagnostic, ...], *severities: Severity) -> list[str]:
    """The codes of findings, of these severities only where some are named."""
    return [one.code for one in findings if not severities or one.severity in severities]


def errors(content: Manifest) -> list[str]:
    """The codes of the errors that `check` finds."""
    return codes(checked(content).findings, Severity.ERROR)


def selection_of(content: Manifest, leg: str, reads: str | None = None) -> Any:
    """The selection of one leg's only feed, or of the one that reads something."""
    compilation, _ = compiled(content)
    plan = compilation.plan.leg(leg)
    assert plan is not None
    feeds = [feed for feed in plan.feeds if reads in {None, feed.reads}]
    assert len(feeds) == 1, feeds
    assert feeds[0].selection is not None
    return feeds[0].selection


def compare_golden(path: Path, produced: bytes, *, update: bool) -> None:
    """Compare with a golden file, or write it."""
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(produced)
    assert path.is_file(), f"{path.relative_to(ROOT)} is missing: make golden"
    assert produced.decode("utf-8", "replace") == path.read_bytes().decode("utf-8", "replace")


# ── Patterns and names over small alphabets ──────────────────────────────────────────────────

ALPHABET = b"ab."


def short_names(longest: int, alphabet: bytes = ALPHABET) -> Iterator[bytes]:
    """All names over the alphabet, shortest first, without `.` and `..`."""
    level = [b""]
    for _ in range(longest):
        level = [name + bytes([value]) for name in level for value in alphabet]
        yield from (name for name in level if name not in {b".", b".."})


@st.composite
def pattern_texts(draw: Callable[..., Any], *, longest: int = 4, alphabet: str = "ab") -> str:
    """One component's pattern as a person writes it."""
    atoms = [*alphabet, "?", "*", f"[{alphabet}]", f"[!{alphabet[0]}]", f"[{alphabet[0]}c]"]
    parts = draw(st.lists(st.sampled_from(atoms), min_size=1, max_size=longest))
    text = "".join(
        part for at, part in enumerate(parts) if at == 0 or (part, parts[at - 1]) != ("*", "*")
    )
    return text if text not in {".", ".."} else "a"


def path_texts(
    *, deepest: int = 3, longest: int = 2, alphabet: str = "ab"
) -> st.SearchStrategy[str]:
    """A key below a source's root; the empty text is the root."""
    component = pattern_texts(longest=longest, alphabet=alphabet)
    return st.lists(component, max_size=deepest).map("/".join)


ODD_NAMES = (
    b"plain",
    b"with space",
    b" lead",
    b"trail ",
    b"new\nline",
    b"cr\rname",
    b"*",
    b"?",
    b"[",
    b"]",
    b"[a]",
    b"\\",
    b"\\*",
    b"a\\b",
    b"-dash",
    b"#hash",
    b";semi",
    b"!bang",
    b"+ plus",
    b"\xff\xfe",
    b"caf\xc3\xa9",
    b"x" * 255,
    b"~",
    b"$HOME",
    b"`id`",
    b"'",
    b'"',
    b"\t",
    b"\x01",
    b"**",
    b"a*b",
    b"merge x",
    b". x",
    b".hidden",
    b"--delete",
    b"[!a]",
    b"[[]",
    b"x\\[",
)
