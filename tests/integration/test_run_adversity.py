"""What else may happen beside a run: other runs, apply, adopt, a state that cannot be written."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.records.journal import Change, Consumer
from engine.records.reports import RunReport, RunStatus
from engine.standing.status import Health, leg_status
from engine.steps.modes import Forced
from engine.system.adopt.entries import NotAdoptable, adopt, preview
from engine.system.host.lock import hold
from engine.system.host.lock_probe import is_held
from engine.system.journal.journal import Journal, JournalUnusable, open_journal
from engine.system.runs.runner import run_leg
from engine.system.state.records import RunRecord
from engine.system.state.renames import follow_renames
from engine.system.state.state import StateUnusable, open_state
from engine.system.telling.facts import leg_facts
from tests.integration.lab import Lab, compiled, manifest, only, tree, wrap_rsync, write

pytestmark = pytest.mark.tool("rsync")
REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = """\
import sys
from datetime import datetime
from pathlib import Path
from engine.steps.modes import Forced
from engine.system.host.places import Places
from engine.system.runs.runner import run_leg
from tests.integration.lab import compiled
plan = compiled(Path(sys.argv[2]).read_text())
now = datetime.fromisoformat(sys.argv[4])
print("ready", flush=True)
report = run_leg(
    plan, sys.argv[3], places=Places(root=Path(sys.argv[1])), clock=lambda: now,
    forced=Forced(sys.argv[5]),
)
print(report.status.value, report.reason)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def started(
    lab: Lab, leg: str = "nightly", *, before: tuple[str, ...] = (), forced: Forced = Forced.NOTHING
) -> subprocess.Popen[str]:
    """A run in a process of its own, at the lab's time."""
    text = lab.root / "policy.yaml"
    text.write_text(lab.text)
    words = [str(lab.root), str(text), leg, lab.now.isoformat(), forced.value]
    return subprocess.Popen(
        [*before, sys.executable, "-c", PROGRAM, *words],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=30)
    return out.removeprefix("ready\n").strip()


@contextmanager
def held_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """While the file that this gives is missing, rsync does not begin to copy."""
    go, begun = tmp_path / "go", tmp_path / "begun"
    body = (
        f'case "$*" in *--version) real "$@";; *) touch {begun}; '
        f'while [ ! -e {go} ]; do sleep 0.02; done; real "$@";; esac'
    )
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        yield go


# ── Other runs ───────────────────────────────────────────────────────────────────────────────


def test_law_07_two_runs_of_one_second_are_two_runs_and_one_of_them_works(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab.source / "large", os.urandom(3_000))
    with held_up(tmp_path, monkeypatch) as go:
        both = [started(lab), started(lab)]
        # Neither copies before one of them has given up.
        wait_until(lambda: any(one.poll() is not None for one in both))
        go.touch()
        outcomes = sorted(ended(one).split(" ")[0] for one in both)
    assert outcomes == ["locked", "ok"]
    assert {one.status for one in lab.history()} == {RunStatus.LOCKED, RunStatus.OK}
    assert len({one.run_id for one in lab.history()}) == 2
    assert lab.copies() == tree(lab.source)


def test_law_07_who_did_not_get_the_lock_cleans_up_nothing(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B is refused, and its way out removes nothing of A; neither does C's; kill -9 frees it."""
    write(lab.source / "a")
    with held_up(tmp_path, monkeypatch) as go:
        first = started(lab)
        wait_until((tmp_path / "begun").exists)
        lock = lab.places.leg_lock("nightly")
        inode, staging = lock.stat().st_ino, lab.places.state_dir / "run/nightly"
        files = sorted(staging.iterdir())
        for _ in range(2):
            assert ended(started(lab)).startswith("locked the leg is already running")
            assert (lock.stat().st_ino, sorted(staging.iterdir())) == (inode, files)
        first.kill()
        first.communicate()
        go.touch()
        assert ended(started(lab)) == "ok"
    assert lock.stat().st_ino == inode


# ── adopt, apply, a rename ───────────────────────────────────────────────────────────────────


def test_what_is_adopted_in_the_middle_of_a_run_is_not_lost(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's end notes what it saw at its beginning, so the adoption has to wait for it."""
    write(lab.source / "photos/a")
    write(lab.disk / "old/theirs")
    with held_up(tmp_path, monkeypatch) as go:
        process = started(lab)
        wait_until((tmp_path / "begun").exists)
        found = preview(lab.plan, "disk:/old", "nightly", lab.places)
        assert (found.names, found.extra) == ((b"old",), (b"old", b"old/theirs"))
        with pytest.raises(NotAdoptable, match=r"nightly runs now .* adopt once it has ended"):
            adopt(found, lab.places, lab.now)
        go.touch()
        assert ended(process) == "ok"
    assert (lab.disk / "old/theirs").exists()
    adopt(found, lab.places, lab.now)
    report = lab.run()
    assert report.status is RunStatus.OK
    assert only(report).deleted == 2
    assert lab.copies() == tree(lab.source)


def test_nothing_is_adopted_from_a_disk_that_is_not_the_recorded_one(lab: Lab) -> None:
    """What is seen there would be the leg's on the right disk, where nobody has looked."""
    write(lab.disk / "old/theirs")
    disk, away = lab.disk, lab.root / "mnt/away"
    disk.rename(away)
    write(disk / "old/of another disk")
    with pytest.raises(NotAdoptable, match="disk is not the disk that was recorded"):
        preview(lab.plan, "disk:/old", "nightly", lab.places)
    shutil.rmtree(disk)
    away.rename(disk)
    assert preview(lab.plan, "disk:/old", "nightly", lab.places).extra == (b"old", b"old/theirs")


def follow(lab: Lab, text: str) -> tuple[str, ...]:
    """Apply another manifest, as far as the state is concerned."""
    lab.text = text
    lab.apply()
    return follow_renames(lab.plan, lab.places)


def test_a_leg_renamed_in_the_middle_of_its_run_keeps_what_it_owns(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab.source / "photos/a")
    assert lab.run().status is RunStatus.OK
    write(lab.source / "texts/b")
    new = manifest().replace("  nightly: {", "  daily: {was: nightly, ").replace(
        "data: nightly", "data: daily"
    )  # fmt: skip
    with held_up(tmp_path, monkeypatch) as go:
        process = started(lab)
        wait_until((tmp_path / "begun").exists)
        told = follow(lab, new)
        assert told == (
            "leg daily: nightly runs just now: apply again once it has ended, or its history and "
            "ownership stay behind",
        )
        go.touch()
        assert ended(process) == "ok"
    assert follow(lab, new) == ("leg daily: history and ownership of nightly are its own",)
    assert follow(lab, new) == ()
    assert len(lab.history("daily")) == 2
    shutil.rmtree(lab.source / "texts")
    report = lab.run("daily")
    assert report.status is RunStatus.OK
    assert (only(report).deleted, only(report).foreign, only(report).shared) == (2, (), ())
    assert lab.copies() == tree(lab.source)


def test_an_apply_in_the_middle_of_a_run_changes_nothing_of_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leg is given another place, and its old one is retired, while it copies."""
    write(lab.source / "a/1")
    moved = manifest().replace('"disk:/"', '"disk:/elsewhere"')
    with held_up(tmp_path, monkeypatch) as go:
        process = started(lab)
        wait_until((tmp_path / "begun").exists)
        follow(lab, moved)
        go.touch()
        assert ended(process) == "ok"
    assert lab.copies() == tree(lab.source)
    before = lab.copies()
    (lab.source / "a/1").unlink()
    write(lab.source / "a/2")
    for _ in range(2):
        assert lab.run().status is RunStatus.OK
    assert {name: lab.copies()[name] for name in before} == before, "the orphan stays"
    assert tree(lab.disk / "elsewhere") == tree(lab.source)


def test_a_leg_that_left_the_plan_in_the_middle_of_its_run_ends_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab.source / "a")
    other = manifest().replace("nightly", "another").replace('"disk:/"', '"disk:/another"')
    with held_up(tmp_path, monkeypatch) as go:
        process = started(lab)
        wait_until((tmp_path / "begun").exists)
        follow(lab, other)
        go.touch()
        assert ended(process) == "ok"
    assert lab.last_success() is not None
    assert lab.copies() == tree(lab.source)


# ── A state that cannot be written ───────────────────────────────────────────────────────────


def fail_writing(path: Path) -> sqlite3.Connection:
    """Make writing to a database impossible, as a full disk or bad blocks do."""
    db = sqlite3.connect(path)
    full = "SELECT RAISE(FAIL, 'disk is full')"
    db.execute(f"CREATE TRIGGER full BEFORE INSERT ON run BEGIN {full}; END")
    db.commit()
    return db


def test_law_06_a_state_that_cannot_be_written_is_said_before_anything_is_copied(
    lab: Lab,
) -> None:
    write(lab.source / "a")
    with (
        closing(fail_writing(lab.places.state_file)),
        pytest.raises(StateUnusable, match="could not be recorded: disk is full"),
    ):
        lab.run()
    assert lab.copies() == {}, "nothing is done that nobody could know of"


def test_law_06_an_end_that_cannot_be_recorded_is_a_failure(lab: Lab) -> None:
    write(lab.source / "a")

    opened: list[sqlite3.Connection] = []

    def watch(sentence: str) -> None:
        del sentence
        if not opened:
            opened.append(fail_writing(lab.places.state_file))

    with pytest.raises(
        StateUnusable, match=r"the run ended \(ok\), and that could not be recorded"
    ):
        run_leg(lab.plan, "nightly", places=lab.places, clock=lambda: lab.now, progress=watch)
    opened[0].execute("DROP TRIGGER full")
    opened[0].commit()
    opened[0].close()
    report = lab.run()
    assert report.status is RunStatus.OK
    killed = lab.history()[1]
    assert killed.status is RunStatus.INTERRUPTED, "what became of it nobody knows"


def test_law_06_no_room_for_a_lock_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lab.source / "a")
    lock = lab.places.leg_lock("nightly")
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.mkdir()
    report = lab.run()
    assert report.status is RunStatus.FAILED
    assert report.reason.startswith("it could not begin: ")
    assert lab.history()[0].status is RunStatus.FAILED
    lock.rmdir()
    assert lab.run().status is RunStatus.OK


def test_a_journal_that_cannot_be_written_is_said(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Journal, consumers: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Journal, "register", broken)
    with pytest.raises(JournalUnusable, match=r"journal\.db cannot be written: database or disk"):
        lab.run()


def test_law_06_a_signal_before_the_leg_is_locked_is_an_end_like_others(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = Journal.register

    def asked_to_end(self: Journal, consumers: Iterable[Consumer]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
        register(self, consumers)

    monkeypatch.setattr(Journal, "register", asked_to_end)
    report = lab.run()
    assert (report.status, report.signal) == (RunStatus.INTERRUPTED, signal.SIGTERM)
    assert report.reason == "ended by SIGTERM before it had begun"


# ── seed ─────────────────────────────────────────────────────────────────────────────────────


def health(lab: Lab) -> tuple[Health, bool]:
    """How the leg stands three days later, and whether it is said to be seeding."""
    plan = lab.plan
    leg = plan.leg("nightly")
    assert leg is not None
    with open_state(lab.places.state_file) as state:
        facts = leg_facts(plan, leg, state, None, lab.places)
    found = leg_status(plan, leg, facts, applied_at=lab.now, now=lab.now + timedelta(days=3))
    return found.health, found.seeding_since is not None


def seeded(lab: Lab) -> RunReport:
    return run_leg(
        lab.plan, "nightly", places=lab.places, clock=lambda: lab.now, forced=Forced.SEED
    )


def test_a_seed_has_no_time_limit_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    text = manifest(", bandwidth: 2M").replace("timeout: 5m", "timeout: 1s")
    lab = Lab(tmp_path / "lab", text)
    write(lab.source / "a/first", "1")
    write(lab.source / "b/film", os.urandom(4_000_000))
    process = started(lab, forced=Forced.SEED)
    wait_until(lambda: any(one.stat().st_size for one in lab.disk.glob("b/.film.*")))
    assert health(lab) == (Health.SEEDING, True)
    process.kill()
    process.communicate()
    wait_until(lambda: not is_held(lab.places.leg_lock("nightly")))
    assert health(lab) == (Health.SEED_STOPPED, True)
    assert (lab.disk / "a/first").exists(), "what arrived stays"
    assert lab.last_success() is None
    lab.now += timedelta(days=1)
    wait_until(lambda: not list(lab.disk.glob("b/.film.*")))
    report = seeded(lab)
    assert report.status is RunStatus.OK
    assert only(report).bytes_sent >= 4_000_000
    assert (report.ended - report.started).total_seconds() == 0, "by the lab's clock"
    assert lab.copies() == tree(lab.source)
    with open_state(lab.places.state_file) as state:
        (first, second) = reversed(state.history("nightly"))
    assert (first.mode, first.status) == ("seed", RunStatus.INTERRUPTED)
    assert (second.mode, second.status) == ("seed", RunStatus.OK)
    assert health(lab) == (Health.STALE, False), "three days later by its schedule"


def test_a_seed_of_days_is_still_one_after_hundreds_of_refusals(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leg's timer goes on all the time, and each time it is refused."""
    write(lab.source / "a")
    with held_up(tmp_path, monkeypatch) as go:
        process = started(lab, forced=Forced.SEED)
        wait_until((tmp_path / "begun").exists)
        refused = RunRecord(
            run_id="", leg="nightly", started=lab.now, ended=lab.now, status=RunStatus.LOCKED
        )
        with open_state(lab.places.state_file) as state:
            for number in range(120):
                state.finish(replace(refused, run_id=f"refused-{number}"))
        assert health(lab) == (Health.SEEDING, True)
        go.touch()
        assert ended(process) == "ok"


def test_nohup_keeps_a_run_from_ending_with_its_terminal(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab.source / "a")
    with held_up(tmp_path, monkeypatch) as go:
        process = started(lab, before=("nohup",), forced=Forced.SEED)
        wait_until((tmp_path / "begun").exists)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        go.touch()
        assert ended(process) == "ok"
    (tmp_path / "again").mkdir()
    with held_up(tmp_path / "again", monkeypatch):
        process = started(lab)
        wait_until((tmp_path / "again/begun").exists)
        process.send_signal(signal.SIGHUP)
        assert ended(process) == "interrupted ended by SIGHUP", "without it the terminal ends it"


# ── The clock ────────────────────────────────────────────────────────────────────────────────


def test_law_06_the_newest_run_is_the_one_that_was_told_last(lab: Lab) -> None:
    """A run made while the clock was years ahead does not stay the newest one for years."""
    write(lab.source / "a")
    right = lab.now
    lab.now += timedelta(days=2_000)
    wrong = lab.run()
    assert health(lab)[0] is Health.STALE
    lab.now = right
    report = lab.run()
    assert report.status is RunStatus.OK
    success = lab.last_success()
    assert success is not None
    assert success.run_id == report.run_id != wrong.run_id
    (lab.source / "a").unlink()
    assert lab.run().status is RunStatus.REFUSED
    assert lab.history()[0].status is RunStatus.REFUSED


# ── The lock of a destination ────────────────────────────────────────────────────────────────


def test_a_held_destination_is_given_up_and_the_journal_keeps_what_waits(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", manifest(", wait: 1s, full_every: 30d").replace(
        "path: /srv/data}", "path: /srv/data, track: true}"
    ))  # fmt: skip
    write(lab.source / "a")
    assert lab.run().status is RunStatus.OK
    with open_journal(lab.places.journal_file) as journal:
        journal.record_tree("data", [Change(b"b")])
        waiting = journal.waiting("nightly", "data")
    with hold(lab.places.holder_lock("disk")):
        report = lab.run()
    assert report.status is RunStatus.WAITED_TOO_LONG
    with open_journal(lab.places.journal_file) as journal:
        assert journal.waiting("nightly", "data") == waiting == 1
    assert compiled(lab.text) == lab.plan
