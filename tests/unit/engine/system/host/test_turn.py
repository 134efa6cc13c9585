"""Waiting in turn for a destination, and never standing in anybody's way: real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.system.host.lock import Locked, hold
from engine.system.host.lock_probe import is_held
from engine.system.host.turn import Turn, hold_in_turn
from policyctl.exit_codes import ExitCode
from policyctl.views.run import exit_code_of
from tests.integration.lab import Lab, manifest, tree, wrap_rsync, write

REPOSITORY = Path(__file__).resolve().parents[5]
DUE = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
WAITER = """\
import sys, time
from datetime import datetime
from pathlib import Path
from engine.system.host.lock import Locked
from engine.system.host.turn import Turn, hold_in_turn
lock, due, name, wait = sys.argv[1:]
turn = Turn(due=datetime.fromisoformat(due), name=name)
try:
    told = lambda: print("waiting", flush=True)
    with hold_in_turn(Path(lock), turn=turn, wait=float(wait), on_wait=told):
        with open(lock + ".order", "a") as order:
            order.write(name + "\\n")
        print("held", flush=True)
        time.sleep(0.3)
except Locked as locked:
    print(locked, flush=True)
"""


def waiter(lock: Path, name: str, due: datetime = DUE, wait: float = 30.0) -> subprocess.Popen[str]:
    """A process that takes its turn, and holds the lock for a moment."""
    return subprocess.Popen(
        [sys.executable, "-c", WAITER, str(lock), due.isoformat(), name, str(wait)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(*processes: subprocess.Popen[str]) -> list[str]:
    return [one.communicate(timeout=30)[0].strip() for one in processes]


@contextmanager
def waiting(lock: Path, *turns: tuple[str, datetime]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes started one after the other, which wait for as long as the block lasts."""
    with hold(lock):
        processes = []
        for name, due in turns:
            processes.append(waiter(lock, name, due))
            assert says(processes[-1]) == "waiting"
        yield processes


def order(lock: Path) -> list[str]:
    return lock.with_name(lock.name + ".order").read_text().split()


def test_law_21_the_order_is_due_time_then_name_and_not_who_came_first(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    later = DUE + timedelta(minutes=1)
    with waiting(lock, ("a-late", later), ("z-early", DUE), ("b-early", DUE)) as processes:
        pass
    ended(*processes)
    assert order(lock) == ["b-early", "z-early", "a-late"]


def test_law_07_a_waiter_that_is_killed_holds_nobody_up(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with waiting(lock, ("later", DUE + timedelta(hours=1)), ("first", DUE)) as processes:
        later, first = processes
        first.send_signal(signal.SIGKILL)
        first.communicate()
        assert (tmp_path / "lock.queue/first.turn").exists(), "its ticket lies there still"
    began = time.monotonic()
    ended(later)
    assert time.monotonic() - began < 5
    assert order(lock) == ["later"]


def test_who_waits_too_long_gives_up_and_leaves_the_queue(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with waiting(lock, ("patient", DUE + timedelta(hours=1))) as (patient,):
        hasty = waiter(lock, "hasty", DUE, wait=0.5)
        assert ended(hasty) == [f"waiting\nlock is held by process {os.getpid()}"]
    ended(patient)
    assert order(lock) == ["patient"]


def test_who_is_held_up_by_the_queue_alone_says_so(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    queue = tmp_path / "lock.queue"
    with hold(queue / "first"):
        (queue / "first.turn").write_text(Turn(due=DUE, name="first").text)
        turn = Turn(due=DUE, name="second")
        held_up = hold_in_turn(lock, turn=turn, wait=0.3)
        with pytest.raises(Locked, match=r"^lock is held by another leg that is due before$"):
            held_up.__enter__()
    with hold_in_turn(lock, turn=turn, wait=0.0):
        assert is_held(lock)
    assert not is_held(lock)


def test_a_ticket_that_is_only_half_written_is_no_failure(tmp_path: Path) -> None:
    queue = tmp_path / "lock.queue"
    queue.mkdir()
    (queue / "half.turn").write_bytes(b"")
    (queue / "odd.turn").write_bytes(b"\xff\xfe")
    with hold_in_turn(tmp_path / "lock", turn=Turn(due=DUE, name="leg"), wait=0.0):
        pass


def test_a_turn_is_the_same_moment_in_all_time_zones() -> None:
    east = DUE.astimezone(timezone(timedelta(hours=9)))
    assert Turn(due=east, name="a").text == Turn(due=DUE, name="a").text
    turns = [
        Turn(due=DUE + timedelta(seconds=number * 7919), name=name)
        for number in range(-3, 4)
        for name in ("a", "ab", "a-b", "b1")
    ]
    assert sorted(turns) == sorted(turns, key=lambda one: one.text)


def test_giving_up_waiting_in_the_middle_gives_both_back(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    turn = Turn(due=DUE, name="leg")
    with pytest.raises(ValueError, match="oops"), hold_in_turn(lock, turn=turn, wait=0.0):
        raise ValueError("oops")
    with hold(lock), hold(tmp_path / "lock.queue/leg"):
        pass


# ── E3: three starts of one leg ──────────────────────────────────────────────────────────────

RUN = """\
import sys
from pathlib import Path
from engine.system.host.places import Places
from engine.system.runs.runner import run_leg
from policyctl.views.run import exit_code_of
from tests.integration.lab import compiled
root, text, leg = sys.argv[1:]
report = run_leg(compiled(Path(text).read_text()), leg, places=Places(root=Path(root)))
print(report.status.value, report.reason, flush=True)
sys.exit(exit_code_of(report))
"""


def started(lab: Lab) -> subprocess.Popen[str]:
    text = lab.root / "policy.yaml"
    text.write_text(lab.text)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(lab.root), str(text), "nightly"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )


def files(lab: Lab) -> dict[bytes, tuple[int, tuple[str, bytes]]]:
    """All that a run holds or leaves, with inodes: locks, its own directory, the copies."""
    found = {}
    for directory in (lab.places.lock_dir, lab.places.state_dir / "run", lab.disk):
        for name, one in tree(directory).items():
            path = directory / os.fsdecode(name)
            found[os.fsencode(path)] = (path.lstat().st_ino, one)
    return found


@pytest.mark.tool("rsync")
def test_law_07_b_and_c_are_refused_and_touch_nothing_of_a(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path / "lab", manifest())
    write(lab.source / "file")
    body = f'case "$*" in *--version) real "$@";; *) touch {tmp_path}/there; exec sleep 30;; esac'
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
    a = started(lab)
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "there").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        before = files(lab)
        assert any(name.endswith(b"run/nightly/empty") for name in before)
        for _ in ("B", "C"):
            process = started(lab)
            told = process.communicate(timeout=20)[0]
            assert process.returncode == 75
            assert told.startswith(
                f"locked the leg is already running: leg.nightly.lock is held by process {a.pid}"
            )
            assert files(lab) == before
    finally:
        a.kill()
        a.communicate()
    # Killed without a chance to clear up: once its rsync has gone, the next start clears up.
    deadline = time.monotonic() + 20
    while is_held(lab.places.leg_lock("nightly")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    monkeypatch.setenv("PATH", path)
    began = time.monotonic()
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert time.monotonic() - began < 10
    assert exit_code_of(report) is ExitCode.OK
    assert not (lab.places.state_dir / "run/nightly").exists()
