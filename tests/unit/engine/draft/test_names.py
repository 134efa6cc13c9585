"""Names of what a draft has."""

from __future__ import annotations

from engine.draft.names import Names
from engine.draft.targets import choose_targets
from tests.machines import machine


def test_names_are_names_and_each_is_given_once() -> None:
    names = Names(choose_targets(machine()))
    wanted = ("A b/c", "a-b-c", "abc", "system", "...", "é", "x" * 90, "disk", "files-to-disk")
    assert [names.take(one) for one in wanted] == [
        *("a-b-c", "a-b-c-2", "abc-3", "system-2", "data", "data-2", "x" * 20),
        *("disk-2", "files-to-disk-2"),
    ]


def test_a_source_never_has_the_name_of_a_leg() -> None:
    names = Names(choose_targets(machine()))
    assert names.take("pool", legs=("files",)) == "pool"
    assert names.take("pool-files") == "pool-files-2"
    assert names.take("pool", legs=("files",)) == "pool-2"
