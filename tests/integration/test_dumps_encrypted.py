"""Encrypted dumps: in the clear they lie in the run's own directory, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import engine.system.passes.dump_runs as dump_runs
from engine.records.reports import RunStatus
from tests.databases import make
from tests.integration.dumping import House, holding, instead, small_disk
from tests.integration.killing import die, killed
from tests.integration.lab import tree, write
from tests.integration.test_dumps_of_programs import FILL, KEY, filling, program

pytestmark = pytest.mark.tool("rsync", "age", "tar")
SECRET = "PLAINSECRET-5d21"


@pytest.fixture
def house(tmp_path: Path) -> House:
    make(tmp_path / "data/db.sqlite3")
    write(tmp_path / "data/key.pem", SECRET)
    write(tmp_path / "data/files/a", SECRET)
    source = f"kind: sqlite, path: {tmp_path}/data/db.sqlite3, with: ['*.pem', files]"
    return House(tmp_path, source, options={"encrypt": f"{{age: [{KEY}]}}"})


def run_folder(house: House) -> Path:
    return house.top / "state/run/dump"


def test_law_22_the_destination_never_holds_it_in_the_clear(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked for while age runs: by then all of it lies somewhere."""
    seen = house.top / "seen"
    look = f"grep -rl {SECRET} {house.disk} {house.top}/state > {seen}; true"
    instead(monkeypatch, house.top, "age", f'{look}\nreal "$@"')
    assert "in the private directory of this run until it is encrypted by age" in house.explain()
    house.good()
    assert house.names == ["beside.tar.age", "db.sqlite3.age"]
    found = [Path(one).relative_to(run_folder(house)) for one in seen.read_text().split()]
    assert sorted(map(str, found)) == ["plain/files/a", "plain/key.pem"]
    assert not run_folder(house).exists()
    assert house.record.sums == ""
    assert holding(SECRET, house.disk, house.top / "state") == []


def test_what_a_killed_run_leaves_is_closed_and_goes_with_the_next(house: House) -> None:
    def patch() -> None:
        setattr(dump_runs, "pack", die)  # noqa: B010 - in this process alone

    killed(house.run, patch)
    left = holding(SECRET, house.disk, house.top / "state")
    assert sorted(one.name for one in left) == ["a", "key.pem"]
    assert all(one.is_relative_to(run_folder(house)) for one in left)
    assert run_folder(house).stat().st_mode & 0o077 == 0
    house.good()
    assert holding(SECRET, house.disk, house.top / "state") == []


def test_however_deep_what_a_killed_run_leaves_goes(house: House) -> None:
    deep = run_folder(house) / "plain"
    deep.mkdir(parents=True)
    subprocess.run(
        ["python3", "-c", "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')"],
        cwd=deep,
        check=True,
    )
    house.good()
    assert not run_folder(house).exists()


def test_packing_has_the_time_of_the_leg(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.timeout = "3s"
    instead(monkeypatch, house.top, "tar", "sleep 60")
    assert house.run().status is RunStatus.TIMED_OUT
    assert [one.name for one in house.left_over()] == ["db.sqlite3.age"]
    assert house.generations == []
    assert holding(SECRET, house.disk, house.top / "state") == []


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
@pytest.mark.parametrize("encrypted", [True, False])
def test_holes_take_no_room(house: House, monkeypatch: pytest.MonkeyPatch, encrypted: bool) -> None:
    large = house.top / "data/files/large"
    write(large, b"x" * 10_000)
    os.truncate(large, 200 << 20)
    seen = house.top / "seen"
    seen.touch()
    instead(monkeypatch, house.top, "age", f'du -sk {house.top}/state >> {seen}; real "$@"')
    if not encrypted:
        del house.options["encrypt"]
    with small_disk(house, "3m"):
        house.good()
    used = [int(line.split()[0]) for line in seen.read_text().splitlines()]
    assert len(used) == 2 * encrypted
    assert max(used, default=0) < 4_000


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_where_there_is_no_room_for_it_that_is_told(tmp_path: Path) -> None:
    """Of the destination, which has room, nothing goes for it."""
    house = filling(tmp_path, f'{FILL}; echo 1 > "$into/a"')
    house.options["encrypt"] = f"{{age: [{KEY}]}}"
    first = house.good()
    state = tmp_path / "state"
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(state / "run")]
    printing = json.dumps([str(program(tmp_path, "head -c 9000000 /dev/urandom"))])
    house.source = f"kind: command, run: {printing}, file: large"
    subprocess.run(command, check=True)
    try:
        report = house.refused(f"large: {state}/run/dump is full, where it lies in the clear")
    finally:
        subprocess.run(["umount", str(state / "run")], check=True)
    assert "the disk is full: what was written" not in report.reason
    assert house.generations == [first]


def test_what_was_packed_is_what_lay_there(house: House) -> None:
    key = house.top / "key"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    command = ["age-keygen", "-y", str(key)]
    public = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    house.options["encrypt"] = f"{{age: [{public}]}}"
    house.good()
    done = house.ask_back("shop:", "--to", str(house.top / "came"), "--identity", str(key))
    assert done.code == 0, (done.out, done.err)
    (packed,) = (house.top / "came").rglob("beside.tar")
    subprocess.run(["tar", "-xf", packed.name], cwd=packed.parent, check=True)
    before, after = tree(house.top / "data"), tree(packed.parent)
    for name in (b"key.pem", b"files", b"files/a"):
        assert after[name] == before[name]
