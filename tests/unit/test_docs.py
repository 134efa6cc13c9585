"""The docs say what is there: every module, link, example, code and command."""

import re
import warnings
from pathlib import Path

import pytest
import yaml

from engine.check import check_manifest
from engine.dumps.loading import loading
from policy.parse import load
from policy.sources import ServerSource
from policyctl import exit_codes

with warnings.catch_warnings():
    # Typer imports names that newer versions of click call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from tools import reference

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("policy", "engine", "renderers", "policyctl")
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
EXAMPLES = sorted(
    path for path in (ROOT / "examples").rglob("*.yaml") if path.name != "as-found.yaml"
)
LINK = re.compile(r"\]\(\s*([^)\s]+)\s*\)")
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"\b(?:policy|engine|renderers|policyctl|tools)/[a-z_/]+\.py\b")
LONGEST_LINE = 100
WRAPPED = [page for page in PAGES if page.name != "dependencies.md"]  # it is wider, by hand


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def modules() -> list[str]:
    return sorted(
        name_of(path)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    )


def sentences(text: str) -> str:
    """The text without code: what is between back-ticks may look like a link."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def test_each_module_has_its_line_in_the_architecture() -> None:
    page = (DOCS / "architecture.md").read_text()
    assert [module for module in modules() if f"`{module}`" not in page] == []


def test_the_architecture_names_no_module_that_is_gone() -> None:
    named = set(MODULE.findall((DOCS / "architecture.md").read_text()))
    assert [module for module in sorted(named) if not (ROOT / module).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_relative_link_leads_somewhere(page: Path) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(sentences(page.read_text()))]
    relative = [link for link in links if link and "://" not in link]
    assert [link for link in relative if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", WRAPPED, ids=name_of)
def test_prose_is_wrapped(page: Path) -> None:
    def is_prose(line: str) -> bool:
        return not line.startswith(("|", "    ")) and " " in line.strip()

    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S).splitlines()
    assert [line for line in prose if is_prose(line) and len(line) > LONGEST_LINE] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_whole_manifest_in_the_docs_is_clean(page: Path) -> None:
    for text in FENCE.findall(page.read_text()):
        if "version" in yaml.safe_load(text):
            report = check_manifest(text.encode(), name_of(page))
            assert (report.failed, report.warned, report.proven) == (False, False, True)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_each_example_is_clean(example: Path) -> None:
    report = check_manifest(example.read_bytes(), name_of(example))
    assert [item for item in report.findings if item.severity.value != "note"] == []
    assert report.proven


def test_the_smallest_example_is_small() -> None:
    lines = (ROOT / "examples" / "minimal" / "backup-policy.yaml").read_text().splitlines()
    assert len(lines) <= 12


def test_each_example_is_listed() -> None:
    page = (ROOT / "examples" / "README.md").read_text()
    folders = sorted({path.relative_to(ROOT / "examples").parts[0] for path in EXAMPLES})
    assert [folder for folder in folders if f"({folder}/" not in page] == []


def test_the_reference_pages_are_not_stale() -> None:
    stale = [
        name_of(path)
        for path, text in reference.pages().items()
        if not path.exists() or path.read_text() != text
    ]
    assert stale == [], "run `make docs`"


def test_each_diagnostic_has_an_entry() -> None:
    entries = reference.diagnostic_entries()
    missing = {
        emitted.where: emitted.pattern
        for emitted in reference.emitted_codes()
        if not any(re.fullmatch(emitted.pattern, code) for code in entries)
    }
    assert missing == {}, "add them to docs/reference/diagnostics.yaml"


def test_each_entry_is_a_diagnostic() -> None:
    emitted = reference.emitted_codes()
    entries = reference.diagnostic_entries()
    gone = [c for c in entries if not any(re.fullmatch(one.pattern, c) for one in emitted)]
    assert gone == [], "no line of the code emits these"


def test_each_entry_says_the_severity_that_the_code_gives() -> None:
    entries = reference.diagnostic_entries()
    wrong = {
        emitted.where: emitted.severity
        for emitted in reference.emitted_codes()
        for code in entries
        if emitted.severity
        and emitted.pattern == re.escape(code)
        and emitted.severity not in entries[code]["severity"]
    }
    assert wrong == {}


def test_each_entry_is_complete() -> None:
    for code, entry in reference.diagnostic_entries().items():
        assert set(entry) == {"severity", "meaning", "do"}, code
        assert all(entry.values()), code


def test_each_exit_code_is_described() -> None:
    assert set(reference.MEANINGS) == {code.name for code in exit_codes.ExitCode}


def test_each_law_is_there() -> None:
    numbers = re.findall(r"^\| (\d+) \|", (DOCS / "laws.md").read_text(), re.MULTILINE)
    assert [int(number) for number in numbers] == list(range(1, 42))


def test_each_law_that_a_test_names_exists() -> None:
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    named = {int(n) for path in tests for n in re.findall(r"test_law_(\d+)_", path.read_text())}
    assert named <= set(range(1, 42))


def test_each_decision_is_listed() -> None:
    page = (DOCS / "adr" / "README.md").read_text()
    decisions = sorted((DOCS / "adr").glob("0*.md"))
    assert decisions
    assert [one.name for one in decisions if f"({one.name})" not in page] == []


def test_what_loads_a_dump_is_shown_in_the_docs_as_it_is_told() -> None:
    text = (DOCS / "how-to/dump-a-server.md").read_text()
    source_line = re.search(r"^      (shop: .*)$", text, re.MULTILINE)
    leg_line = re.search(r"^      (shop-dump: .*)$", text, re.MULTILINE)
    assert source_line is not None
    assert leg_line is not None
    manifest = (
        "version: 1\nhost: h\ntimezone: UTC\n"
        "destinations:\n  disk: {path: /mnt/disk, media: hdd, site: home}\n"
        f"sources:\n  {source_line[1]}\nlegs:\n  {leg_line[1]}\n"
    )
    _, policy = load(manifest.encode(), "docs")
    (source,) = policy.sources
    assert isinstance(source, ServerSource)
    shown = [one.strip() for one in text.splitlines() if "pg_restore --" in one or "psql --" in one]
    assert shown == [one.command for one in loading(source, ("globals.sql.zst", "orders.dump"))]
