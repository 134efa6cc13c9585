"""`policyctl drill` as a user meets it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from engine.system.host.lock import hold
from engine.system.host.places import Places
from tests.e2e.test_cli import CHECKOUT, Done, Machine, policyctl
from tests.integration.lab import wrap_rsync

pytestmark = pytest.mark.tool("rsync")
MANIFEST = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/copies, media: nas, site: office}
sources:
  data: {kind: tree, path: /srv/data}
legs:
  nightly: {kind: mirror, to: "disk:/", schedule: "02:00", timeout: 5m}
  offsite: {kind: mirror, from: disk, to: "nas:/all", schedule: "04:00", timeout: 5m}
routes:
  /srv/data: nightly
drills:
  monthly: {source: data, schedule: "*-*-01 10:00", scratch: /scratch, within: 100d}
monitoring:
  textfile: /var/lib/node
"""


class Drilling(Machine):
    """A machine with two copies of its data."""

    def __init__(self, folder: Path, text: str = MANIFEST) -> None:
        super().__init__(folder, text)
        for place in ("scratch", "var/lib/node"):
            (self.root / place).mkdir(parents=True)
        self.write("srv/data/a/deep/file", "as it should be")
        with closing(sqlite3.connect(self.root / "srv/data/app.data")) as database:
            database.execute("CREATE TABLE t (x)")
            database.executemany("INSERT INTO t VALUES (?)", [("row" * 500,)] * 50)
            database.commit()
        assert self("apply").code == 0
        assert self("run", "nightly", "offsite").code == 0

    def drill(self, *words: str, **variables: str) -> Done:
        return policyctl("drill", *words, "--root", str(self.root), cwd=self.folder, **variables)

    def rot(self, name: str, *, at: int = 0) -> None:
        """Change a byte as a failing disk does: size and time stay."""
        path = self.root / name
        status, content = path.stat(), bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    @property
    def scratch(self) -> list[str]:
        return sorted(one.name for one in (self.root / "scratch").iterdir())

    def series(self) -> dict[str, float]:
        text = (self.root / "var/lib/node/policyctl.drill.monthly.prom").read_text()
        rows = (line.rpartition(" ") for line in text.splitlines() if line[:1] != "#")
        return {name: float(value) for name, _, value in rows}


@pytest.fixture
def machine(tmp_path: Path) -> Drilling:
    return Drilling(tmp_path)


def test_a_sample_comes_back_is_checked_and_goes_again(machine: Drilling) -> None:
    done = machine.drill()
    assert done.code == 0, done.out + done.err
    assert done.err == "monthly: listing what disk holds\nmonthly: restoring 5 files from disk\n"
    first, came, checked, whole, seed = done.out.splitlines()
    assert first == "monthly, data from disk: ok"
    assert came.startswith("  came back: 5 files, ")
    assert checked == (
        "  checked: 5 compared by content, 1 asked whether they are sound, as databases"
    )
    assert whole.startswith("  all of data, ")
    assert whole.endswith(", of 100.0 d stated")
    assert "draws the same files again" in seed
    assert machine.scratch == []


def test_law_28_each_place_has_its_turn_and_its_own_series(machine: Drilling) -> None:
    assert machine.drill().code == 0
    assert "from nas: ok" in machine.drill("monthly").out
    assert "from disk: ok" in machine.drill("monthly").out
    told = machine.series()
    of = 'drill="monthly",source="data"'
    for place in ("disk", "nas"):
        where = f'{{destination="{place}",{of}}}'
        assert time.time() - told[f"policyctl_drill_last_success_timestamp_seconds{where}"] < 60
        assert told[f"policyctl_drill_files{where}"] == 5
        assert told[f"policyctl_drill_faults{where}"] == 0
        assert told[f"policyctl_drill_estimated_seconds{where}"] > 0
    assert told[f"policyctl_drill_stated_seconds{{{of}}}"] == 100 * 86_400


def test_since_when_one_is_expected_is_told_before_it_ever_ran(machine: Drilling) -> None:
    (since,) = machine.series().items() - {
        ('policyctl_drill_stated_seconds{drill="monthly",source="data"}', 8_640_000.0)
    }
    assert since[0].startswith("policyctl_drill_expected_since_timestamp_seconds")
    assert time.time() - since[1] < 60


def test_a_damaged_copy_is_named(machine: Drilling) -> None:
    machine.rot("mnt/disk/a/deep/file")
    done = machine.drill("monthly", "--from", "disk")
    assert done.code == 5
    first, *lines = done.out.splitlines()
    assert first.startswith("monthly, data from disk: failed: ")
    assert (
        "  disk: a/deep/file: its content is not that in the live data, though nothing has changed "
        "it since: one of the two is damaged"
    ) in lines
    assert any("a/deep/file" in line and "in nas, though" in line for line in lines)
    assert "two that agree outvote one" in done.err
    assert machine.scratch == []
    status = machine("status")
    assert status.code == 5
    assert "the drill monthly is failing" in status.out
    assert "    a/deep/file: its content is not that in" in status.out
    where = 'drill="monthly",source="data",status="failed"}'
    assert machine.series()[f'policyctl_drill_status{{destination="disk",{where}'] == 1


def test_the_newest_good_one_mends_the_status(machine: Drilling) -> None:
    machine.rot("mnt/disk/a/deep/file")
    assert machine.drill("monthly", "--from", "disk").code == 5
    assert machine.drill("monthly").code == 5, "what the NAS holds differs from the disk's"
    machine.rot("mnt/disk/a/deep/file")
    assert machine.drill("monthly").code == 0
    assert machine.drill("monthly").code == 0
    assert "the drill" not in machine("status").out.splitlines()[0]


def test_a_damaged_database_is_told_by_sqlite(machine: Drilling) -> None:
    for place in ("srv/data", "mnt/disk", "@nas.example.net/volume1/copies/all"):
        with (machine.root / place / "app.data").open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 4096)
    assert machine("run", "nightly", "offsite", "--full").code == 0
    done = machine.drill("monthly", "--json")
    assert done.code == 5
    (one,) = done.json
    assert (one["status"], one["databases"], one["from"]) == ("failed", 1, "disk")
    whats = [fault["what"] for fault in one["faults"] if fault["path"] == "app.data"]
    assert any(what.startswith("SQLite finds it damaged: ") for what in whats)


def test_the_live_data_may_be_gone(machine: Drilling) -> None:
    (machine.root / "srv/data").rename(machine.root / "srv/gone")
    done = machine.drill("monthly", "--json")
    assert (done.code, done.json[0]["compared_files"]) == (0, 5), "with the other copy"
    (machine.root / "mnt/disk").rename(machine.root / "mnt/gone")
    alone = machine.drill("monthly")
    assert alone.code == 0
    assert "from nas: ok" in alone.out
    assert "nothing could be compared" not in alone.out, "its database is asked all the same"


def test_what_changed_since_is_not_held_against_a_copy(machine: Drilling) -> None:
    for name in ("a/file", "a/deep/file", "app.data"):
        with (machine.root / "srv/data" / name).open("ab") as file:
            file.write(b"more")
    machine.write("srv/data/new", "not copied yet")
    (machine.root / "srv/data/big/film").unlink()
    assert machine.drill("monthly").code == 0


def test_the_same_seed_draws_the_same_files(machine: Drilling) -> None:
    machine.edit("within: 100d", 'sample: "20"')
    machine.edit("scratch: /scratch", "scratch: /scratch, from: disk")
    for number in range(20):
        machine.write(f"srv/data/many/{number}", "0123456789")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    drawn = []
    for seed in ("7", "7", "8"):
        done = machine.drill("monthly", "--keep", "--seed", seed, "--json")
        assert done.code == 0, done.out
        (one,) = done.json
        kept = machine.root / "scratch" / Path(one["kept"]).name
        drawn.append({str(file.relative_to(kept)) for file in kept.rglob("*") if file.is_file()})
        assert (one["seed"], one["files"]) == (int(seed), len(drawn[-1]))
        subprocess.run(["rm", "-r", kept], check=True)
    assert drawn[0] == drawn[1] != drawn[2]
    assert one["source_bytes"] > 200


def test_all_of_it_may_come(machine: Drilling) -> None:
    (machine.root / "srv/data/link").symlink_to("/nowhere")
    (machine.root / "srv/data/empty").mkdir()
    machine.edit("within: 100d", "sample: all")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    done = machine.drill("monthly", "--keep", "--json")
    assert done.code == 0, done.out
    kept = machine.root / "scratch" / Path(done.json[0]["kept"]).name / "0-nightly"
    assert (kept / "empty").is_dir()
    assert (kept / "link").is_symlink()
    assert (kept / "a/deep/file").read_text() == "as it should be"
    assert machine.drill("monthly").code == 0
    assert len(machine.scratch) == 1, "what somebody has kept is no drill's"


def test_slower_than_stated(machine: Drilling) -> None:
    machine.edit("within: 100d", "within: 1s")
    assert machine("apply").code == 0
    assert machine("measure").code == 0
    slow = wrap_rsync(
        machine.folder / "bin", 'case "$*" in *--list-only*) ;; *) sleep 1.2;; esac; real "$@"'
    )
    done = machine.drill("monthly", PATH=slow)
    assert done.code == 6, done.out
    assert "of 1.0 s stated: longer than stated" in done.out
    assert "the drill monthly is slower than stated" in machine("status").out


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("scratch", "the scratch directory {root}/scratch is not there: make it, or mount it"),
        ("mnt/disk", "nothing of data can be restored from disk: its disk is not there"),
    ],
)
def test_what_cannot_begin_says_why(machine: Drilling, broken: str, why: str) -> None:
    (machine.root / broken).rename(machine.root / "gone")
    done = machine.drill("monthly", "--from", "disk")
    assert done.code == 5
    assert f"monthly, data from disk: refused: {why.format(root=machine.root)}" in done.out
    assert machine.drill("monthly", "--json").json[0]["from"] == "nas", "the next has its turn"


def test_a_sample_that_is_too_small_says_so(machine: Drilling) -> None:
    machine.edit("within: 100d", 'sample: "1"')
    assert machine("apply").code == 0
    done = machine.drill("monthly")
    assert done.code == 5
    assert "each of the 5 files at disk is larger than the sample of 1" in done.out


def test_two_never_go_on_at_once(machine: Drilling) -> None:
    lock = machine.root / "var/lib/policyctl/locks/drill.monthly.lock"
    lock.touch(mode=0o600)
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = machine.drill("monthly")
        assert done.code == 75
        assert "monthly: not begun: drill.monthly.lock is held" in done.out
        assert machine.drill("monthly", "--json").json[0]["status"] == "locked"


def test_names_that_are_none(machine: Drilling) -> None:
    wrong = machine.drill("weekly")
    assert wrong.code == 5
    assert "has no drill 'weekly'; it has: monthly" in wrong.err
    wrong = machine.drill("monthly", "--from", "tape")
    assert "there is no destination 'tape'; there are: disk, nas" in wrong.err


def test_without_drills(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine("apply").code == 0
    done = policyctl("drill", "--root", str(machine.root))
    assert done.code == 5
    assert "the applied plan has no drills" in done.err


def test_a_timers_drill_is_silent_where_all_is_well(machine: Drilling) -> None:
    done = machine.drill("--scheduled", "monthly")
    assert (done.code, done.out, done.err) == (0, "", "")
    (machine.root / "scratch").rmdir()
    bad = machine.drill("--scheduled", "monthly", JOURNAL_STREAM="8:1")
    assert bad.code == 5
    assert bad.out.startswith("<3>monthly, data from nas: refused: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_somebody_may_end_it_at_any_time(machine: Drilling, number: signal.Signals) -> None:
    slow = wrap_rsync(
        machine.folder / "bin", 'case "$*" in *--list-only*) real "$@";; *) exec sleep 30;; esac'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "policyctl", "drill", "--root", str(machine.root)],
        cwd=CHECKOUT,
        env={**os.environ, "PATH": slow},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "restoring" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.5)
    assert machine.scratch == [".policyctl-drill-monthly"]
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert f"interrupted: ended by {number.name}" in out
    assert "Traceback" not in err
    assert machine.scratch == []
    where = 'drill="monthly",source="data",status="interrupted"}'
    assert machine.series()[f'policyctl_drill_status{{destination="disk",{where}'] == 1
    assert "from disk: ok" in machine.drill("monthly").out, "it was no turn"


def test_what_a_killed_one_left_goes_with_the_next(machine: Drilling) -> None:
    slow = wrap_rsync(
        machine.folder / "bin",
        'case "$*" in *--list-only*) real "$@";; *) real "$@"; sleep 30;; esac',
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "policyctl", "drill", "--root", str(machine.root)],
        cwd=CHECKOUT,
        env={**os.environ, "PATH": slow},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    left = machine.root / "scratch/.policyctl-drill-monthly"
    deadline = time.monotonic() + 20
    while not list(left.rglob("deep/file")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert list(left.rglob("deep/file"))
    status = machine("status")
    assert "has not ended: it goes on, or was killed" in status.out
    deadline = time.monotonic() + 20
    while (done := machine.drill("monthly")).code == 75:  # what it had started ends by itself
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert done.code == 0, done.out
    assert machine.scratch == []
    assert "has not ended" not in machine("status").out


def test_how_drills_stand_for_programs(machine: Drilling) -> None:
    (before,) = machine("status", "--json").json["drills"]
    assert (before["health"], before["healthy"], before["age_seconds"]) == (
        "waiting for its first time",
        True,
        None,
    )
    assert machine.drill().code == 0
    (after,) = machine("status", "--json").json["drills"]
    assert (after["drill"], after["source"], after["health"]) == ("monthly", "data", "rehearsed")
    assert after["age_seconds"] < 60
    assert after["stated_seconds"] == 8_640_000
    assert [one["destination"] for one in after["from"]] == ["disk", "nas"]
    assert after["from"][0]["last"]["files"] == 5
    assert after["from"][1]["last"] is None
    lines = machine("status").out.splitlines()
    assert any(line.startswith("drill monthly, of data: rehearsed, the last") for line in lines)
    assert "  nas: never tried" in lines


def test_what_left_the_plan_is_forgotten_and_told_no_more(machine: Drilling) -> None:
    assert machine.drill().code == 0
    told = machine.root / "var/lib/node/policyctl.drill.monthly.prom"
    assert told.exists()
    machine.edit("drills:\n", "")
    machine.edit(
        '  monthly: {source: data, schedule: "*-*-01 10:00", scratch: /scratch, within: 100d}\n',
        "",
    )
    assert machine("apply").code == 0
    assert not told.exists()
    assert not (machine.root / "etc/systemd/system/policyctl-drill-monthly.timer").exists()
    assert machine("status", "--json").json["drills"] == []


def test_law_13_a_drill_has_a_time_limit(machine: Drilling) -> None:
    machine.edit("within: 100d", "timeout: 1s")
    assert machine("apply").code == 0
    slow = wrap_rsync(
        machine.folder / "bin", 'case "$*" in *--list-only*) real "$@";; *) exec sleep 30;; esac'
    )
    done = machine.drill("monthly", PATH=slow)
    assert done.code == 5
    assert "disk could not be brought back as a whole: its time had passed" in done.out
    assert machine.scratch == []


def test_what_a_drill_could_not_tell_is_told_from_outside(machine: Drilling) -> None:
    """As systemd starts it by OnFailure=, with what it sets (systemd.exec(5))."""
    names = ("MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS")

    def ended(*said: str) -> None:
        words = ("tell-end", "drill-monthly", "--root", str(machine.root))
        done = policyctl(*words, cwd=machine.folder, **dict(zip(names, said, strict=True)))
        assert (done.code, done.out, done.err) == (0, "", "")

    assert machine.drill().code == 0
    ended("exit-code", "exited", "5")
    disk = 'policyctl_drill_status{destination="disk",drill="monthly",source="data",status="%s"}'
    nas = disk.replace("disk", "nas")
    assert machine.series()[disk % "ok"] == 1
    ended("exit-code", "exited", "226")
    assert machine.series()[nas % "refused"] == 1, "it was the turn of the NAS"
    assert machine.series()[disk % "ok"] == 1
    status = machine("status").out
    assert "nas: refused just now: systemd could not start it: exit status 226" in status
    with subprocess.Popen(
        [sys.executable, "-m", "policyctl.main", "drill", "--root", str(machine.root)],
        cwd=CHECKOUT,
        env={**os.environ, "PATH": wrap_rsync(machine.folder / "bin", "sleep 30")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        deadline = time.monotonic() + 60
        while "has not ended" not in machine("status").out:
            assert time.monotonic() < deadline
        child.kill()
    ended("signal", "killed", "KILL")
    assert "it was killed before it had ended" in machine("status").out


def test_a_renamed_drill_keeps_its_history_and_its_turns(machine: Drilling) -> None:
    assert machine.drill().code == 0
    (before,) = machine("status", "--json").json["drills"]
    left = machine.root / "scratch/.policyctl-drill-monthly"
    left.mkdir(0o700)
    note = {"drill": "monthly", "host": "myhost"}
    (left / ".policyctl-drill.json").write_text(json.dumps(note))
    machine.edit("  monthly: {", "  data-back: {was: monthly, ")
    assert "data-back (was monthly)" in machine("plan").out
    done = machine("apply")
    assert done.code == 0, done.err
    assert "drill data-back: the history of monthly is its own" in done.err
    (after,) = machine("status", "--json").json["drills"]
    assert after["drill"] == "data-back"
    ran = [one["from"][0]["last"]["began"] for one in (before, after)]
    assert ran[0] == ran[1]
    folder = machine.root / "var/lib/node"
    assert not (folder / "policyctl.drill.monthly.prom").exists()
    told = (folder / "policyctl.drill.data-back.prom").read_text()
    assert "policyctl_drill_last_success_timestamp_seconds{" in told
    assert "from nas: ok" in machine.drill().out, "the turn goes on"
    assert machine.scratch == [], "what one that was killed had left under the old name goes, too"
    assert "is its own" not in machine("apply").err
    machine.edit("data-back: {was: monthly, ", "once-more: {was: monthly, ")
    assert "names nothing that is applied" in machine("plan").out


def test_a_drill_that_goes_on_keeps_its_name_until_the_next_apply(machine: Drilling) -> None:
    assert machine.drill().code == 0
    machine.edit("  monthly: {", "  data-back: {was: monthly, ")
    with hold(Places(root=machine.root).drill_lock("monthly")):
        done = machine("apply")
    assert done.code == 0, done.err
    assert "monthly goes on just now: apply again once it has ended" in done.err
    done = machine("apply")
    assert "drill data-back: the history of monthly is its own" in done.err
    (found,) = machine("status", "--json").json["drills"]
    assert found["health"] == "rehearsed"


def test_a_rollback_of_the_plan_renames_it_back(machine: Drilling) -> None:
    assert machine.drill().code == 0
    machine.edit("  monthly: {", "  data-back: {was: monthly, ")
    assert machine("apply").code == 0
    assert machine("apply", "--rollback").code == 0
    (found,) = machine("status", "--json").json["drills"]
    assert (found["drill"], found["health"]) == ("monthly", "rehearsed")
