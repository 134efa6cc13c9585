"""Whatever a manifest says reaches a page unharmed: a real parser of Markdown reads it back."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt  # it comes with rich

from policy.values import display
from renderers import markdown

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
ANY = st.text(max_size=40) | st.text("`|\\<>&*_[]()!#-+=.1 ~$:\n\t{}^'\"a", max_size=25)
HOSTILE = (
    "a | b",
    "\\|",
    "`|`",
    "``",
    "- item",
    "1. item",
    "+",
    "===",
    "---",
    "<script>alert(1)</script>",
    "&amp;",
    "![x](http://a)",
    "[x]: y",
    "*a* **b** _c_ ~~d~~",
    "http://example.net/a_b_",
    "# head",
    "   spaced   ",
    "a\\",
    "line\nbreak\r\u2028\u202e",
    "\x00\x1b[31m",
    ":tada:",
    "| - | - |",
)


def read(page: str) -> str:
    """All text of a page, as a reader sees it; tags alone are no text."""
    found: list[str] = []
    for block in PARSER.parse(page):
        for token in block.children or [block]:
            if token.type in {"text", "code_inline", "fence", "code_block", "text_special"}:
                found.append(token.content)
            elif token.type == "softbreak":
                found.append(" ")
            elif token.type == "html_inline":
                found.append(" " if token.content == "<br>" else "")
            elif token.content and token.type not in {"inline"}:
                raise AssertionError((token.type, token.content))
    return "".join(found)


def as_shown(text: str) -> str:
    """What a person should see: on one line, runs of spaces as one."""
    return " ".join(display(text.encode("utf-8", "surrogateescape")).split())


def one_line(text: str) -> str:
    return " ".join(text.split())


def kinds(page: str) -> set[str]:
    return {token.type for token in PARSER.parse(page)}


PARAGRAPH = {"paragraph_open", "paragraph_close", "inline"}


@given(text=ANY)
def test_text_in_a_paragraph(text: str) -> None:
    page = markdown.paragraph((markdown.text(text),))
    assert one_line(read(page)) == as_shown(text)
    assert kinds(page) <= PARAGRAPH


@given(text=st.lists(st.sampled_from(HOSTILE), max_size=30).map(" ".join))
def test_text_that_is_broken_into_lines(text: str) -> None:
    page = markdown.paragraph((markdown.text(text),))
    assert one_line(read(page)) == as_shown(text)
    assert kinds(page) <= PARAGRAPH


@given(text=ANY)
def test_code_in_a_paragraph(text: str) -> None:
    page = markdown.paragraph(("before ", markdown.code(text), " after"))
    shown = display(text.encode("utf-8", "surrogateescape"))
    assert read(page) == f"before {shown} after" or not shown.strip()
    assert kinds(page) <= PARAGRAPH


@given(first=ANY, second=ANY, code=ANY)
@example(first="a\\", second="|", code="\\|`")
def test_cells_of_a_table(first: str, second: str, code: str) -> None:
    row = (markdown.cell(first), markdown.code_cell(code), markdown.cell(second))
    page = "| a | b | c |\n|---|---|---|\n| " + " | ".join(row) + " |\n"
    tokens = PARSER.parse(page)
    cells = [
        read_inline(tokens[at + 1]) for at, token in enumerate(tokens) if token.type == "td_open"
    ]
    assert list(map(one_line, cells)) == [as_shown(first), as_shown(code), as_shown(second)]


def read_inline(token) -> str:
    return "".join(
        " " if child.type == "softbreak" else child.content
        for child in token.children or []
        if child.type != "html_inline"
    )


@given(
    lines=st.lists(ANY.map(lambda one: display(one.encode("utf-8", "surrogateescape"))), max_size=4)
)
def test_a_block_of_code(lines: list[str]) -> None:
    (fence,) = PARSER.parse(markdown.block("sh", lines))
    assert (fence.type, fence.info) == ("fence", "sh")
    assert fence.content == "\n".join(lines) + "\n"


def test_each_hostile_text_everywhere() -> None:
    for text in HOSTILE:
        for page in (markdown.text(text), "# " + markdown.text(text), "- " + markdown.text(text)):
            assert one_line(read(page)) == as_shown(text), page


def test_lines_are_of_the_width_of_a_page() -> None:
    page = markdown.paragraph((*["word "] * 90, markdown.code("a b " * 9)))
    assert max(map(len, page.splitlines())) <= markdown.WIDTH
    assert re.sub(r"\s+", " ", page) == "word " * 90 + "` " + "a b " * 9 + "`"


def test_sentences_of_ours_may_hold_code() -> None:
    assert markdown.words("say `a b` now") == "say `a b` now"
    assert markdown.words("a ` alone") == "a \\` alone"
    assert markdown.words("`begins` and `ends`") == "`begins` and `ends`"
