"""What is known of each generation, and whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.generations.names import Generation, Standing
from engine.system.state.state import LastSeen, State, Stream, open_state
from tests.generations import ago, named
from tests.integration.lab import HOSTILE

HIST = Stream(leg="hist", source="data", place="disk:/hist")
OTHER = HIST._replace(leg="other")
SEEN = LastSeen(rules="r", entries=10, file_system="uuid:a", mounts=())


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with open_state(tmp_path / "state.db") as state:
        yield state


def note(state: State, days: int, standing: Standing = Standing.VERIFIED) -> None:
    """In the order of a run that completes one."""
    state.claim(HIST, "r", [named(days)])
    state.generations.note(HIST, named(days), standing)


def known(days: int, standing: Standing = Standing.VERIFIED) -> Generation:
    return Generation(moment=ago(days), standing=standing)


def test_they_come_back_the_oldest_first(state: State) -> None:
    for days in (1, 3, 2):
        note(state, days)
    note(state, 2, Standing.DAMAGED)
    there = [named(days) for days in (1, 2, 3)]
    assert state.generations.among(HIST, there) == (known(3), known(2, Standing.DAMAGED), known(1))


def test_law_01_a_folder_of_such_a_name_that_the_leg_has_not_made_is_none_of_its_own(
    state: State,
) -> None:
    note(state, 1)
    state.generations.note(HIST, named(2), Standing.VERIFIED)  # known, and not owned
    assert state.generations.among(HIST, [named(1), named(2), named(3)]) == (known(1),)
    assert state.generations.among(OTHER, [named(1)]) == ()
    assert state.generations.among(HIST._replace(place="disk:/x"), [named(1)]) == ()


def test_what_is_not_there_any_more_is_not_told(state: State) -> None:
    note(state, 1)
    note(state, 2)
    assert state.generations.among(HIST, [named(2)]) == (known(2),)
    assert state.generations.among(HIST, []) == ()


def test_law_15_of_one_whose_run_was_killed_no_more_is_known_than_that_it_is_complete(
    state: State,
) -> None:
    """It is claimed first, named last: what stands there is whole, and nobody verified it."""
    state.claim(HIST, "r", [named(1)])
    assert state.generations.among(HIST, [named(1)]) == (known(1, Standing.COMPLETE),)


def test_names_that_are_none_of_a_generation_are_passed_over(state: State) -> None:
    state.claim(HIST, "r", [*HOSTILE, named(1)])
    assert state.generations.among(HIST, [*HOSTILE, named(1)]) == (known(1, Standing.COMPLETE),)


def test_what_is_forgotten_is_nobodys(state: State) -> None:
    note(state, 1)
    note(state, 2)
    state.generations.forget(HIST, named(2))
    assert state.generations.among(HIST, [named(1), named(2)]) == (known(1),)
    assert state.owned(HIST) == {named(1)}
    state.generations.forget(HIST, named(2))  # twice is no failure


def test_what_a_pass_has_not_seen_any_more_is_owned_no_longer(state: State) -> None:
    note(state, 1)
    note(state, 2)
    state.record_pass(HIST, "r2", [named(1)], SEEN)
    assert state.generations.among(HIST, [named(1), named(2)]) == (known(1),)
