"""Names of files that hold databases."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.dumps.artefact import Nature, file_name, file_names, files_meant
from engine.reach.name_folding import Folding, meeting

NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=64)


def read(name: bytes) -> str:
    """What a name was made of."""
    first, *rest = name.split(b"%")
    return b"".join([first, *(bytes.fromhex(one[:2].decode()) + one[2:] for one in rest)]).decode()


@given(name=NAMES)
@example(name="..")
@example(name="a/../b")
@example(name="--output=x")
@example(name="new\nline")
@example(name="all")
@example(name="%2F")
def test_a_name_is_a_file_here_and_nothing_else(name: str) -> None:
    made = file_name(name)
    assert len(made) <= 180
    assert not set(made) & set(b"/\0\n\\'\"$* ~") or b"~" in made
    assert not made.startswith((b"-", b"."))
    assert made not in {b"", b"all", b"globals"}
    if b"~" not in made:
        assert read(made) == name


@given(one=NAMES, other=NAMES)
@example(one="a/b", other="a%2Fb")
@example(one="é" * 64, other="é" * 63 + "è")
@example(one="/" * 90, other="/" * 91)
def test_two_databases_never_share_a_file(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("orders", b"orders"),
        ("a/b", b"a%2Fb"),
        ("v1.2-beta_3", b"v1.2-beta_3"),
        ("grüße", "grüße".encode()),
        (".hidden", b"%2Ehidden"),
        ("-dash", b"%2Ddash"),
        ("50%", b"50%25"),
        ("globals", b"%67lobals"),
    ],
)
def test_a_plain_name_stays(name: str, made: bytes) -> None:
    assert file_name(name) == made


@given(names=st.lists(NAMES | st.sampled_from("aAéÉeE"), unique=True, max_size=9))
@example(names=["Orders", "ORDERS", "orders"])
@example(names=["\u00e9", "e\u0301", "E\u0301"])
def test_no_two_files_are_one_on_any_disk(names: list[str]) -> None:
    found = file_names(names)
    assert list(found) == names
    for folding in (Folding(case=True), Folding(form=True), Folding(case=True, form=True)):
        assert list(meeting(found.values(), folding)) == []


def test_of_names_that_are_alike_the_plain_one_stays() -> None:
    found = file_names(["ORDERS", "Orders", "orders", "other", "Only"])
    assert (found["orders"], found["other"], found["Only"]) == (b"orders", b"other", b"Only")
    assert found["Orders"].startswith(b"Orders~")
    assert file_names(["Orders", "orders"])["Orders"] == found["Orders"]
    assert file_names(["Orders"])["Orders"] == b"Orders"


def test_a_long_name_is_cut_between_letters() -> None:
    made = file_name("é" * 200)
    assert len(made) <= 180
    assert made.decode().startswith("é" * 80)


@given(name=NAMES, made=st.sampled_from([b".dump", b".sql", b".sql.zst", b".sql.gz"]))
@example(name="a/b", made=b".dump")
@example(name="all", made=b".sql")
@example(name="a.sql", made=b".sql")
@example(name="a.age", made=b".sql.gz")
def test_a_database_is_found_by_its_name(name: str, made: bytes) -> None:
    file = file_name(name) + made
    assert files_meant(name.encode(), [b"contents.json", file]) == (file,)
    assert files_meant(name.encode(), [file + b".age"]) == (file + b".age",)


def test_of_two_that_differ_by_case_each_is_found() -> None:
    files = {one: name + b".dump" for one, name in file_names(("Orders", "orders")).items()}
    for database, file in files.items():
        assert files_meant(database.encode(), sorted(files.values())) == (file,)


@pytest.mark.parametrize(
    ("typed", "names", "meant"),
    [
        (b"a.dump", [b"a.dump.age", b"b.dump.age"], (b"a.dump.age",)),
        (b"a.dump", [b"a.dump.age", b"a.dump.dump.age"], (b"a.dump.age", b"a.dump.dump.age")),
        (b"all.sql", [b"all.sql.zst.age"], (b"all.sql.zst.age",)),
        (b"globals", [b"globals.sql", b"%67lobals.dump"], (b"globals.sql", b"%67lobals.dump")),
        (b"files", [b"files.tar.age"], (b"files.tar.age",)),
        (b"config.xml", [b"config.xml.age"], (b"config.xml.age",)),
        # Each ending goes once: another database, and no file of this one.
        (b"a", [b"a.dump.dump", b"a.sql.dump", b"ab.dump", b"contents.json"], ()),
    ],
)
def test_a_file_is_found_without_what_says_how_it_is_kept(
    typed: bytes, names: list[bytes], meant: tuple[bytes, ...]
) -> None:
    assert files_meant(typed, names) == meant


def test_what_writes_by_itself_is_known() -> None:
    own = {one for one in Nature if one.written_by_its_program}
    assert own == {Nature.ETCD, Nature.DIRECTORY}
