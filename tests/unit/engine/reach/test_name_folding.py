"""Which names are one where cases or forms are not told apart."""

import pytest

from engine.reach.name_folding import Folding, meeting

BOTH = Folding(case=True, form=True)
ONE, PARTS = "é".encode(), "e\u0301".encode()


@pytest.mark.parametrize(
    ("names", "folding", "groups"),
    [
        ((b"A", b"a", b"b"), BOTH, [(b"A", b"a")]),
        ((b"A", b"a"), Folding(form=True), []),
        ((ONE, PARTS), Folding(form=True), [(PARTS, ONE)]),
        ((ONE, PARTS), Folding(case=True), []),
        (("É".encode(), PARTS), BOTH, [(PARTS, "É".encode())]),
        (("ß".encode(), b"ss", b"SS"), BOTH, [(b"SS", b"ss")]),
        ((b"\xff", b"\xfe", b"X\xff", b"x\xff"), BOTH, [(b"X\xff", b"x\xff")]),
        ((b"A", b"a"), Folding(), []),
    ],
)
def test_names_meet_by_what_the_place_does_not_tell_apart(
    names: tuple[bytes, ...], folding: Folding, groups: list[tuple[bytes, ...]]
) -> None:
    assert list(meeting(names, folding)) == groups


def test_a_place_that_tells_all_apart_is_none() -> None:
    assert [bool(one) for one in (Folding(), Folding(case=True), Folding(form=True))] == [
        False,
        True,
        True,
    ]
