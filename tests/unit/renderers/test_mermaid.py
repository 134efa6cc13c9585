"""Whatever a manifest says reaches a diagram unharmed: Mermaid itself reads it back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policy.values import display
from renderers.mermaid import Names, diagram, label, lines
from tests.diagrams import Reader, reading
from tests.unit.renderers.test_markdown import HOSTILE

pytestmark = pytest.mark.tool("node")
ANY = st.text(min_size=1, max_size=40) | st.sampled_from(HOSTILE)


@pytest.fixture(scope="module")
def read() -> Iterator[Reader]:
    with reading() as reader:
        yield reader


def as_shown(text: str) -> str:
    return display(text.encode("utf-8", "surrogateescape"))


@given(texts=st.lists(ANY, min_size=1, max_size=4), edge=ANY)
@example(texts=["`code`", "end", "<b>", "#35;"], edge="%% {{x}} &amp; ;")
def test_each_label_is_what_was_said(read: Reader, texts: list[str], edge: str) -> None:
    names = Names()
    nodes = [f"{names.of(at)}[{label(text)}]" for at, text in enumerate(texts)]
    body = [*nodes, f"{names.of('a')}{{{label('x')}}} -->|{label(edge)}| {names.of(0)}"]
    found = read("\n".join(diagram("flowchart TD", body)))
    assert not found.error
    assert found.texts[: len(texts)] == list(map(as_shown, texts))
    assert found.texts[-1] == as_shown(edge)


@given(title=ANY, parts=st.lists(ANY, min_size=1, max_size=3))
def test_so_are_titles_and_lines(read: Reader, title: str, parts: list[str]) -> None:
    body = [f"subgraph s[{label(title)}]", f"  n[({lines(*parts)})]", "end"]
    found = read("\n".join(diagram("flowchart LR", body)))
    assert not found.error
    assert found.texts == ["\n".join(map(as_shown, parts)), as_shown(title)]


def test_a_diagram_that_is_none_is_told(read: Reader) -> None:
    assert read("flowchart TD\n  a[").error
    assert read("no diagram").error


def test_names_are_the_same_for_the_same_thing() -> None:
    names = Names()
    assert (names.of("a"), names.of("b"), names.of("a")) == ("n0", "n1", "n0")
