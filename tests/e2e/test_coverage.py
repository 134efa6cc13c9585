"""What appears at the top of a source is told by `plan` and `status`, until an apply (law 2)."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_cli import Machine
from tests.integration.lab import HOSTILE, at


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    assert found("apply").code == 0
    return found


def told(machine: Machine, command: str) -> Any:
    """The paths and legs of what is new, and of what is gone."""
    shown = machine(command, "--json").json
    return tuple(
        [(one.get("path", one.get("path_b64")), one["leg"]) for one in shown[key]]
        for key in ("new_entries", "vanished_entries")
    )


def test_law_02_a_new_directory_is_told_with_what_takes_it_until_an_apply(
    machine: Machine,
) -> None:
    assert told(machine, "plan") == told(machine, "status") == ([], [])
    machine.write("srv/data/photos/one", "1")
    machine.write("srv/data/editor.swp", "2")
    shutil.rmtree(machine.root / "srv/data/big")
    expected = ([("/srv/data/photos", "nightly")], [("/srv/data/big", "direct")])
    assert told(machine, "plan") == told(machine, "status") == expected
    line = "new since the last apply: /srv/data/photos (nightly by `/srv/data`)"
    for command in ("plan", "status"):
        assert line in machine(command).out.splitlines()
    assert machine("plan", "--exit-code").code == 0, "it changes nothing by itself"
    done = machine("apply")
    assert line in done.out.splitlines()
    assert told(machine, "plan") == told(machine, "status") == ([], [])


def test_law_33_a_source_that_is_away_has_lost_nothing(machine: Machine) -> None:
    source = machine.root / "srv/data"
    source.rename(source.with_name("aside"))
    assert told(machine, "plan") == ([], [])
    source.mkdir()
    assert told(machine, "plan") == ([], []), "where it is not mounted, it is empty"
    assert machine("apply").code == 0
    source.rmdir()
    source.with_name("aside").rename(source)
    assert told(machine, "plan") == ([], []), "what is known was kept"
    machine.write("srv/data/photos/one", "1")
    assert told(machine, "plan")[0] == [("/srv/data/photos", "nightly")]


def test_a_renamed_source_knows_its_entries(machine: Machine) -> None:
    machine.edit("  data: {kind: tree,", "  files: {kind: tree, was: data,")
    machine.write("srv/data/photos/one", "1")
    expected: Any = ([("/srv/data/photos", "nightly")], [])
    assert told(machine, "plan") == told(machine, "status") == expected
    assert machine("apply").code == 0
    assert told(machine, "plan") == told(machine, "status") == ([], [])


def test_a_source_that_moved_is_not_compared(machine: Machine) -> None:
    shutil.copytree(machine.root / "srv/data/a", machine.root / "srv/new/other")
    text = machine.manifest.read_text()
    machine.manifest.write_text(text.replace("/srv/data", "/srv/new"))
    assert told(machine, "plan") == ([], [])


def test_of_very_many_the_first_are_shown_and_all_are_counted(machine: Machine) -> None:
    for name in (*HOSTILE, *(b"n%03d" % number for number in range(30))):
        at(machine.root / "srv/data", name).mkdir()
    shutil.rmtree(machine.root / "srv/data/a")
    for command in ("plan", "status"):
        lines = [one for one in machine(command).out.splitlines() if "since the last apply" in one]
        assert len(lines) == 21
        assert all(one.startswith("new since the last apply: /srv/data/") for one in lines[:20])
        more = 30 + len(HOSTILE) - 20
        assert lines[20] == f"… and {more} more new, 1 more gone since the last apply"
    assert len(told(machine, "status")[0]) == 30 + len(HOSTILE)
