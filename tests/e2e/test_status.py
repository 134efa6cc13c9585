"""`policyctl status`, told figures and exit codes, as a user meets them."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.test_cli import CHECKOUT, MANIFEST, REFERENCE, Machine
from tests.integration.lab import wrap_rsync

FOLDER = "var/lib/node-exporter"
TOLD = f"monitoring: {{textfile: /{FOLDER}, pushgateway: 'http://127.0.0.1:9'}}\n"
HEADER = ["leg", "kind", "state", "last run", "ended", "age", "allowed", "next run"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, MANIFEST + TOLD)
    done = found("apply")
    assert done.code == 0, done.err
    return found


def everything(machine: Machine) -> dict[str, tuple[int, int, int]]:
    """Every file below the root, and whether anybody touched it."""
    paths = [path for path in sorted(machine.root.rglob("*")) if path.is_file()]
    stats = [(str(path), path.stat()) for path in paths]
    return {name: (one.st_ino, one.st_mtime_ns, one.st_size) for name, one in stats}


def change(machine: Machine, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(machine.root / "var/lib/policyctl/state.db")) as db:
        db.execute(statement, values)
        db.commit()


def leg(machine: Machine, name: str = "nightly"):
    (found,) = [one for one in machine("status", "--json").json["legs"] if one["leg"] == name]
    return found


@pytest.mark.tool("rsync")
def test_asking_makes_and_changes_nothing(machine: Machine) -> None:
    for _ in range(2):
        before = everything(machine)
        assert machine("status").code == 0
        assert machine("status", "--json").code == 0
        assert everything(machine) == before
        assert machine("run", "nightly").code == 0
    for name in ("state.db", "journal.db"):
        (machine.root / "var/lib/policyctl" / name).unlink(missing_ok=True)
    before = everything(machine)
    done = machine("status")
    assert (done.code, done.out) == (5, ""), "nobody knows what ran: that is not healthy"
    assert "state.db is not there, though a plan is applied" in done.err
    assert everything(machine) == before


@pytest.mark.tool("rsync")
def test_the_first_line_is_the_answer(machine: Machine) -> None:
    fresh = machine("status")
    assert fresh.out.splitlines()[0] == ("OK: 4 legs: 2 waiting for a first run, 2 run elsewhere")
    assert " ".join(HEADER).split() in [line.split() for line in fresh.out.splitlines()]
    assert machine("run", "nightly").code == 0
    assert machine("status").out.startswith("OK: 4 legs: 1 fresh, 1 waiting for a first run, ")
    shutil.rmtree(machine.root / "srv/data")
    assert machine("run", "nightly").code == 5
    failing = machine("status")
    assert failing.code == 5
    assert failing.out.splitlines()[0] == "CRITICAL: 1 of 4 legs needs you: nightly (failing)"
    assert "\nnightly: data refused: " in failing.out
    shown = machine("status", "--json").json
    assert (shown["healthy"], shown["summary"]) == (False, failing.out.splitlines()[0])


@pytest.mark.tool("rsync")
def test_json_tells_all_that_is_known(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    shown = machine("status", "--json").json
    keys = ["healthy", "summary", "sources", "legs", "destinations", "generations", "drills"]
    keys += ["checks", "tracker", "policy", "notes"]
    keys += ["new_entries", "vanished_entries", "orphans", "acceptances", "rollbacks_half_done"]
    assert list(shown) == keys
    one = leg(machine)
    assert one["data_as_of"] == one["last_run"]["started"] == one["last_success"]
    assert one["last_run"]["mode"] == "full"
    assert (one["last_run"]["bytes"], one["last_run"]["files"]) == (3, 1)
    assert one["pending_changes"] is None
    assert one["full_pass_due"] is None
    (item,) = one["items"]
    assert (item["item"], item["healthy"], item["status"]) == ("data", True, "ok")
    disk, nas = shown["destinations"]
    assert (disk["destination"], nas["health"]) == ("disk", "not measured yet")
    assert 0 < disk["free_bytes"] < disk["size_bytes"]
    assert disk["max_used"] == 0.9
    assert disk["age_seconds"] < 60
    assert shown["tracker"] is None


@pytest.mark.tool("rsync")
def test_an_old_figure_of_the_room_is_said_to_be(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    then = (datetime.now(UTC) - timedelta(days=3, hours=23, minutes=30)).isoformat()
    change(machine, "UPDATE room SET free = 50, total = 100, measured = ?", then)
    done = machine("status")
    assert done.code == 0
    assert "destination disk: 50 B free of 100 B, 50% used of at most 90%" in done.out
    assert ": not measured lately; measured 4 d ago" in done.out


@pytest.mark.tool("rsync")
def test_law_25_it_is_said_when_a_disk_will_be_full(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    today = datetime.now(UTC)
    change(machine, "DELETE FROM room_day")
    for ago in range(20, -1, -1):
        day = (today - timedelta(days=ago)).date().isoformat()
        change(machine, "INSERT INTO room_day VALUES ('disk', ?, ?, 1000)", day, 500 + 10 * ago)
    change(machine, "UPDATE room SET free = 500, total = 1000")
    full = (today.date() + timedelta(days=40)).isoformat()
    assert f"; full on about {full} at this rate" in machine("status").out
    disk, nas = machine("status", "--json").json["destinations"]
    assert (disk["full_on"], nas["full_on"]) == (full, None)
    change(machine, "UPDATE room_day SET free = 500")
    assert "full on" not in machine("status").out


@pytest.mark.tool("rsync")
def test_a_seed_is_said_to_be_one(machine: Machine) -> None:
    then = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert machine("run", "nightly").code == 0
    change(machine, "DELETE FROM item")
    change(machine, "UPDATE run SET status = 'running', ended = NULL, mode = 'seed'")
    change(machine, "UPDATE run SET started = ?", then)
    done = machine("status")
    assert (done.code, "seed interrupted" in done.out) == (5, True)
    assert "\nnightly: seeding since " in done.out
    assert leg(machine)["seeding_since"] == then


# ── Telling ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("rsync")
def test_a_run_tells_the_folder_below_the_root_and_nobody_outside(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0, "below a root no gateway is told"
    folder = machine.root / FOLDER
    told = {one.name for one in folder.iterdir()}
    parts = {"policyctl.destination.disk.prom", "policyctl.policy.prom"}
    assert told == {"policyctl-nightly.prom", *parts}
    text = (folder / "policyctl-nightly.prom").read_text()
    assert 'policyctl_leg_status{kind="mirror",leg="nightly",status="ok"} 1.0' in text


@pytest.mark.tool("rsync")
@pytest.mark.parametrize(
    ("limit", "sent", "code", "status"),
    [("2s", None, 5, "timed_out"), ("5m", signal.SIGTERM, 143, "interrupted")],
)
def test_law_06_a_run_that_is_ended_tells_it(
    tmp_path: Path, limit: str, sent: signal.Signals | None, code: int, status: str
) -> None:
    text = (MANIFEST + TOLD).replace('"02:00", timeout: 5m', f'"02:00", timeout: {limit}')
    machine = Machine(tmp_path, text)
    assert machine("apply").code == 0
    body = f'case "$*" in --version) real "$@";; *) touch {tmp_path}/begun; exec sleep 60;; esac'
    command = [sys.executable, "-m", "policyctl.main", "run", "nightly"]
    search = wrap_rsync(tmp_path / "bin", body)
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PATH": search}
    command += ["--root", str(machine.root)]
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL) as process:
        while not (tmp_path / "begun").exists() and process.poll() is None:
            time.sleep(0.05)
        if sent is not None:
            process.send_signal(sent)
        assert process.wait() == code
    text = (machine.root / FOLDER / "policyctl-nightly.prom").read_text()
    assert f'policyctl_leg_status{{kind="mirror",leg="nightly",status="{status}"}} 1.0' in text
    assert "policyctl_leg_last_run_timestamp_seconds" in text
    assert "last_success" not in text, "neither of the leg nor of its item"
    item = 'policyctl_item_status{item="data",kind="mirror",leg="nightly",status='
    assert f'{item}"{status}"}} 1.0' in text


@pytest.mark.tool("rsync")
def test_law_06_a_success_that_nobody_was_told_of_is_a_failure(machine: Machine) -> None:
    shutil.rmtree(machine.root / FOLDER)
    (machine.root / FOLDER).write_text("a file stands where the folder should")
    done = machine("run", "nightly")
    assert done.code == 5
    assert done.out.startswith("nightly: ok after ")
    assert "nightly: not told: " in done.out
    assert "the copies are as they should be, but nobody who watches knows" in done.out
    assert (machine.root / "mnt/disk/a/file").exists()
    status = machine("status")
    assert status.code == 5
    first = status.out.splitlines()[0]
    assert first == "CRITICAL: 1 of 4 legs needs you: nightly (not told)"
    one = leg(machine)
    assert (one["health"], one["healthy"]) == ("fresh", False)
    assert "node-exporter" in one["not_told"]
    (machine.root / FOLDER).unlink()
    again = machine("run", "nightly", "--json")
    assert (again.code, again.json["not_told"]) == (0, None)
    assert machine("status").code == 0


@pytest.mark.tool("rsync")
def test_law_36_a_leg_that_leaves_takes_its_file_along(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    file = machine.root / FOLDER / "policyctl-nightly.prom"
    renamed = file.with_name("policyctl-local.prom")
    machine.edit("  nightly: {kind: mirror,", "  local: {kind: mirror, was: nightly,")
    machine.edit("  /srv/data: nightly", "  /srv/data: local")
    assert file.exists()
    assert machine("apply").code == 0
    assert (file.exists(), renamed.exists()) == (False, True)
    machine.edit(TOLD, "")
    assert machine("apply").code == 0
    assert list(file.parent.iterdir()) == []


def test_law_36_a_refused_apply_removes_nothing(machine: Machine) -> None:
    machine.edit(TOLD, "")
    machine.edit("04:00", "04:30")
    timer = machine.root / "etc/systemd/system/policyctl-direct.timer"
    timer.write_text(timer.read_text() + "# by hand\n")
    before = everything(machine)
    assert machine("apply").code == 5
    after = everything(machine)
    assert {one for one in after if "leaving" in one} == set()
    assert {name: after[name] for name in before if "locks" not in name} == {
        name: one for name, one in before.items() if "locks" not in name
    }


# ── Narrow terminals ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("columns", [72, 100, 200])
def test_the_table_of_the_reference_fits_the_terminal(tmp_path: Path, columns: int) -> None:
    lab = Machine(tmp_path, REFERENCE.read_text())
    assert lab("apply").code == 0
    assert len(lab("status", "--json").json["legs"]) >= 17
    done = lab("status", COLUMNS=str(columns))
    lines = done.out.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("leg "))
    table = lines[first : first + 18]
    assert max(map(len, table)) <= columns
    assert table[0].split()[0] == "leg"
    assert {"state", "age"} <= set(table[0].split())
    assert ("kind" in table[0]) == (columns >= 100)
    assert "tracker: not running; start it with `systemctl start" in done.out
    assert "; read in full: nfs, nfs-ssd" in done.out
    assert done.code == 0


@pytest.mark.tool("promtool", "rsync")
def test_promtool_has_nothing_to_say_of_a_whole_folder(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    text = b"".join(one.read_bytes() for one in (machine.root / FOLDER).iterdir())
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, check=False, env=os.environ)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.tool("rsync")
def test_nothing_is_safe_that_no_run_has_taken_since_its_route_came(tmp_path: Path) -> None:
    applied = Machine(tmp_path)
    assert applied("apply").code == 0
    assert applied("run", "nightly", "direct").code == 0
    assert "until its next run" not in applied("status").out
    applied.write("srv/data/huge/f", "x")
    applied.edit("  /srv/data/big: direct", "  /srv/data/big: direct\n  /srv/data/huge: direct")
    assert applied("apply").code == 0
    assert "until its next run" in applied("status").out
    assert applied("run", "nightly", "direct").code == 0
    assert "until its next run" not in applied("status").out


@pytest.mark.tool("rsync")
def test_an_edit_concerns_the_parts_that_it_touches(machine: Machine) -> None:
    """A line that changes nothing, and a carve-out elsewhere, leave the copies that there are."""

    def data() -> dict[str, object]:
        (found,) = [
            one for one in machine("status", "--json").json["sources"] if one["source"] == "data"
        ]
        return found

    machine.write("srv/data/b/file", "two")
    assert machine("run", "nightly", "direct").code == 0
    assert (data()["safety"], data()["fresh_copies"]) == ("safe", 1)
    machine.edit("  /srv/data: nightly", "  /srv/data: nightly\n  /srv/data/a: nightly")
    assert machine("apply").code == 0
    assert (data()["safety"], data()["fresh_copies"]) == ("safe", 1)
    assert machine("run", "nightly", "direct").code == 0
    machine.edit("  /srv/data/a: nightly", "  /srv/data/a: {none: gone}")
    assert machine("apply").code == 0
    assert (data()["safety"], data()["fresh_copies"]) == ("safe", 1)
    assert machine("run", "nightly", "direct").code == 0
    machine.edit('  /srv/data/scratch: {none: "made anew each day"}\n', "")
    assert machine("apply").code == 0
    found = data()
    assert (found["safety"], found["part"]) == ("at risk", "/srv/data")
    assert found["limit"] == "no run of nightly since its rules or its place changed"
