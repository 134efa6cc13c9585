"""Which pages of a folder are written and removed, and which are nobody's to touch."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.changes.files import digest
from engine.changes.pages import PageChanges, RecordUnusable, page_changes, read_record

PAGES = {"index.md": b"new", "runbooks/nfs.md": b"how"}


def record(**pages: bytes) -> bytes:
    held = {f"{name.replace('_', '/')}.md": [digest(one)] for name, one in pages.items()}
    return json.dumps({"format": 1, "pages": held}).encode()


def test_a_new_folder_gets_all_pages() -> None:
    found = page_changes(PAGES, {}, None)
    assert found.created == ("index.md", "runbooks/nfs.md")
    assert found.any
    assert not found.refused
    assert read_record(found.record) == {path: (digest(one),) for path, one in PAGES.items()}


def test_what_is_as_it_should_be_needs_nothing() -> None:
    first = page_changes(PAGES, {}, None)
    again = page_changes(PAGES, dict(PAGES), first.record)
    assert again.unchanged == ("index.md", "runbooks/nfs.md")
    assert not again.any


def test_a_page_of_ours_is_replaced_and_one_that_is_left_is_removed() -> None:
    there = {"index.md": b"old", "runbooks/nfs.md": b"how", "runbooks/old.md": b"gone"}
    known = record(index=b"old", runbooks_nfs=b"how", runbooks_old=b"gone")
    found = page_changes(PAGES, there, known)
    assert (found.replaced, found.removed) == (("index.md",), ("runbooks/old.md",))
    assert (found.edited, found.foreign) == ((), ())


def test_what_somebody_has_changed_or_made_is_refused_unless_it_is_named() -> None:
    there = {"index.md": b"mine", "runbooks/nfs.md": b"theirs", "runbooks/old.md": b"mine too"}
    known = record(index=b"old", runbooks_old=b"gone")
    found = page_changes(PAGES, there, known)
    assert (found.edited, found.foreign) == (("index.md", "runbooks/old.md"), ("runbooks/nfs.md",))
    assert found.refused
    named = page_changes(PAGES, there, known, named=tuple(there))
    assert (named.replaced, named.removed) == (
        ("index.md", "runbooks/nfs.md"),
        ("runbooks/old.md",),
    )
    assert not named.refused


def test_what_is_to_be_kept_stays_as_it_is_and_in_the_record() -> None:
    there = {**PAGES, "runbooks/old.md": b"gone", "runbooks/own.md": b"by hand"}
    first = page_changes(PAGES, {}, None).record
    known = json.loads(first)
    for name, content in (("old", b"gone"), ("own", b"other"), ("away", b"x")):
        known["pages"][f"runbooks/{name}.md"] = [digest(content)]
    record_before = json.dumps(known).encode()
    kept = ("runbooks/old.md", "runbooks/own.md", "runbooks/away.md", "index.md")
    found = page_changes(PAGES, there, record_before, kept=kept)
    assert found.kept == ("runbooks/old.md", "runbooks/own.md")
    assert (found.removed, found.edited, found.refused) == ((), (), False)
    again = page_changes(PAGES, there, found.record, kept=kept)
    assert (again.any, again.kept) == (False, found.kept)
    # Once it is about nothing any more, it goes as any other, and what a hand has changed does not.
    later = page_changes(PAGES, there, found.record)
    assert (later.removed, later.edited) == (("runbooks/old.md",), ("runbooks/own.md",))
    named = page_changes(PAGES, there, found.record, kept=kept, named=kept[1:2])
    assert (named.removed, named.kept) == (("runbooks/own.md",), ("runbooks/old.md",))


def test_the_same_page_that_was_never_noted_is_ours_from_now_on() -> None:
    found = page_changes(PAGES, dict(PAGES), None)
    assert found.unchanged == ("index.md", "runbooks/nfs.md")
    assert found.any, "the record has to be written"


@given(done=st.integers(0, 3), old=st.dictionaries(st.sampled_from(sorted(PAGES)), st.binary()))
def test_what_was_cut_off_looks_like_nobodys_edit(done: int, old: dict[str, bytes]) -> None:
    there: dict[str, bytes | None] = {**dict.fromkeys(PAGES), **old, "extra.md": b"left"}
    known = page_changes({**old, "extra.md": b"left"}, {}, None).record
    found = page_changes(PAGES, there, known)
    for path in (*found.created, *found.replaced)[:done]:
        there[path] = PAGES[path]
    again = page_changes(PAGES, there, found.meanwhile)
    assert not again.refused
    assert again.removed == ("extra.md",)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"format": 2, "pages": {}}',
        b'{"format": 1}',
        b'{"format": 1, "pages": {"../x.md": []}}',
        b'{"format": 1, "pages": {"/etc/x.md": []}}',
        b'{"format": 1, "pages": {"a/b/c.md": []}}',
        b'{"format": 1, "pages": {"x.md": ["y"]}}',
        b'{"format": 1, "pages": {"x.md": "y"}}',
    ],
)
def test_a_record_that_leads_elsewhere_is_none(text: bytes) -> None:
    with pytest.raises(RecordUnusable):
        page_changes(PAGES, {}, text)


def test_a_page_that_is_gone_is_made_again() -> None:
    found: PageChanges = page_changes(PAGES, {"index.md": b"new"}, record(index=b"new"))
    assert (found.created, found.unchanged) == (("runbooks/nfs.md",), ("index.md",))
