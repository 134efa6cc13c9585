"""The pages of the docs: whole, stable, linked; their diagrams and commands can be read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from engine.compile import compile_policy
from engine.plan.model import Plan
from engine.plan.stored import plan_from_json, plan_to_json
from policy.parse import load
from renderers.docs import Page, render_docs
from renderers.docs.runbook_pages import FILL_IN
from tests.diagrams import Reader, reading
from tests.runbooks import script, sections
from tests.strategies import ROOT, compiled, manifest

EXAMPLES = sorted(
    path for path in (ROOT / "examples").rglob("*.yaml") if path.name != "as-found.yaml"
)
HOMELAB = ROOT / "examples/homelab"
_FENCE = re.compile(r"^(`{3,})(\w+)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)]*)\)")


def plan_of(path) -> Plan:
    _, policy = load(path.read_bytes(), str(path))
    return compile_policy(policy)


def blocks(page: Page, language: str) -> list[str]:
    found = _FENCE.findall(page.content.decode())
    return [body for _, one, body in found if one == language]


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def pages(request: pytest.FixtureRequest) -> tuple[Page, ...]:
    return render_docs(plan_of(request.param))


@pytest.fixture(scope="module")
def read() -> Iterator[Reader]:
    with reading() as reader:
        yield reader


def test_the_pages_follow_from_the_plan_alone() -> None:
    plan = plan_of(HOMELAB / "backup-policy.yaml")
    assert render_docs(plan_from_json(plan_to_json(plan))) == render_docs(plan)


def test_each_link_leads_to_a_page(pages: tuple[Page, ...]) -> None:
    known = {one.path for one in pages}
    for page in pages:
        for link in _LINK.findall(page.content.decode()):
            parts: list[str] = list(PurePosixPath(page.path).parent.parts)
            for name in PurePosixPath(link).parts:
                parts = parts[:-1] if name == ".." else [*parts, name]
            assert "/".join(parts) in known, (page.path, link)


def test_each_page_is_reached_from_the_first(pages: tuple[Page, ...]) -> None:
    (index,) = (one for one in pages if one.path == "index.md")
    linked = set(_LINK.findall(index.content.decode()))
    assert {one.path for one in pages} - {"index.md"} == linked


@pytest.mark.tool("node")
def test_mermaid_reads_each_diagram(pages: tuple[Page, ...], read: Reader) -> None:
    found = [(page.path, one, read(one)) for page in pages for one in blocks(page, "mermaid")]
    assert found
    assert [(path, text, one.error) for path, text, one in found if one.error] == []
    assert {one.kind for _, _, one in found} <= {"flowchart-v2", "gantt"}


@pytest.mark.tool("bash")
def test_bash_reads_each_command(pages: tuple[Page, ...]) -> None:
    for page in pages:
        for text in blocks(page, "sh"):
            done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False)
            assert (done.returncode, done.stderr) == (0, b""), (page.path, text)
            assert "<" not in text.replace(FILL_IN, ""), "nothing is to be put in by hand"


def test_what_is_used_is_filled_in_before(pages: tuple[Page, ...]) -> None:
    for page in pages:
        for title, typed in sections(page.content.decode()).items():
            known: set[str] = set()
            for one in typed:
                used = set(re.findall(r"\$\{?([A-Z]+)", one.text)) if not one.blank else set()
                assert used <= known, (page.path, title, one.text)
                known |= {one.blank} - {""}
            assert len(script(typed, dict.fromkeys(known, "x"))) == len(typed)


def test_every_part_is_on_the_pages() -> None:
    plan = plan_of(HOMELAB / "backup-policy.yaml")
    pages = {one.path: one.content.decode() for one in render_docs(plan)}
    for source in plan.sources:
        assert f"runbooks/{source.name}.md" in pages
    for destination in plan.destinations:
        assert f"losses/{destination.name}.md" in pages
    for leg in plan.legs:
        assert f"`{leg.name}`" in pages["index.md"]
    for table in plan.tables:
        for line in table.lines:
            assert f"`{line.text}`" in pages["protection.md"]
            assert line.reason in pages["index.md"]
            assert line.because in pages["protection.md"]


def test_no_page_is_wider_than_others() -> None:
    for page in render_docs(plan_of(HOMELAB / "backup-policy.yaml")):
        prose = _FENCE.sub("", page.content.decode()).splitlines()
        assert [one for one in prose if len(one) > 100 and not one.startswith("|")] == []
        assert "\n\n\n" not in page.content.decode(), page.path
        assert page.content.endswith(b"\n")


HOSTILE = 'a|b `c` <d> *e* "f" #g; [h](i) %% end\\'


def test_hostile_words_reach_the_pages_unharmed(read: Reader) -> None:
    folder = "/srv/data/x|y `z` <q> \"w\" #1; 'v' $(id)"
    found, _ = compiled(
        manifest(
            routes={"/srv/data": "mirror", folder: {"none": HOSTILE}},
            ignore={"*|`<b>`": HOSTILE},
        )
    )
    pages = render_docs(found.plan)
    index = next(one for one in pages if one.path == "index.md").content.decode()
    assert "<d>" not in index
    for page in pages:
        for text in blocks(page, "mermaid"):
            assert not read(text).error, text
    routing = read(blocks(next(one for one in pages if one.path == "index.md"), "mermaid")[0])
    assert folder in routing.texts


def test_a_wildcard_is_filled_in_path_by_path() -> None:
    found, _ = compiled(
        manifest(
            legs={
                "mirror": {"kind": "mirror", "to": "disk:/a"},
                "other": {"kind": "mirror", "to": "disk:/b"},
            },
            routes={"/srv/data": "mirror", "/srv/data/user-*": "other"},
        )
    )
    pages = {one.path: one.content.decode() for one in render_docs(found.plan)}
    typed = sections(pages["runbooks/data.md"])["All of data"]
    assert any(one.blank == "ONE" for one in typed)
    assert 'policyctl restore "$ONE" --in-place --yes "${ONE##*/}"' in [one.text for one in typed]


def test_a_policy_without_anybody_to_tell_says_so() -> None:
    found, _ = compiled(manifest())
    pages = {one.path: one.content.decode() for one in render_docs(found.plan)}
    assert "names nobody who is told" in pages["metrics.md"]
    assert "names no file for the rules" in pages["alerts.md"]
