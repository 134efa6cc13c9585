"""Strict YAML: what stays text, what is refused, and where everything stands."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import policy.document
from policy.diagnostics import Diagnostic, PolicyInvalid
from policy.document import MAX_BYTES, MAX_DEPTH, read, split_lines
from policy.nodes import Mapping, Scalar, Sequence, find, plain


def value(text: str) -> Any:
    return plain(read(text.encode(), "m.yaml").root)


def refused(data: str | bytes) -> tuple[Diagnostic, ...]:
    with pytest.raises(PolicyInvalid) as caught:
        read(data if isinstance(data, bytes) else data.encode(), "m.yaml")
    return caught.value.diagnostics


def only(data: str | bytes) -> tuple[str, int, int]:
    (finding,) = refused(data)
    assert finding.origin.file == "m.yaml"
    return finding.code, finding.origin.line, finding.origin.column


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both readers of PyYAML: libyaml is not on every machine."""
    if request.param == "python":
        monkeypatch.setattr(policy.document, "_LOADER", yaml.SafeLoader)
    return str(request.param)


class TestScalars:
    """ "YAML 1.2 scalars only (`02:00`, `on`, `0755` stay strings)"."""

    @pytest.mark.parametrize(
        "text",
        [
            "02:00",
            "22:30:00",
            "on",
            "off",
            "yes",
            "no",
            "Yes",
            "y",
            "0755",
            "0o755",
            "0x1f",
            "1_000",
            "1e3",
            ".5",
            "1.",
            "+.inf",
            ".nan",
            "True",
            "NULL",
            "Null",
            "2027-01-01",
            "=",
            "85%",
            "+",
            "123456789012345678901234567890",
            "١٢",
        ],
    )
    def test_text(self, text: str) -> None:
        assert value(f"a: {text}") == {"a": text}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1", 1),
            ("0", 0),
            ("-5", -5),
            ("+5", 5),
            ("1.5", 1.5),
            ("true", True),
            ("false", False),
            ("null", None),
            ("~", None),
            ("", None),
        ],
    )
    def test_other(self, text: str, expected: object) -> None:
        found = value(f"a: {text}")["a"]
        assert (found, type(found)) == (expected, type(expected))

    @pytest.mark.parametrize("quote", ["'", '"'])
    def test_quotes_make_text(self, quote: str) -> None:
        assert value(f"a: {quote}12{quote}") == {"a": "12"}
        assert value(f"a: {quote}{quote}") == {"a": ""}
        assert value(f"a: {quote}true{quote}") == {"a": "true"}

    def test_blocks(self) -> None:
        assert value("a: |\n  1\n") == {"a": "1\n"}
        assert value("a: >-\n  x\n  y\n") == {"a": "x y"}

    def test_a_merge_key_is_just_a_key(self) -> None:
        assert value("<<: {a: 1}") == {"<<": {"a": 1}}

    def test_the_text_as_written_is_kept(self) -> None:
        root = read(b"a: 007", "m").root
        assert isinstance(root, Mapping)
        node = root.items["a"]
        assert isinstance(node, Scalar)
        assert (node.value, node.text) == ("007", "007")


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "code", "line", "column"),
        [
            ("a: 1\nb: 2\na: 3\n", "yaml-duplicate-key", 3, 1),
            ("x: {a: 1, a: 2}\n", "yaml-duplicate-key", 1, 11),
            ("a: 1\n'a': 2\n", "yaml-duplicate-key", 2, 1),
            ("a: &x 1\n", "yaml-alias", 1, 4),
            ("a: *x\n", "yaml-alias", 1, 4),
            ("a: &x {b: 1}\n", "yaml-alias", 1, 4),
            ("a: !!str 1\n", "yaml-tag", 1, 4),
            ("a: !local x\n", "yaml-tag", 1, 4),
            ("- !!python/object:os.system x\n", "yaml-tag", 1, 3),
            ("a: 1\n---\nb: 2\n", "yaml-documents", 2, 1),
            ("? [a]\n: b\n", "yaml-key", 1, 3),
            ("{{a: 1}: 2}\n", "yaml-key", 1, 2),
            ("", "yaml-empty", 1, 1),
            (" \n\t\n", "yaml-empty", 1, 1),
            ("# nothing\n", "yaml-empty", 1, 1),
            ("a: b: c\n", "yaml-syntax", 1, 5),
        ],
    )
    def test_each(self, text: str, code: str, line: int, column: int) -> None:
        assert only(text) == (code, line, column)

    def test_a_tab_is_named(self) -> None:
        (finding,) = refused("a:\n\tb: 1\n")
        assert (finding.code, finding.origin.line) == ("yaml-syntax", 2)
        assert "spaces, never with tabs" in finding.hint

    @pytest.mark.parametrize("char", ["\0", "\x07", "\x0b", "\x1f", "\x7f", "\ufffe"])
    def test_characters_of_no_text(self, char: str) -> None:
        assert only(f"a: 1\nbé: x{char}y\n") == ("yaml-character", 2, 6)

    def test_bytes_of_no_text(self) -> None:
        assert only(b"a: 1\nb: \xc3\xa9\xff\n") == ("yaml-encoding", 2, 5)
        assert only("a: é".encode("utf-16"))[0] == "yaml-encoding"

    def test_too_deep(self) -> None:
        assert isinstance(value("[" * MAX_DEPTH + "]" * MAX_DEPTH), list)
        assert only("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == (
            "yaml-depth",
            1,
            MAX_DEPTH + 1,
        )

    def test_too_large(self) -> None:
        assert only(b"#" * (MAX_BYTES + 1)) == ("yaml-too-large", 1, 1)

    def test_all_duplicates_at_once(self) -> None:
        found = refused("a: 1\na: 2\na: 3\nb: {c: 1, c: 2}\n")
        assert [(one.code, one.origin.line) for one in found] == [
            ("yaml-duplicate-key", 2),
            ("yaml-duplicate-key", 3),
            ("yaml-duplicate-key", 4),
        ]

    def test_a_duplicate_before_a_syntax_error(self) -> None:
        assert {one.code for one in refused("a: 1\na: 2\nb: [\n")} == {
            "yaml-duplicate-key",
            "yaml-syntax",
        }


class TestPositions:
    """ "`text[span]` re-parses to the value"."""

    TEXT = "top:\n  list: [one, 'two x', {k~/: v}]\n  é𝄞: \"quoted\"\n"

    @pytest.mark.parametrize(
        ("path", "pointer", "shown"),
        [
            (["top", "list", 0], "/top/list/0", "one"),
            (["top", "list", 1], "/top/list/1", "'two x'"),
            (["top", "list", 2, "k~/"], "/top/list/2/k~0~1", "v"),
            (["top", "é𝄞"], "/top/é𝄞", '"quoted"'),
        ],
    )
    def test_values(self, path: list[str | int], pointer: str, shown: str) -> None:
        document = read(self.TEXT.encode(), "m.yaml")
        origin = find(document.root, path).origin
        assert origin.pointer == pointer
        line = document.lines[origin.line - 1]
        assert line[origin.column - 1 : origin.column - 1 + origin.width] == shown

    def test_keys(self) -> None:
        document = read(self.TEXT.encode(), "m.yaml")
        assert isinstance(document.root, Mapping)
        top = document.root.items["top"]
        assert isinstance(top, Mapping)
        origin = top.keys["é𝄞"]
        assert (origin.line, origin.column, origin.width) == (3, 3, 2)
        assert origin.pointer == "/top/é𝄞"

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_line_ends_and_a_byte_order_mark(self, end: str, mark: str) -> None:
        document = read((mark + f"# x{end}a: 1{end}bb: [{end}  x]{end}").encode(), "m.yaml")
        assert plain(document.root) == {"a": 1, "bb": ["x"]}
        origin = find(document.root, ["bb", 0]).origin
        assert (origin.line, origin.column) == (4, 3)
        assert document.lines[3] == "  x]"

    @pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
    def test_line_ends_of_yaml_alone(self, char: str) -> None:
        document = read(f"# x{char}# y\na: 1\n".encode(), "m.yaml")
        origin = find(document.root, ["a"]).origin
        assert document.lines[origin.line - 1] == "a: 1"

    def test_as_far_as_a_path_leads(self) -> None:
        root = read(self.TEXT.encode(), "m").root
        assert find(root, ["top", "nothing", 3]) is find(root, ["top"])
        assert isinstance(find(root, ["top", "list", 99]), Sequence)

    @given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1, max_size=4))
    def test_any_mapping_reads_back(self, content: dict[str, str]) -> None:
        text = yaml.safe_dump(content, allow_unicode=True, default_style='"')
        document = read(text.encode(), "m")
        assert plain(document.root) == content
        assert isinstance(document.root, Mapping)
        assert set(document.root.keys) == set(content)


def test_lines() -> None:
    assert split_lines("a\r\nb\nc\rd\x85e\u2028f") == ("a", "b", "c", "d", "e", "f")
    assert split_lines("") == ("",)
    assert split_lines("a\x0bb\x0cc\x1cd") == ("a\x0bb\x0cc\x1cd",)
