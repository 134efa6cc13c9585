"""What runs had deleted or overwritten, left behind where a leg writes no more."""

from pathlib import Path

import pytest

from tests.e2e.test_cli import MANIFEST
from tests.e2e.test_gc import Cleaning

pytestmark = pytest.mark.tool("rsync")

KEPT = MANIFEST.replace(
    'to: "disk:/", schedule: "02:00"', 'to: "disk:/n", deleted: {keep: 30d}, schedule: "02:00"'
)
ASIDE = "disk:/n/.policyctl-deleted"


@pytest.fixture
def machine(tmp_path: Path) -> Cleaning:
    """A leg that has set two files aside."""
    machine = Cleaning(tmp_path, KEPT)
    for name in ("b/one", "b/two", "b/stays"):
        machine.write(f"srv/data/{name}", "12345")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    (machine.root / "srv/data/b/one").unlink()
    machine.write("srv/data/b/two", "other bytes")
    assert machine("run", "nightly").code == 0
    assert len(aside(machine)) == 2
    return machine


def aside(machine: Cleaning) -> list[Path]:
    top = machine.root / "mnt/disk/n/.policyctl-deleted"
    return [one for one in top.rglob("*") if one.is_file()]


def places(machine: Cleaning) -> dict[str, str]:
    return {one["orphan"]: one["kind"] for one in machine.gc("--json").json["orphans"]}


def test_law_17_what_was_set_aside_where_a_leg_writes_no_more_is_listed_and_removed(
    machine: Cleaning,
) -> None:
    machine.edit('"disk:/n"', '"disk:/m"')
    assert machine("apply").code == 0
    assert places(machine) == {"disk:/n": "copy", ASIDE: "set-aside"}
    said = machine.gc().out
    assert f"{ASIDE}  10 B, 2 files, since " in said
    assert "set aside for 30d; nightly writes somewhere else, so no run removes it" in said
    assert f"so only its name goes: `policyctl gc --remove {ASIDE} " in said
    assert "2 orphans, " in machine("status").out
    # It proves nothing, is renamed nowhere, and goes by its name alone: the copies stay.
    assert machine("run", "nightly").code == 0
    assert machine.gc("--verified", ASIDE).code == 5
    assert "what was set aside is in no copy of today" in machine.gc("--verified", ASIDE).out
    assert len(aside(machine)) == 2
    done = machine.gc("--remove", ASIDE)
    assert done.code == 0, done.err
    assert not (machine.root / "mnt/disk/n/.policyctl-deleted").exists()
    assert (machine.root / "mnt/disk/n/b/stays").read_text() == "12345"
    assert places(machine) == {"disk:/n": "copy"}
    assert ASIDE in machine.gc("--history").out


def test_it_stays_where_the_copies_around_it_go(machine: Cleaning) -> None:
    machine.edit('"disk:/n"', '"disk:/m"')
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    assert machine.gc("--remove", "disk:/n").code == 0
    assert len(aside(machine)) == 2
    assert places(machine) == {ASIDE: "set-aside"}
    assert machine.gc("--remove", ASIDE).code == 0
    assert places(machine) == {}


def test_of_a_leg_that_is_gone_it_is_listed_too(machine: Cleaning) -> None:
    text = machine.manifest.read_text()
    line = next(one for one in text.splitlines(keepends=True) if one.startswith("  nightly: {"))
    machine.edit(line, "")
    machine.edit("  /srv/data: nightly\n", '  /srv/data: {none: "no more"}\n')
    assert machine("apply").code == 0
    assert places(machine)[ASIDE] == "set-aside"
    assert "the leg nightly is gone, so no run removes it" in machine.gc().out


def test_a_leg_that_writes_there_again_sees_to_it(machine: Cleaning) -> None:
    machine.edit('"disk:/n"', '"disk:/m"')
    assert machine("apply").code == 0
    assert ASIDE in places(machine)
    machine.edit('"disk:/m"', '"disk:/n"')
    assert machine("apply").code == 0
    assert ASIDE not in places(machine)
    assert len(aside(machine)) == 2


def test_where_nothing_was_set_aside_nothing_is_listed(tmp_path: Path) -> None:
    machine = Cleaning(tmp_path, KEPT)
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    machine.edit('"disk:/n"', '"disk:/m"')
    assert machine("apply").code == 0
    assert places(machine) == {"disk:/n": "copy"}


def test_a_symlink_of_that_name_is_nobodys(machine: Cleaning) -> None:
    top = machine.root / "mnt/disk/n/.policyctl-deleted"
    top.rename(machine.root / "elsewhere")
    top.symlink_to(machine.root / "elsewhere")
    machine.edit('"disk:/n"', '"disk:/m"')
    assert machine("apply").code == 0
    machine.gc("--remove", ASIDE)
    assert len(list((machine.root / "elsewhere").rglob("one"))) == 1
