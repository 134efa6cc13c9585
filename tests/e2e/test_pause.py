"""`policyctl pause` and `resume`, and what starts by schedule meanwhile."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.system.host.lock import hold
from tests.e2e.test_cli import MANIFEST, Done, Machine, policyctl
from tests.integration.gateway import series

pytestmark = pytest.mark.tool("rsync")
FOLDER = "var/lib/node-exporter"
TOLD = f"monitoring: {{textfile: /{FOLDER}}}\n"
PAUSED_UNTIL = 'policyctl_leg_paused_until_timestamp_seconds{kind="mirror",leg="nightly"}'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, MANIFEST + TOLD)
    done = found("apply")
    assert done.code == 0, done.err
    return found


def ask(machine: Machine, command: str, *words: str, code: int = 0) -> Done:
    done = policyctl(command, "--root", str(machine.root), *words)
    assert done.code == code, done.out + done.err
    return done


def legs_run(machine: Machine, *words: str) -> list[str]:
    done = policyctl("run", "--root", str(machine.root), "--json", *words)
    return [one["leg"] for one in json.loads(done.out)]


def change(machine: Machine, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(machine.root / "var/lib/policyctl/state.db")) as db:
        db.execute(statement, values)
        db.commit()


def ended(machine: Machine) -> None:
    """Let the time of every pause have come."""
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    change(machine, "UPDATE pause SET until = ?", past)


def applied_before(machine: Machine, ago: timedelta) -> None:
    file = machine.root / "var/lib/policyctl/applied.json"
    record = json.loads(file.read_text())
    record["applied_at"] = (datetime.now(UTC) - ago).isoformat()
    file.write_text(json.dumps(record))


def told(machine: Machine) -> dict[str, float]:
    file = machine.root / FOLDER / "policyctl-nightly.prom"
    return series(file.read_text()) if file.exists() else {}


# ── Saying it ────────────────────────────────────────────────────────────────────────────────


def test_a_pause_says_until_when_what_it_means_and_how_it_ends(machine: Machine) -> None:
    day = datetime.now(UTC).date() + timedelta(days=5)
    done = ask(machine, "pause", "nightly", "--until", f"{day} 06:00", "--because", "new disk")
    assert done.out.splitlines() == [
        f"nightly is paused until {day} 06:00 (UTC): new disk",
        "  until then no timer starts it, its alerts are silent, and its copies get no newer",
        f"  its first run by schedule is then that of {day + timedelta(days=1)} 02:00; until that "
        "its age counts again",
        f"  by hand it runs as ever: `policyctl run nightly --root {machine.root}`; "
        f"this ends it: `policyctl resume nightly --root {machine.root}`",
    ]
    assert done.err == ""
    again = ask(machine, "pause", "nightly", "--until", "3d", "--json").json
    assert (again["leg"], again["paused"], again["reason"]) == ("nightly", True, "")
    length = datetime.fromisoformat(again["until"]) - datetime.now(UTC)
    assert timedelta(days=2, hours=23) < length <= timedelta(days=3)
    assert (again["running"], again["carried_on_by"], again["not_told"]) == (False, [], None)


def test_a_run_that_goes_on_is_not_stopped_and_that_is_said(machine: Machine) -> None:
    with hold(machine.root / "var/lib/policyctl/locks/leg.nightly.lock"):
        done = ask(machine, "pause", "nightly", "--until", "1h")
    assert "  a run of it goes on just now: it is not stopped\n" in done.out


def test_legs_that_carry_its_copies_on_are_named(machine: Machine) -> None:
    machine.edit(
        "  in-cluster:", '  onward: {kind: mirror, from: disk, to: "nas:/disk"}\n  in-cluster:'
    )
    assert machine("apply").code == 0
    done = ask(machine, "pause", "nightly", "--until", "1h")
    assert "  what comes after it runs all the same, with data that get older: onward\n" in done.out
    assert "\nonward: its source nightly is paused\n" in machine("status").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nightly",), 2, "say until when, as in --until 3d"),
        (("nightly", "--until", "soon"), 2, "'soon' is no time: write a day (2026-12-01), a day"),
        (("nightly", "--until", "2020-01-01"), 2, "2020-01-01 has passed"),
        (("nightly", "--until", "91d"), 2, "more than 90 days away: a pause that is forgotten is"),
        (("nightly", "--until", "3d", "--because", "a\nb"), 2, "one line of at most 200 printable"),
        (("nightly", "--check", "--until", "3d"), 2, "it only asks: leave out --until"),
        (("nihgtly", "--until", "3d"), 5, "the applied plan has no leg 'nihgtly'; it has: direct"),
        (("in-cluster", "--until", "3d"), 5, "in-cluster is run in the cluster, not by this"),
        (("dumps", "--until", "3d"), 5, "dumps is run in the cluster, not by this machine"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    machine: Machine, words: tuple[str, ...], code: int, said: str
) -> None:
    refused = ask(machine, "pause", *words, "--json", code=code)
    assert said in refused.json["error"]
    assert said in " ".join(refused.err.split())
    assert "Traceback" not in refused.err
    if code == 5:
        legs = machine("status", "--json").json["legs"]
        assert [one["paused_until"] for one in legs] == [None] * 4


@pytest.mark.parametrize("command", [("pause", "--until", "3d"), ("resume",)])
def test_nothing_is_paused_before_an_apply(tmp_path: Path, command: tuple[str, ...]) -> None:
    verb, *words = command
    done = policyctl(verb, "--root", str(tmp_path), "nightly", *words)
    assert (done.code, "nothing is applied yet" in done.err) == (5, True)


# ── What starts by schedule ──────────────────────────────────────────────────────────────────


def test_a_script_is_told_by_the_code(machine: Machine) -> None:
    assert ask(machine, "pause", "nightly", "--check").err == ""
    ask(machine, "pause", "nightly", "--until", "3d", "--because", "new disk")
    paused = ask(machine, "pause", "nightly", "--check", code=1)
    assert paused.out == ""
    assert paused.err.startswith("nightly is paused until ")
    assert paused.err.endswith(" UTC: new disk: it is not started\n")
    assert ask(machine, "pause", "direct", "--check").code == 0, "another leg is another matter"
    shown = ask(machine, "pause", "nightly", "--check", "--json", code=1).json
    assert (shown["leg"], shown["paused"], shown["reason"]) == ("nightly", True, "new disk")
    ended(machine)
    assert ask(machine, "pause", "nightly", "--check", "--json").json["paused"] is False


@pytest.mark.parametrize("damage", ["junk", "later", "directory", "gone", "unknown"])
def test_law_06_what_cannot_be_seen_is_never_taken_for_a_pause(
    machine: Machine, damage: str
) -> None:
    ask(machine, "pause", "nightly", "--until", "3d")
    file = machine.root / "var/lib/policyctl/state.db"
    if damage == "later":
        change(machine, "PRAGMA user_version = 99")
    elif damage != "unknown":
        file.unlink()
    if damage == "junk":
        file.write_bytes(b"no database at all " * 100)
    if damage == "directory":
        file.mkdir()
    done = ask(machine, "pause", "nihgtly" if damage == "unknown" else "nightly", "--check")
    if damage in {"junk", "later", "directory"}:
        assert "whether nightly is paused could not be seen, so it starts: " in done.err


def test_due_and_all_pass_over_a_paused_leg_and_its_name_runs_it(machine: Machine) -> None:
    applied_before(machine, timedelta(days=3))
    ask(machine, "pause", "nightly", "--until", "3d", "--because", "new disk")
    assert legs_run(machine, "--all") == ["direct"]
    said = policyctl("run", "--root", str(machine.root), "--due", "-v")
    assert "nightly is paused until " in said.err
    assert "nightly" not in said.out
    assert "paused" not in policyctl("run", "--root", str(machine.root), "--due").err
    named = policyctl("run", "--root", str(machine.root), "nightly")
    assert named.code == 0
    assert named.out.startswith("nightly: ok after ")
    assert "(UTC): new disk; it runs since you name it" in named.err
    assert (machine.root / "mnt/disk/a/file").read_text() == "one"


def test_a_timer_passes_over_a_paused_leg_and_says_so(machine: Machine) -> None:
    ask(machine, "pause", "nightly", "--until", "3d", "--because", "new disk")
    done = ask(machine, "run", "--scheduled", "nightly")
    assert done.out == ""
    assert done.err.startswith("nightly is paused until ")
    assert ": new disk" in done.err
    assert ask(machine, "run", "--scheduled", "nightly", "--json").json == []
    ended(machine)
    done = ask(machine, "run", "--scheduled", "nightly")
    assert (done.out, done.err) == ("", ""), "quiet on success"
    assert ask(machine, "run", "--scheduled", "nightly", "--json").json["status"] == "ok"


def test_what_was_missed_is_caught_up_once_when_the_pause_has_ended(machine: Machine) -> None:
    applied_before(machine, timedelta(days=3))
    ask(machine, "pause", "nightly", "--until", "3d")
    assert legs_run(machine, "--due") == ["direct"]
    ended(machine)
    assert legs_run(machine, "--due") == ["nightly"]
    assert legs_run(machine, "--due") == []


def test_what_comes_after_a_paused_leg_does_not_wait_for_it(machine: Machine) -> None:
    machine.edit(
        'schedule: "04:00", timeout: 5m', 'schedule: "04:00", timeout: 5m, after: [nightly]'
    )
    assert machine("apply").code == 0
    applied_before(machine, timedelta(days=3))
    ask(machine, "pause", "nightly", "--until", "3d")
    assert legs_run(machine, "--due") == ["direct"]


# ── Status and series ────────────────────────────────────────────────────────────────────────


def test_status_is_sound_and_always_says_that_a_leg_is_paused(machine: Machine) -> None:
    day = datetime.now(UTC).date() + timedelta(days=5)
    (machine.root / "srv/data").rename(machine.root / "srv/away")
    assert policyctl("run", "--root", str(machine.root), "nightly").code == 5
    assert machine("status").code == 5
    ask(machine, "pause", "nightly", "--until", str(day), "--because", "moved away")
    done = machine("status")
    assert done.code == 0
    assert done.out.splitlines()[0] == (
        "OK: 4 legs: 1 waiting for a first run, "
        f"1 paused (nightly until {day} 00:00), 2 run elsewhere"
    )
    assert (
        f"nightly: paused until {day} 00:00: moved away; no new copy is made until then; "
        f"`policyctl resume nightly --root {machine.root}` ends it" in done.out
    )
    (leg,) = [one for one in machine("status", "--json").json["legs"] if one["leg"] == "nightly"]
    assert (leg["health"], leg["healthy"]) == ("paused", True)
    assert (leg["paused_until"], leg["paused_because"]) == (f"{day}T00:00:00+00:00", "moved away")
    assert leg["next_run"] == f"{day}T02:00:00+00:00"
    change(machine, "UPDATE room SET free = 1, total = 100")
    (machine.root / "etc/systemd/system/policyctl-direct.timer").unlink()
    bad = machine("status")
    assert bad.code == 5
    assert bad.out.splitlines()[0].endswith(f"; paused: nightly until {day} 00:00")
    ended(machine)
    assert "nightly (stale)" in machine("status").out.splitlines()[0]


def test_data_older_than_allowed_are_said_to_be(machine: Machine) -> None:
    assert policyctl("run", "--root", str(machine.root), "nightly").code == 0
    then = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    change(machine, "UPDATE run SET started = ?, ended = ?, data_as_of = ?", then, then, then)
    ask(machine, "pause", "nightly", "--until", "3d")
    done = machine("status")
    assert done.code == 0
    assert "; its data are older than allowed, and no new copy is made until then; " in done.out


def test_the_series_comes_and_goes_at_once(machine: Machine) -> None:
    shown = ask(machine, "pause", "nightly", "--until", "3d", "--json").json
    until = datetime.fromisoformat(shown["until"]).timestamp()
    assert told(machine) == {PAUSED_UNTIL: until}, "also of a leg that never ran"
    ask(machine, "resume", "nightly")
    assert told(machine) == {}, "and is gone from it, or its alerts would stay silent"
    ask(machine, "pause", "nightly", "--until", "3d")
    until = told(machine)[PAUSED_UNTIL]
    assert policyctl("run", "--root", str(machine.root), "nightly").code == 0
    assert told(machine)[PAUSED_UNTIL] == until
    ask(machine, "resume", "nightly")
    assert PAUSED_UNTIL not in told(machine)
    assert len(told(machine)) > 5, "nothing else went with it"


def test_law_06_a_pause_that_could_not_be_told_holds_and_is_a_failure(machine: Machine) -> None:
    folder = machine.root / FOLDER
    for one in folder.iterdir():
        one.unlink()
    folder.rmdir()
    folder.write_text("a file stands where the folder should")
    done = ask(machine, "pause", "nightly", "--until", "3d", code=5)
    assert done.out.startswith("nightly is paused until ")
    assert "done, but not told: " in done.err
    assert "its alerts may fire all the same: mend that, then say it again" in done.err
    ask(machine, "pause", "nightly", "--check", code=1)
    assert ask(machine, "resume", "nightly", "--json", code=5).json["not_told"]
    folder.unlink()
    assert ask(machine, "resume", "nightly").code == 0


# ── Ending it ────────────────────────────────────────────────────────────────────────────────


def test_resume_says_what_comes_next_and_what_was_missed(machine: Machine) -> None:
    ask(machine, "pause", "nightly", "--until", "3d")
    done = ask(machine, "resume", "nightly")
    first, second = done.out.splitlines()
    assert first == "nightly is paused no more"
    assert second.startswith("  next run by schedule: ")
    assert second.endswith(" 02:00 (UTC)")
    again = ask(machine, "resume", "nightly")
    assert again.out.startswith("nightly is not paused: nothing was changed\n")
    shown = ask(machine, "resume", "nightly", "--json").json
    assert (shown["resumed"], shown["missed"], shown["not_told"]) == (False, None, None)
    ask(machine, "resume", "nihgtly", code=5)
    ask(machine, "pause", "nightly", "--until", "3d")
    then = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    change(machine, "UPDATE pause SET since = ?", then)
    late = ask(machine, "resume", "nightly")
    assert "; to make up for it: policyctl run nightly\n" in late.out


def test_law_36_a_pause_follows_a_rename_and_goes_with_its_leg(machine: Machine) -> None:
    ask(machine, "pause", "nightly", "--until", "3d", "--because", "new disk")
    text = machine.manifest.read_text()
    machine.edit("nightly: {kind: mirror,", "local: {was: nightly, kind: mirror,")
    machine.edit("/srv/data: nightly", "/srv/data: local")
    assert machine("apply").code == 0
    ask(machine, "pause", "local", "--check", code=1)
    assert ask(machine, "pause", "nightly", "--check").code == 0
    new = series((machine.root / FOLDER / "policyctl-local.prom").read_text())
    assert any(name.startswith("policyctl_leg_paused_until") for name in new)
    assert not (machine.root / FOLDER / "policyctl-nightly.prom").exists()
    machine.manifest.write_text(text)  # another leg of the old name, that was never paused
    assert machine("apply").code == 0
    assert ask(machine, "pause", "nightly", "--check").code == 0
    assert ask(machine, "pause", "local", "--check").code == 0


def test_a_pause_touches_nothing_that_is_told_of_others(machine: Machine) -> None:
    def figures() -> dict[str, bytes]:
        return {one.name: one.read_bytes() for one in (machine.root / FOLDER).iterdir()}

    before = figures()
    ask(machine, "pause", "nightly", "--until", "3d")
    after = figures()
    assert set(after) - set(before) == {"policyctl-nightly.prom"}
    assert all(after[name] == text for name, text in before.items())
