"""`policyctl run --due` and `--all`, as cron and people start them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli_server import run_cli
from tests.integration.lab import wrap_rsync

pytestmark = pytest.mark.tool("rsync")
CHECKOUT = Path(__file__).parents[2]
# By name and by place in the file, what depends on something comes before it.
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
  nas: {{path: /mnt/nas, media: nas, site: office}}
  usb: {{path: /mnt/usb, media: hdd, site: drawer, presence: sometimes}}
sources:
  data: {{kind: tree, path: /srv/data}}
  movies: {{kind: tree, path: /srv/films}}
legs:
  afar: {{kind: mirror, from: disk, to: "nas:/copies", schedule: "{hour}", timeout: 5m}}
  drawer: {{kind: mirror, from: near, to: "usb:/copies", schedule: "{hour}", timeout: 5m}}
  films: {{kind: mirror, to: "nas:/films", schedule: "{hour}", timeout: 5m}}
  near: {{kind: mirror, to: "disk:/", schedule: "{hour}", timeout: 5m}}
  weekly: {{kind: mirror, from: near, to: "nas:/weekly", schedule: "{later}", timeout: 5m}}
routes:
  /srv/data: near
  /srv/films: films
"""


@dataclass
class Machine:
    """A staged machine whose legs have their time an hour ago, one of them an hour from now."""

    root: Path

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        hour = f"{now - timedelta(hours=1):%H:%M}"
        later = f"{now + timedelta(hours=1):%H:%M}"
        for place in ("mnt/disk", "mnt/nas", "mnt/usb", "srv/data", "srv/films"):
            (self.root / place).mkdir(parents=True)
        for file in ("srv/data/one", "srv/films/film"):
            (self.root / file).write_text("content")
        text = MANIFEST.format(host=socket.gethostname(), hour=hour, later=later)
        (self.root / "policy.yaml").write_text(text)
        self("apply", "-p", str(self.root / "policy.yaml"), "--accept-removals")
        self.applied_before(timedelta(hours=30))

    def command(self, *words: str) -> list[str]:
        verb, *rest = words
        root = ["--root", str(self.root)]
        return [sys.executable, "-m", "policyctl.main", verb, *root, *rest]

    def environment(self, **variables: str) -> dict[str, str]:
        """What cron gives a command, more or less: no systemd, no terminal."""
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **variables}

    def __call__(self, *words: str, code: int = 0, **variables: str) -> str:
        command = self.command(*words)[3:]
        done = run_cli(*command, environment=self.environment(**variables))
        assert done.code == code, done.out + done.err
        assert b"Traceback" not in done.err, done.err
        return done.out.decode()

    def started(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words),
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def due(self, code: int = 0, **variables: str) -> list[str]:
        """The legs that ran, in their order."""
        return self.ran("--due", code=code, **variables)

    def ran(self, how: str, code: int = 0, **variables: str) -> list[str]:
        told = json.loads(self("run", how, "--json", code=code, **variables))
        return [one["leg"] for one in told]

    def applied_before(self, ago: timedelta) -> None:
        """Let the last apply be so long ago."""
        file = self.root / "var/lib/policyctl/applied.json"
        record = json.loads(file.read_text())
        record["applied_at"] = (datetime.now(UTC) - ago).isoformat()
        file.write_text(json.dumps(record))

    def shift(self, by: timedelta, leg: str = "%") -> None:
        """Let all runs so far have been later, or with a negative time earlier."""
        with closing(sqlite3.connect(self.root / "var/lib/policyctl/state.db")) as db:
            rows = db.execute("SELECT run_id, started, due FROM run WHERE leg LIKE ?", (leg,))
            for run_id, *moments in rows.fetchall():
                new = [
                    (datetime.fromisoformat(one) + by).isoformat() if one else None
                    for one in moments
                ]
                db.execute("UPDATE run SET started = ?, due = ? WHERE run_id = ?", (*new, run_id))
            db.commit()


ALL_DUE = ["films", "near", "afar", "drawer", "weekly"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def test_what_was_missed_is_caught_up_once_in_the_order_of_what_reads_what(
    machine: Machine,
) -> None:
    # `weekly` has its time in an hour: it is due since yesterday, before all others.
    order = machine.due()
    assert sorted(order) == sorted(ALL_DUE)
    assert order.index("near") < min(map(order.index, ("afar", "drawer", "weekly")))
    for copy in (
        "disk/one",
        "nas/copies/one",
        "nas/weekly/one",
        "nas/films/film",
        "usb/copies/one",
    ):
        assert (machine.root / "mnt" / copy).exists(), copy
    assert machine.due() == [], "the second one right after it has nothing to do"
    machine.shift(timedelta(days=-9))
    assert machine.due() == order, "nine days were missed: once"
    assert machine.due() == []


def test_a_failed_run_is_tried_again_at_its_next_time_and_not_at_once(machine: Machine) -> None:
    machine.due()
    film = machine.root / "srv/films/film"
    film.unlink()
    machine.shift(timedelta(days=-1))
    assert "films" in machine.due(code=5), "refused: its source is empty"
    film.write_text("again")
    assert machine.due() == []
    machine.shift(timedelta(days=-1))
    assert "films" in machine.due()


def test_a_disk_that_is_away_sometimes_is_waited_for(machine: Machine) -> None:
    usb, away = machine.root / "mnt/usb", machine.root / "away"
    usb.rename(away)
    assert "drawer" not in machine.due()
    assert machine.due() == []
    shown = machine("run", "--due", "--explain")
    assert shown.strip() == ""
    away.rename(usb)
    assert machine.due() == ["drawer"], "once it is there, whatever the time"
    assert machine.due() == []


def test_law_25_a_disk_that_is_away_keeps_its_last_figure(machine: Machine) -> None:
    machine.ran("--all")
    (machine.root / "mnt/usb").rename(machine.root / "away")
    machine("run", "drawer", code=5)
    shown = machine("status", code=5)
    (line,) = [one for one in shown.splitlines() if one.startswith("destination usb: ")]
    assert "free of" in line


def test_a_disk_that_was_never_there_yet_is_waited_for_too(machine: Machine) -> None:
    """It was away at `apply` as well, so nothing is known of it."""
    shutil.rmtree(machine.root / "mnt/usb")
    state = machine.root / "var/lib/policyctl/state.db"
    with closing(sqlite3.connect(state)) as db:
        db.execute("DELETE FROM destination WHERE name = 'usb'")
        db.commit()
    assert "drawer" not in machine.due()
    assert machine.due() == []


def test_all_runs_everything_now_in_the_same_order(machine: Machine) -> None:
    machine.due()
    order = machine.ran("--all")
    assert order == ["films", "near", "afar", "drawer", "weekly"]


def test_the_exit_code_is_that_of_the_worst_run(machine: Machine, tmp_path: Path) -> None:
    """Neither is a failure hidden behind a degraded run, nor behind a leg that is locked."""
    body = (
        'case "$*" in *--version*) real "$@";; */mnt/nas/films*) exit 23;; '
        '*/mnt/disk/*) exit 12;; *) real "$@";; esac'
    )
    search = wrap_rsync(tmp_path / "bin", body)
    told = json.loads(machine("run", "films", "near", "--json", code=5, PATH=search))
    assert [one["status"] for one in told] == ["degraded", "failed"]
    machine("run", "films", code=6, PATH=search)
    # The leg's lock in the hands of another run.
    hold = (
        "import sys, time; from pathlib import Path; from engine.system.host.lock import hold\n"
        "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    lock = machine.root / "var/lib/policyctl/locks/leg.films.lock"
    command = [sys.executable, "-c", hold, str(lock)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        told = json.loads(machine("run", "near", "films", "--json", code=5, PATH=search))
        assert [one["status"] for one in told] == ["failed", "locked"]
        machine("run", "films", code=75)
        holder.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_whole_row(
    machine: Machine, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    body = f'case "$*" in *--version*) real "$@";; *) touch {tmp_path}/begun; sleep 30;; esac'
    process = machine.started("run", "--due", "--json", PATH=wrap_rsync(tmp_path / "bin", body))
    wait_until((tmp_path / "begun").exists)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == code
    (only,) = json.loads(out)
    assert (only["status"], only["reason"]) == ("interrupted", f"ended by {number.name}")
    first = only["leg"]
    assert sorted([first, *machine.due()]) == sorted(ALL_DUE), "the others are due as before"


def test_law_21_a_second_row_beside_the_first_neither_overtakes_nor_repeats(
    machine: Machine, tmp_path: Path
) -> None:
    """cron starts one every quarter of an hour, whether the last has ended or not."""
    body = (
        f'case "$*" in *--version*) real "$@";; '
        f"*/mnt/disk/*) touch {tmp_path}/begun; "
        f'while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; real "$@";; *) real "$@";; esac'
    )
    search = wrap_rsync(tmp_path / "bin", body)
    machine("run", "weekly", "films", code=5)  # weekly: there is nothing to read yet
    process = machine.started("run", "--due", "--json", PATH=search)
    wait_until((tmp_path / "begun").exists)
    try:
        assert machine.due(PATH=search) == [], "near goes on: what reads its copies waits"
        machine("run", "films", PATH=search)
    finally:
        (tmp_path / "go").touch()
    out, _ = process.communicate(timeout=30)
    assert [one["leg"] for one in json.loads(out)] == ["near", "afar", "drawer"]
    assert machine.due() == []


def test_what_another_row_has_begun_meanwhile_is_not_run_twice(
    machine: Machine, tmp_path: Path
) -> None:
    body = (
        f'case "$*" in *--version*) real "$@";; '
        f"*/mnt/disk/*) touch {tmp_path}/begun; "
        f'while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; real "$@";; *) real "$@";; esac'
    )
    search = wrap_rsync(tmp_path / "bin", body)
    process = machine.started("run", "--due", "--json", PATH=search)
    wait_until((tmp_path / "begun").exists)
    machine("run", "drawer", code=5)  # by hand, and too early: refused, but begun
    (tmp_path / "go").touch()
    out, _ = process.communicate(timeout=30)
    assert "drawer" not in [one["leg"] for one in json.loads(out)]


def test_a_run_from_a_time_when_the_clock_was_wrong_holds_nothing_up(machine: Machine) -> None:
    machine.due()
    machine.shift(timedelta(days=1_000))
    machine.applied_before(timedelta(days=-1_000))
    status = json.loads(machine("status", "--json", code=5))
    assert {one["health"] for one in status["legs"]} == {"ahead of the clock"}
    assert sorted(machine.due()) == sorted(ALL_DUE)
    assert machine.due() == [], "and once is enough"
    status = json.loads(machine("status", "--json"))
    assert {one["health"] for one in status["legs"]} == {"fresh"}


def test_a_clock_that_jumps_back_an_hour_repeats_at_most_once(machine: Machine) -> None:
    machine.due()
    machine.shift(timedelta(hours=1))
    assert sorted(set(machine.due())) == sorted(ALL_DUE)
    assert machine.due() == []


def test_a_row_goes_on_although_nobody_can_read_what_it_prints(machine: Machine) -> None:
    """A log on a full disk must not keep the other legs from running."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            machine.command("run", "--due"),
            env=machine.environment(PYTHONUNBUFFERED="1"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert "the result could not be written" in done.stderr
    assert machine.due() == []
