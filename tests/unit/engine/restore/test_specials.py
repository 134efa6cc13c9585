"""FIFOs, sockets and devices: which leg leaves them out, and what is said."""

import pytest

from engine.restore.specials import (
    Special,
    Specials,
    left_out_by,
    special_words,
    specials_words,
)
from tests.integration.lab import compiled, manifest
from tests.unit.engine.restore.test_choice import copy

KEEPING = ", preserve: [times, devices]"


def test_the_leg_that_copies_none_is_named() -> None:
    assert left_out_by(compiled(manifest()), copy("disk", "nightly")) == "nightly"
    assert not left_out_by(compiled(manifest(KEEPING)), copy("disk", "nightly"))


@pytest.mark.parametrize("special", Special)
def test_each_says_how_it_is_made_again(special: Special) -> None:
    said = special_words(special, "nightly")
    assert special.value in said
    assert "again" in said


def test_of_a_directory_what_is_there_now_is_named() -> None:
    found = tuple((b"run/%d" % one, Special.FIFO) for one in range(5))
    said = specials_words(Specials(found=found, whole=True), "nightly")
    assert said.endswith(
        "run/0 (FIFO), run/1 (FIFO), run/2 (FIFO), 2 more; `mkfifo` makes a FIFO again"
    )


def test_nothing_is_said_where_there_are_none() -> None:
    assert not specials_words(Specials(found=(), whole=True), "nightly")


@pytest.mark.parametrize("there", [None, Specials(found=(), whole=False)])
def test_where_nobody_knows_it_is_said_of_all(there: Specials | None) -> None:
    assert "that lay in it do not come" in specials_words(there, "nightly")
