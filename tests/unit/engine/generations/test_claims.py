"""Which folders a leg may take over as generations of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.generations.claims import Entry, Kind, Place, open_to_others, why_not
from engine.generations.names import moment_of

NAME = b"2026-11-28T03-00-00Z"
PLACE = Place(owner=0, mode=0o755, device=7)
MADE = Entry(name=NAME, kind=Kind.DIRECTORY, owner=0, device=7)


def test_what_the_leg_would_have_made_may_be_its_own() -> None:
    assert why_not(MADE, PLACE, {0}) == ""
    assert why_not(replace(MADE, owner=1000), PLACE, {0, 1000}) == ""


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (replace(MADE, name=b"2026-11-28"), "it has no generation's name"),
        (replace(MADE, name=NAME + b"\n"), "it has no generation's name"),
        (replace(MADE, name=b"\xff"), "it has no generation's name"),
        (replace(MADE, kind=Kind.LINK), "it is a symlink"),
        (replace(MADE, kind=Kind.OTHER), "it is no directory"),
        (replace(MADE, device=8), "another file system is mounted there"),
        (
            replace(MADE, owner=33),
            "it belongs to user 33, and what the leg makes here to 0 or 1000",
        ),
    ],
)
def test_law_01_what_it_would_not_have_made_is_somebody_elses(entry: Entry, said: str) -> None:
    assert why_not(entry, PLACE, {0, 1000}) == said


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777, 0o2770])
def test_law_41_where_others_may_write_nothing_is_believed(mode: int) -> None:
    assert "others may write" in open_to_others(replace(PLACE, mode=mode), 0)


def test_law_41_in_somebody_elses_folder_nothing_is_believed() -> None:
    assert "belongs to user 1000" in open_to_others(replace(PLACE, owner=1000), 0)
    assert open_to_others(replace(PLACE, owner=1000), 1000) == ""
    assert open_to_others(PLACE, 0) == open_to_others(replace(PLACE, mode=0o700), 0) == ""


@given(
    st.builds(
        Entry,
        name=st.binary() | st.just(NAME),
        kind=st.sampled_from(Kind),
        owner=st.integers(0, 3),
        device=st.integers(6, 8),
    ),
    st.sets(st.integers(0, 3), min_size=1),
)
def test_law_01_only_a_directory_of_a_known_owner_with_such_a_name_is_taken(
    entry: Entry, owners: set[int]
) -> None:
    taken = not why_not(entry, PLACE, owners)
    assert taken == (
        moment_of(entry.name) is not None
        and entry.kind is Kind.DIRECTORY
        and entry.device == PLACE.device
        and entry.owner in owners
    )
