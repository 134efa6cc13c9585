"""The record that lies in each dump."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dumps.figures import Part
from engine.dumps.record import (
    DumpRecord,
    FileRecord,
    RecordUnreadable,
    record_from_json,
    record_to_json,
)

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=9)
COUNT = st.none() | st.integers(0, 1 << 50)
PARTS = st.builds(Part, database=TEXT, rows=COUNT, tables=COUNT, size=COUNT)
FILES = st.builds(
    FileRecord,
    name=st.binary(min_size=1, max_size=20),
    size=st.integers(0, 1 << 50),
    sha256=TEXT,
    nature=TEXT,
    database=TEXT,
    parts=st.lists(PARTS, max_size=3).map(tuple),
    content=TEXT,
    unchanged_since=TEXT,
)
RECORDS = st.builds(
    DumpRecord,
    source=TEXT,
    server=TEXT,
    client=TEXT,
    identity=TEXT,
    began=st.just("2026-11-28T01:00:00+00:00"),
    files=st.lists(FILES, max_size=3).map(tuple),
)


@given(record=RECORDS)
def test_what_was_written_is_read(record: DumpRecord) -> None:
    assert record_from_json(record_to_json(record)) == record


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "{", '{"format": 2}', '{"files": [{"name": 1}]}', "[" * 100_000],
)
def test_what_is_no_record_is_told(text: str) -> None:
    with pytest.raises(RecordUnreadable):
        record_from_json(text)


def test_a_record_that_is_cut_is_none() -> None:
    text = record_to_json(
        DumpRecord(source="s", server="v", client="c", began="2026-11-28T01:00:00+00:00", files=())
    )
    for length in range(len(text) - 1):
        with pytest.raises(RecordUnreadable):
            record_from_json(text[:length])
