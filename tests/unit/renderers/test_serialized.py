"""Data as files: what is read back is what was written."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from renderers import RenderRefused
from renderers.serialized import Data, json_file, yaml_file

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)),
    max_leaves=10,
)


@given(TREES)
def test_what_is_written_is_read_back(data: Data) -> None:
    assert yaml.safe_load(yaml_file("a comment", data)) == data
    assert json.loads(json_file(data)) == data


def test_a_comment_stands_before_it() -> None:
    assert yaml_file("one\n\ntwo", {"a": "b"}) == b"# one\n#\n# two\na: b\n"


def test_lines_stay_lines_for_whoever_reads_it() -> None:
    assert yaml_file("", {"expr": "a\nor\n  b"}) == b"expr: |-\n  a\n  or\n    b\n"


def test_nothing_refers_to_another_place() -> None:
    same: Data = ["x"]
    assert b"&" not in yaml_file("", {"a": same, "b": same})


@pytest.mark.parametrize("write", [lambda data: yaml_file("", data), json_file])
def test_what_is_no_text_is_refused(write) -> None:
    with pytest.raises(RenderRefused, match="is no text"):
        write({"a": "b\udc80"})
