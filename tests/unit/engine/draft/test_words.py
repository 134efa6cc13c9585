"""What is written into YAML reads back the same, and a comment is nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.draft.words import comment, item_key, quoted, route_key, scalar, writable
from policy.document import read
from policy.nodes import Mapping, Scalar
from policy.values import display, parse_item_key

NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: not {0, 47} & set(name))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def read_back(text: str) -> str:
    root = read(f"key: {text}\n".encode(), "m.yaml").root
    assert isinstance(root, Mapping)
    value = root.items["key"]
    assert isinstance(value, Scalar)
    assert isinstance(value.value, str)
    return value.value


@given(TEXTS)
def test_a_scalar_reads_back(text: str) -> None:
    assert read_back(quoted(text)) == text
    assert read_back(scalar(text)) == text


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_a_route_key_matches_its_path_and_nothing_else(names: list[bytes]) -> None:
    path = writable(b"".join(b"/" + name for name in names))
    if path is not None:
        key = parse_item_key(read_back(route_key(path)))
        assert key.pattern.literal == tuple(names)
        item = parse_item_key(read_back(item_key("source", path[1:])))
        assert (item.source, item.pattern.literal) == ("source", tuple(names))


@given(st.binary())
def test_a_comment_is_a_comment(data: bytes) -> None:
    lines = comment(f"seen: {display(data)}", "  ")
    assert all(line.startswith("  # ") and line.isprintable() for line in lines)


def test_what_no_manifest_can_name() -> None:
    assert writable(b"/srv/a b") == "/srv/a b"
    assert writable(b"/srv/\xff") is None
    assert writable(b"/srv/a\nb") is None
    assert writable(b"srv") is None
    assert writable(b"/srv/../etc") is None
