"""`policyctl status` and `seed` while runs go on, for other users, and with a tracker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.plan.readers import readers_of
from engine.records.journal import Change
from engine.system.apply.applied import load_plan
from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.journal.journal import open_journal
from tests.e2e.test_cli import CHECKOUT, MANIFEST, Done, Machine, policyctl
from tests.integration.lab import wrap_rsync

pytestmark = pytest.mark.tool("rsync")
TRACKED = MANIFEST.replace("path: /srv/data, media", "path: /srv/data, track: true, media").replace(
    '"02:00", timeout: 5m', '"02:00", timeout: 5m, full_every: 30d'
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, TRACKED)
    done = found("apply")
    assert done.code == 0, done.err
    return found


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@contextmanager
def going_on(machine: Machine, *words: str, ends: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """A run or seed of `nightly` whose rsync waits until the block is left."""
    go, begun = machine.folder / "go", machine.folder / "begun"
    for file in (go, begun):
        file.unlink(missing_ok=True)
    shutil.rmtree(machine.folder / "bin", ignore_errors=True)
    body = (
        f'case "$*" in *--version*) real "$@";; *) touch {begun}; '
        f'while [ ! -e {go} ]; do sleep 0.02; done; real "$@";; esac'
    )
    search = wrap_rsync(machine.folder / "bin", body)
    command = [sys.executable, "-m", "policyctl.main", *words, "--root", str(machine.root)]
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PATH": search}
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL) as process:
        wait_until(begun.exists)
        try:
            yield process
        finally:
            go.touch()
            if ends:
                process.wait(30)


def everything(machine: Machine) -> dict[str, tuple[int, int, int]]:
    """All below the state folder, and whether anybody touched it.

    In the shared memory of a database each reader takes a place, which leaves no trace.
    """
    paths = [machine.root / "var/lib/policyctl", *(machine.root / "var/lib/policyctl").rglob("*")]
    stats = [(str(path), path.stat()) for path in paths]
    return {
        name: (one.st_ino, 0 if name.endswith("-shm") else one.st_mtime_ns, one.st_size)
        for name, one in stats
    }


def leg(machine: Machine, name: str = "nightly", code: int = 0):
    done = machine("status", "--json")
    assert done.code == code, done.out + done.err
    (found,) = [one for one in done.json["legs"] if one["leg"] == name]
    return found


def seed(machine: Machine, name: str) -> Done:
    return policyctl("seed", name, "--root", str(machine.root))


# ── While a run goes on ──────────────────────────────────────────────────────────────────────


def test_a_run_that_goes_on_is_said_to_and_hides_nothing_of_the_one_before(
    machine: Machine,
) -> None:
    with going_on(machine, "run", "nightly"):
        first = leg(machine)
        assert (first["health"], first["last_run"]["ended"]) == ("waiting for its first run", None)
        assert "  running  " in machine("status").out
    success = leg(machine)["last_success"]
    assert success is not None
    with going_on(machine, "run", "nightly"):
        during = leg(machine)
        assert (during["health"], during["last_success"]) == ("fresh", success)
        assert during["last_run"]["status"] is None
    assert leg(machine)["last_success"] > success


def test_asking_while_a_run_goes_on_makes_and_changes_nothing(machine: Machine) -> None:
    with going_on(machine, "run", "nightly"):
        before = everything(machine)
        assert any(name.endswith("state.db-wal") for name in before)
        for _ in range(2):
            assert machine("status").code == 0
            assert machine("status", "--json").err == ""
        assert everything(machine) == before


@pytest.mark.root
@pytest.mark.tool("setpriv")
def test_another_user_is_told_whose_it_is_and_one_who_may_read_changes_nothing(
    machine: Machine,
) -> None:
    """Who may read the files of the state need not be able to write them."""
    command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
    command += [sys.executable, "-m", "policyctl.main", "status", "--json"]
    command += ["-p", str(machine.manifest), "--root", str(machine.root)]
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}

    def asked() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=variables, capture_output=True, text=True, check=False, cwd="/"
        )

    for folder in [machine.root, *machine.root.parents]:
        if folder.is_relative_to("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    state = machine.root / "var/lib/policyctl"
    with going_on(machine, "run", "nightly"):
        refused = asked()
        assert refused.returncode == 5, refused.stderr
        assert "Permission denied; run it as root" in json.loads(refused.stdout)["error"]
        for path in [state, *state.rglob("*")]:
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        before = everything(machine)
        done = asked()
        assert everything(machine) == before
        assert done.returncode == 0, done.stdout + done.stderr
        (found,) = [one for one in json.loads(done.stdout)["legs"] if one["leg"] == "nightly"]
        assert found["last_run"]["ended"] is None
    for path in [state, *state.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    before = everything(machine)
    done = asked()
    assert done.returncode == 0, done.stdout + done.stderr
    assert everything(machine) == before, "not even a file beside the database"


def test_a_state_of_a_later_version_is_said_to_be_and_left_alone(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    with closing(sqlite3.connect(machine.root / "var/lib/policyctl/state.db")) as db:
        db.execute("PRAGMA user_version = 99")
    database = machine.root / "var/lib/policyctl/state.db"
    before = (database.read_bytes(), database.stat().st_mtime_ns)
    for words in (("status", "--json"), ("run", "nightly", "--json")):
        done = machine(*words)
        assert done.code == 5
        assert "another version" in done.json["error"]
    assert (database.read_bytes(), database.stat().st_mtime_ns) == before


# ── seed ─────────────────────────────────────────────────────────────────────────────────────


def test_a_seed_is_said_to_go_on_and_counts_for_nothing_until_it_ends(machine: Machine) -> None:
    with going_on(machine, "seed", "nightly", ends=False) as process:
        during = leg(machine)
        assert during["health"] == "seeding"
        assert during["seeding_since"] == during["last_run"]["started"]
        assert (during["last_success"], during["data_as_of"]) == (None, None)
        shown = machine("status")
        assert shown.out.startswith("OK: ")
        assert "nightly: seeding since " in shown.out
        assert "no copy is counted until a pass succeeds" in shown.out
        assert machine("run", "nightly").code == 75, "its timer goes on meanwhile"
        assert leg(machine)["health"] == "seeding"
        since = during["seeding_since"]
        process.kill()
        process.wait()
    stopped = leg(machine, code=5)
    assert (stopped["health"], stopped["seeding_since"]) == ("seed interrupted", since)
    assert stopped["last_run"]["status"] == "killed"
    with going_on(machine, "seed", "nightly"):
        assert leg(machine)["seeding_since"] == since, "since the first of them"
    done = leg(machine)
    assert (done["health"], done["seeding_since"]) == ("fresh", None)
    assert done["last_run"]["mode"] == "seed"
    again = seed(machine, "nightly")
    assert again.code == 5
    assert "nightly has its copies: it succeeded on " in again.err
    assert "policyctl run nightly --full" in again.err


def test_a_seed_that_is_interrupted_says_how_to_go_on(machine: Machine) -> None:
    with going_on(machine, "seed", "nightly") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert leg(machine, code=5)["health"] == "seed interrupted"
    assert seed(machine, "nobody").code == 5
    assert seed(machine, "nightly").code == 0


# ── The tracker and the journal ──────────────────────────────────────────────────────────────


def tracker(machine: Machine, code: int = 0):
    done = machine("status", "--json")
    assert done.code == code, done.out + done.err
    return done.json["tracker"]


def test_the_tracker_is_told_alive_dead_and_not_started(machine: Machine) -> None:
    never = tracker(machine)
    assert (never["health"], never["read_in_full"]) == ("not running", ["data"])
    command = [sys.executable, "-m", "policyctl.main", "track", "--root", str(machine.root)]
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: tracker(machine)["health"] == "running")
            alive = tracker(machine)
        finally:
            process.kill()
    assert (alive["healthy"], alive["read_in_full"]) == (True, [])
    assert alive["watches"] >= 2, "the root and the folder that the leg takes"
    dead = machine("status")
    assert dead.code == 5
    assert dead.out.splitlines()[0] == "CRITICAL: the tracker is dead"
    assert "tracker: DEAD, last seen " in dead.out
    assert "; read in full: data" in dead.out
    assert tracker(machine, code=5)["watches"] == 0


def test_what_waits_in_the_journal_is_told_live(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    places = Places(root=machine.root)
    plan = load_plan(machine.root)
    assert plan is not None
    assert [one.leg for one in readers_of(plan)] == ["nightly"]
    with open_journal(places.journal_file) as journal:
        journal.add_reader_gap("nightly", "data", "it was restarted", datetime.now(UTC))
        journal.record_tree("data", [Change(b"a/file"), Change(b"a/other")])
    assert leg(machine)["pending_changes"] is None, "nobody notes what else has changed"
    with hold(places.tracker_lock):
        found = leg(machine)
    assert found["pending_changes"] == 2
    assert found["full_pass_due"] > found["last_success"]
    with hold(places.leg_lock("nightly")):
        assert leg(machine)["health"] == "fresh", "a held lock alone is no run"
    done = machine("run", "nightly", "--json")
    (feed,) = done.json["feeds"]
    assert (feed["mode"], feed["mode_reason"].endswith("it was restarted")) == ("full", True)
    with hold(places.tracker_lock):
        assert leg(machine)["pending_changes"] == 0
