"""Whether a dump may stand for the data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.dumps.figures import Part
from engine.dumps.judgement import Limits, is_another, judge_dump, with_history
from engine.dumps.record import DumpRecord, FileRecord
from policy.values import Duration, parse_percentage

BEGAN = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
HALF = Limits(max_shrink=parse_percentage("50%"), changes_within=None)
WEEK = replace(HALF, changes_within=Duration(7 * 86400))


def file(*parts: Part, name: bytes = b"all.sql", content: str = "", since: str = "") -> FileRecord:
    return FileRecord(
        name=name, size=9, sha256="", nature="SQL", parts=parts, content=content,
        unchanged_since=since,
    )  # fmt: skip


def part(
    rows: int | None = None, tables: int | None = None, size: int | None = None, name: str = "shop"
) -> Part:
    return Part(database=name, rows=rows, tables=tables, size=size)


def dump(*files: FileRecord, identity: str = "") -> DumpRecord:
    return DumpRecord(
        source="s", server="v", client="c", identity=identity, began=BEGAN.isoformat(), files=files
    )


def told(before: DumpRecord | None, *files: FileRecord, limits: Limits = HALF) -> list[str]:
    return list(judge_dump(files, before, limits, BEGAN))


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (part(rows=100), part(rows=49), "shop has 49 rows, and had 100"),
        (part(rows=100), part(rows=50), None),
        (part(rows=100), part(rows=200), None),
        # Few rows come and go, as long as some are left.
        (part(rows=10), part(rows=1), None),
        (part(rows=11), part(rows=1), None),
        (part(rows=12), part(rows=1), "shop has 1 rows, and had 12"),
        (part(1, tables=9), part(1, tables=4), "shop has 4 tables, and had 9"),
        (part(1, tables=2), part(1, tables=1), None),
        (part(1, tables=1), part(1, tables=0), "shop has 0 tables, and had 1"),
        (part(size=1 << 20), part(size=1 << 18), "shop has 256.0 KiB, and had 1.0 MiB"),
        (part(rows=5, size=60_000), part(rows=5, size=1), None),
        # Where nothing else is counted, every byte says something.
        (part(size=60_000), part(size=1), "shop has 1 B, and had 58.6 KiB"),
        (part(size=1_700), part(size=0), "shop has 0 B, and had 1.7 KiB"),
        (part(rows=5), part(), None),
        (part(), part(rows=5), None),
    ],
)
def test_what_shrank_is_told_and_noise_is_not(then: Part, now: Part, said: str | None) -> None:
    assert told(dump(file(then)), file(now)) == ([said] if said else [])


def test_how_much_may_go_is_for_the_leg_to_say() -> None:
    fifth = replace(HALF, max_shrink=parse_percentage("20%"))
    before = dump(file(part(rows=100)))
    assert told(before, file(part(rows=79)), limits=fifth) == ["shop has 79 rows, and had 100"]
    assert told(before, file(part(rows=80)), limits=fifth) == []


def test_what_is_gone_is_told() -> None:
    two = dump(file(part(5), part(5, name="other")))
    assert told(two, file(part(10))) == ["the database other is not in it any more"]
    each = dump(file(part(5)), file(part(5), name=b"b.sql"))
    assert told(each, file(part(5))) == ["b.sql is not in it any more"]


def test_what_is_empty_is_told_unless_it_was_and_somebody_vouched_for_it() -> None:
    nothing = file(part(rows=0))
    assert told(None, nothing) == ["not one row is in it"]
    assert told(dump(file(part(rows=1))), nothing)[0] == "not one row is in it"
    assert told(dump(nothing), nothing) == []
    assert list(judge_dump((nothing,), dump(nothing), HALF, BEGAN, vouched=False))
    assert told(None, file(part(rows=0)), file(part(rows=1), name=b"b")) == []
    assert told(None, file(part(size=7))) == [], "nothing counts its rows"


def test_what_stands_still_is_told_where_it_is_said_to_change() -> None:
    old = file(part(5), content="x", since=(BEGAN - timedelta(days=8)).isoformat())
    (said,) = told(dump(old), old, limits=WEEK)
    assert said.startswith("its content has been the same since 2026-11-20 01:00 UTC")
    assert told(dump(old), old) == []
    young = replace(old, unchanged_since=(BEGAN - timedelta(days=7)).isoformat(), name=b"b")
    assert told(dump(old, young), old, young, limits=WEEK) == [], "one of them moves"
    unknown = replace(old, unchanged_since="")
    assert told(dump(old), old, replace(unknown, name=b"c"), limits=WEEK) == []
    assert told(None, file(part(5)), limits=WEEK) == [], "nothing stands for its content"


def test_since_when_a_content_is_the_same_is_carried_on() -> None:
    first = file(part(5), content="x")
    (one,) = with_history((first,), None, BEGAN)
    assert one.unchanged_since == BEGAN.isoformat()
    later = BEGAN + timedelta(days=1)
    (same,) = with_history((first,), dump(one), later)
    assert same.unchanged_since == BEGAN.isoformat()
    (changed,) = with_history((replace(first, content="y"),), dump(one), later)
    assert changed.unchanged_since == later.isoformat()
    (nothing,) = with_history((replace(first, content=""),), dump(one), later)
    assert nothing.unchanged_since == ""


def test_another_server_is_one_only_where_both_can_be_told() -> None:
    assert is_another("a", dump(identity="b"))
    assert not is_another("a", dump(identity="a"))
    assert not is_another("", dump(identity="b"))
    assert not is_another("a", dump())
    assert not is_another("a", None)
