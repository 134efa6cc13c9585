"""The history of the reference lab: each edit, and what `plan` says of it.

`examples/homelab/history` holds both, the edit as a diff and the plan as it is printed.
"""

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.system.state.state import RoomRecord, RunRecord, open_state
from tests.e2e.test_cli import CHECKOUT, REFERENCE, Machine

HISTORY = CHECKOUT / "examples/homelab/history"
GIB = 1 << 30
TIB = 1 << 40
SERVICES = 84
TREE = {
    "nfs/immich/library.tar": 380 * GIB,
    "nfs/old-photos/2009.tar": 160 * GIB,
    "nfs/audiobooks/bought.tar": 20 * GIB,
    "nfs/audiobooks/generated/all.tar": 30 * GIB,
    "nfs/prometheus-backup/tsdb.tar": 24 * GIB,
    "nfs-ssd/immich/thumbs.tar": 62 * GIB,
    "nfs-ssd/ollama/models.bin": 59 * GIB,
    "nfs/switch/manual.pdf": 2 << 20,
    **{f"nfs/service-{number:02}/data": 3 * GIB for number in range(1, SERVICES + 1)},
}
"""A made-up tree: each file has its size, and no byte of it is on a disk."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One edit, and how full both destinations were when it was made."""

    name: str
    sda: float
    synology: float
    refused: bool = False


EDITS = (
    Edit(name="a", sda=0.84, synology=0.71),
    Edit(name="b", sda=0.84, synology=0.79),
    Edit(name="c", sda=0.47, synology=0.71),
    Edit(name="d", sda=0.45, synology=0.70),
    Edit(name="e", sda=0.32, synology=0.87, refused=True),
    Edit(name="f", sda=0.32, synology=0.72),
    Edit(name="g", sda=0.33, synology=0.72),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The lab as it was when the history begins, applied."""
    machine = Machine(tmp_path_factory.mktemp("history"), REFERENCE.read_text())
    for path, size in TREE.items():
        machine.write(f"srv/{path}", "")
        os.truncate(machine.root / "srv" / path, size)
    edit(machine, "start")
    done = machine("apply")
    assert done.code == 0, done.err
    with open_state(machine.root / "var/lib/policyctl/state.db") as state:
        began = datetime.now(UTC) - timedelta(days=1)
        sent = {"sda-mirror": 31 * GIB, "offsite": 4 * GIB, "synology-direct": GIB // 2}
        for leg, size in sent.items():
            state.finish(
                RunRecord(
                    run_id=f"1-{leg}",
                    leg=leg,
                    status=RunStatus.OK,
                    started=began,
                    ended=began + timedelta(minutes=10),
                    bytes_sent=size,
                )
            )
    return machine


def edit(machine: Machine, name: str) -> None:
    """Apply one of the diffs to the manifest."""
    command = ["patch", "--quiet", "--fuzz=0", "--no-backup-if-mismatch", str(machine.manifest)]
    subprocess.run(command, input=(HISTORY / f"{name}.diff").read_bytes(), check=True)


def see_room(machine: Machine, one: Edit) -> None:
    """Note how full both were three hours ago, when runs looked last."""
    seen = datetime.now(UTC) - timedelta(hours=3, minutes=10)
    with open_state(machine.root / "var/lib/policyctl/state.db") as state:
        for name, total, used in (("sda", TIB, one.sda), ("synology", 5 * TIB, one.synology)):
            free = round((1 - used) * total)
            state.record_room(name, RoomRecord(free=free, total=total, measured=seen))


@pytest.mark.tool("patch")
def test_each_edit_of_the_history_says_what_it_means(lab: Machine, update_golden: bool) -> None:
    for one in EDITS:
        edit(lab, one.name)
        see_room(lab, one)
        shown = lab("plan")
        assert shown.code == 0, f"{one.name}: {shown.err}"
        text = shown.out.replace(f" --root {lab.root}", "")
        golden = HISTORY / f"{one.name}.plan"
        if update_golden:
            golden.write_text(text)
        assert text == golden.read_text(), "read the difference, then make golden"
        data = lab("plan", "--json").json
        assert [found["code"] for found in data["refused"]] == ["destination-full"] * one.refused
        if one.refused:
            refused = lab("apply")
            assert refused.code == 5
            assert "--accept synology" in refused.err
        accepted = ("--accept", "synology") if one.refused else ()
        done = lab("apply", *accepted)
        assert done.code == 0, f"{one.name}: {done.err}"
        again = lab("plan", "--exit-code")
        assert (again.code, one.name) == (0, one.name)


def test_every_file_of_the_history_belongs_to_an_edit() -> None:
    names = {one.name for one in HISTORY.iterdir()}
    wanted = {f"{one.name}.{kind}" for one in EDITS for kind in ("diff", "plan")}
    assert names == wanted | {"README.md", "start.diff"}
    assert Path(HISTORY / "README.md").read_text().count("\n") > len(EDITS)
