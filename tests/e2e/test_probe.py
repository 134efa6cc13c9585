"""`policyctl probe` as a user meets it: real databases, real servers, real commands."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.system.host.lock import hold
from engine.system.host.places import Places
from tests.e2e.test_cli import CHECKOUT, Done, Machine, policyctl
from tests.integration.web import TOKEN, Site, site

MANIFEST = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
sources:
  data: {kind: tree, path: /srv/data}
  vault: {kind: sqlite, path: /srv/vault/db.sqlite3}
legs:
  nightly: {kind: mirror, to: "disk:/data", schedule: "02:00"}
  copy: {kind: dump, from: vault, to: "disk:/vault", schedule: "03:00", keep: {last: 3}}
routes:
  /srv/data: nightly
monitoring:
  textfile: /var/lib/node
checks:
"""


class Probing(Machine):
    """A machine with something to look at."""

    def __init__(self, folder: Path, **checks: dict[str, Any]) -> None:
        lines = [
            f"  {name}: {json.dumps({'schedule': 'hourly', **one})}\n"
            for name, one in checks.items()
        ]
        super().__init__(folder, MANIFEST + "".join(lines))
        for place in ("var/lib/node", "srv/vault"):
            (self.root / place).mkdir(parents=True)
        done = self("apply")
        assert done.code == 0, done.err

    def probe(self, *words: str, **variables: str) -> Done:
        return policyctl("probe", *words, "--root", str(self.root), cwd=self.folder, **variables)

    def series(self, name: str) -> dict[str, float]:
        text = (self.root / f"var/lib/node/policyctl.check.{name}.prom").read_text()
        rows = (line.rpartition(" ") for line in text.splitlines() if line[:1] != "#")
        return {
            name.partition("{")[0].removeprefix("policyctl_check_"): float(value)
            for name, _, value in rows
            if 'status="' not in name or 'status="ok"' in name
        }

    def database(self, name: str, *, journal: str = "wal") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as one:
            one.execute(f"PRAGMA journal_mode = {journal}")
            one.execute("CREATE TABLE t (x)")
            one.executemany("INSERT INTO t VALUES (?)", [("row" * 500,)] * 50)
            one.execute("CREATE INDEX i ON t (x)")
            one.commit()
        return path


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as found:
        yield found


def rot(path: Path) -> None:
    """Damage a page of a database."""
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096)


# ── Databases ────────────────────────────────────────────────────────────────────────────────

INTEGRITY = {"kind": "sqlite-integrity", "source": "vault"}


def test_a_sound_database_is_well_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    machine = Probing(tmp_path, vault=INTEGRITY)
    path = machine.database("srv/vault/db.sqlite3")
    done = machine.probe("vault")
    assert (done.code, done.out, done.err) == (0, "vault: ok: /srv/vault/db.sqlite3 is sound\n", "")
    good = machine.series("vault")
    assert (good["status"], good["looked"]) == (1, 1)
    rot(path)
    done = machine.probe("vault")
    assert done.code == 5
    assert done.out.startswith("vault: failed: /srv/vault/db.sqlite3: ")
    bad = machine.series("vault")
    assert bad["status"] == 0
    assert bad["last_success_timestamp_seconds"] == good["last_success_timestamp_seconds"]
    assert bad["last_run_timestamp_seconds"] > good["last_run_timestamp_seconds"]
    status = machine("status")
    assert "the check vault is failing" in status.out.splitlines()[0]
    assert status.code == 5


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_database_in_use_is_looked_at_and_not_a_byte_changes(
    tmp_path: Path, journal: str
) -> None:
    machine = Probing(tmp_path, vault=INTEGRITY)
    path = machine.database("srv/vault/db.sqlite3", journal=journal)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO t VALUES ('not in the main file yet')")
        writer.commit()
        before = path.read_bytes()
        assert machine.probe("vault").code == 0
        assert path.read_bytes() == before
        writer.execute("INSERT INTO t VALUES ('and it can still write')")
        writer.commit()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "it is not there"), (b"", "it is empty"), (b"text" * 999, "it is no database")],
)
def test_what_is_no_database_is_not_well(tmp_path: Path, content: bytes | None, said: str) -> None:
    machine = Probing(tmp_path, vault=INTEGRITY)
    if content is not None:
        (machine.root / "srv/vault/db.sqlite3").write_bytes(content)
    done = machine.probe("vault")
    assert (done.code, done.out) == (5, f"vault: failed: /srv/vault/db.sqlite3: {said}\n")


def test_of_a_tree_each_database_is_looked_at(tmp_path: Path) -> None:
    machine = Probing(tmp_path, all={**INTEGRITY, "source": "data"})
    done = machine.probe()
    assert done.out == "all: failed: /srv/data: no database lies in it\n", "it would prove nothing"
    machine.database("srv/data/a/one.data")
    path = machine.database("srv/data/two.db")
    assert machine.probe().out == "all: ok: 2 in /srv/data are sound\n"
    rot(path)
    done = machine.probe()
    assert done.code == 5
    assert done.out.startswith("all: failed: /srv/data: two.db: ")


def test_law_18_a_database_that_is_none_any_more_is_missed_once(tmp_path: Path) -> None:
    machine = Probing(tmp_path, all={**INTEGRITY, "source": "data"})
    machine.database("srv/data/one.db")
    path = machine.database("srv/data/two.db")
    assert machine.probe().code == 0
    path.write_bytes(bytes(4096))
    done = machine.probe()
    assert done.code == 5
    assert "databases found: 1, and 2 the last time" in done.out
    assert machine.probe().code == 0


# ── Freshness ────────────────────────────────────────────────────────────────────────────────


def test_law_32_what_others_stopped_making_is_told(tmp_path: Path) -> None:
    dumps = {"kind": "freshness", "path": "/srv/data/dumps/*", "newer_than": "26h"}
    machine = Probing(tmp_path, dumps={**dumps, "files": "*.gz", "at_least": "1K"})
    for name in ("shop", "wiki"):
        machine.write(f"srv/data/dumps/{name}/1.gz", "x" * 2000)
    assert machine.probe().code == 0
    old = machine.root / "srv/data/dumps/wiki/1.gz"
    os.utime(old, (time.time() - 2 * 86_400,) * 2)
    machine.write("srv/data/dumps/wiki/2.gz", "cut")
    done = machine.probe()
    assert (done.code, done.out) == (
        5,
        "dumps: failed: /srv/data/dumps/wiki: the newest file, 1.gz, is 48.0 h old, and 26h are "
        "allowed\n",
    )
    told = machine.series("dumps")
    assert told["newest_timestamp_seconds"] == pytest.approx(time.time() - 2 * 86_400, abs=60)
    assert (told["newest_bytes"], told["looked"]) == (2000, 2)


# ── URLs ─────────────────────────────────────────────────────────────────────────────────────


def http(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "http", "url": url, "timeout": "20s", **more}


def test_an_answer_is_judged(tmp_path: Path, web: Site) -> None:
    machine = Probing(
        tmp_path,
        up=http(f"{web.url}/status.php", contains='"maintenance":false'),
        down=http(f"{web.url}/status/503"),
        gone=http(f"{web.url}/status/410", status=410),
        other=http(f"{web.url}/", contains="hello"),
        nobody=http("http://127.0.0.1:9/"),
    )
    done = machine.probe()
    assert done.code == 5
    assert done.out.replace(web.url, "URL").splitlines() == [
        "down: failed: URL/status/503 answers 503 Service Unavailable",
        "gone: ok: URL/status/410 answers 410 Gone",
        "nobody: failed: http://127.0.0.1:9/ does not answer: Connection refused",
        "other: failed: the answer of URL/ does not hold 'hello'",
        "up: ok: URL/status.php answers 200 OK",
    ]


def test_a_certificate_is_believed_by_its_authority_alone(tmp_path: Path) -> None:
    with site(tmp_path) as web:
        assert web.authority is not None
        ours = tmp_path / "machine"
        ours.mkdir()
        machine = Probing(ours, known=http(web.url, ca="/etc/ca.pem"), strange=http(web.url))
        machine.write("etc/ca.pem", web.authority.read_text())
        done = machine.probe()
    assert done.out.replace(web.url, "URL").splitlines() == [
        "known: ok: URL answers 200 OK",
        "strange: failed: URL does not answer: its certificate is not believed: self-signed "
        "certificate",
    ]


def test_law_22_a_secret_goes_to_its_host_and_nowhere_else(tmp_path: Path, web: Site) -> None:
    token = {"Authorization": {"file": "/etc/token"}}
    with site() as other:
        machine = Probing(
            tmp_path,
            closed=http(f"{web.url}/closed", headers=token),
            inside=http(f"{web.url}/to//closed", headers=token),
            outside=http(f"{web.url}/to/{other.url}/closed", headers=token),
        )
        assert "refused" in machine.probe("closed").out, "there is none yet"
        machine.write("etc/token", TOKEN)
        (machine.root / "etc/token").chmod(0o600)
        done = machine.probe()
        assert [line.split(": ")[:2] for line in done.out.splitlines()] == [
            ["closed", "ok"],
            ["inside", "ok"],
            ["outside", "failed"],
        ]
        assert "answers 302 Found" in done.out
        assert other.seen == []
        assert ("/closed", TOKEN) in web.seen
    held = [
        path
        for path in machine.root.rglob("*")
        if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]
    assert held == [machine.root / "etc/token"]
    assert TOKEN not in done.out + done.err


def test_odd_answers_are_judged_and_not_quoted(tmp_path: Path, web: Site) -> None:
    token = {"Authorization": {"file": "/etc/token"}}
    names = ("broken", "cut", "leak", "none")
    checks = {name: http(f"{web.url}/{name}", headers=token) for name in names}
    machine = Probing(tmp_path, **checks)
    machine.write("etc/token", TOKEN)
    (machine.root / "etc/token").chmod(0o600)
    done = machine.probe()
    assert done.code == 5
    assert done.out.replace(web.url, "URL").splitlines() == [
        "broken: failed: URL/broken does not answer: IncompleteRead",
        "cut: failed: the answer of URL/cut was cut off",
        "leak: failed: URL/leak answers 403 Forbidden",
        "none: failed: URL/none does not answer: BadStatusLine",
    ]
    held = [path for path in machine.root.rglob("*") if path.is_file()]
    assert [str(one) for one in held if TOKEN.encode() in one.read_bytes()] == [
        str(machine.root / "etc/token")
    ]


def test_a_secret_that_no_header_holds_is_refused(tmp_path: Path, web: Site) -> None:
    machine = Probing(tmp_path, up=http(web.url, headers={"X-Token": {"file": "/etc/token"}}))
    machine.write("etc/token", "schlüssel")
    (machine.root / "etc/token").chmod(0o600)
    said = "up: refused: the value of X-Token is no ASCII, which a header has to be\n"
    assert machine.probe().out == said


def test_a_proxy_of_the_environment_is_not_asked(tmp_path: Path, web: Site) -> None:
    machine = Probing(tmp_path, up=http(web.url))
    assert machine.probe(http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9").code == 0


def test_law_13_a_server_that_hangs_has_a_limit(tmp_path: Path, web: Site) -> None:
    machine = Probing(tmp_path, slow=http(f"{web.url}/slow", timeout="2s"))
    began = time.monotonic()
    done = machine.probe()
    assert time.monotonic() - began < 20
    assert (done.code, done.out.split(": ")[1]) == (5, "failed")


# ── Commands ─────────────────────────────────────────────────────────────────────────────────


def shell(text: str, **more: Any) -> dict[str, Any]:
    return {"kind": "command", "run": ["/bin/sh", "-c", text], **more}


def test_a_command_says_by_its_end_how_things_are(tmp_path: Path) -> None:
    machine = Probing(
        tmp_path,
        bad=shell("echo looking; echo 'md0: degraded' >&2; exit 2"),
        good=shell("echo all well"),
        missing={"kind": "command", "run": ["/nowhere/raid"]},
    )
    done = machine.probe()
    assert (done.code, done.out.splitlines()) == (
        5,
        [
            "bad: failed: it ended with 2: md0: degraded",
            "good: ok: all well",
            "missing: refused: /nowhere/raid cannot be run: No such file or directory",
        ],
    )


def test_law_13_a_command_that_hangs_ends_with_all_that_it_started(tmp_path: Path) -> None:
    marker = tmp_path / "late"
    text = f"(sleep 6; touch {marker}) & sleep 60"
    machine = Probing(tmp_path, hung=shell(text, timeout="1s"))
    done = machine.probe()
    assert (done.code, done.out) == (5, "hung: failed: it was not done within 1s\n")
    time.sleep(7)
    assert not marker.exists()


# ── As a program ─────────────────────────────────────────────────────────────────────────────


def test_under_a_timer_it_is_silent_where_all_is_well(tmp_path: Path) -> None:
    machine = Probing(tmp_path, bad=shell("echo no; exit 1"), good=shell("echo yes"))
    good, bad = machine.probe("--scheduled", "good"), machine.probe("--scheduled", "bad")
    assert (good.code, good.out, good.err) == (0, "", "")
    assert (bad.code, bad.out) == (5, "bad: failed: it ended with 1: no\n")


def test_json_is_the_same_for_programs(tmp_path: Path) -> None:
    machine = Probing(tmp_path, bad=shell("exit 1"), good=shell("echo yes"))
    bad, good = json.loads(machine.probe("--json").out)
    assert (bad["check"], bad["status"], bad["reason"]) == ("bad", "failed", "it ended with 1")
    assert (good["status"], good["reason"], good["not_told"]) == ("ok", "yes", None)
    checks = json.loads(machine("status", "--json").out)["checks"]
    assert [(one["check"], one["health"], one["healthy"]) for one in checks] == [
        ("bad", "failing", False),
        ("good", "well", True),
    ]


def test_an_interrupted_look_says_nothing_of_what_it_looks_at(tmp_path: Path) -> None:
    machine = Probing(tmp_path, slow=shell("sleep 30"))
    command = [sys.executable, "-m", "policyctl.main", "probe", "slow", "--root", str(machine.root)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 60
        while "has not ended" not in machine("status").out:
            assert time.monotonic() < deadline
        locked = machine.probe("slow")
        child.send_signal(signal.SIGTERM)
        said, _ = child.communicate(timeout=30)
    assert (child.returncode, said) == (143, "slow: interrupted: ended by SIGTERM\n")
    assert locked.code == 75
    assert "not begun" in locked.out
    assert "check slow: waiting for its first time" in machine("status").out


def ended(machine: Probing, name: str, result: str, code: str, status: str) -> None:
    """What systemd starts by OnFailure=, with what it sets (systemd.exec(5))."""
    names = ("MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS")
    said = dict(zip(names, (result, code, status), strict=True))
    done = policyctl("tell-end", name, "--root", str(machine.root), cwd=machine.folder, **said)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_what_systemd_could_not_start_is_told_from_outside(tmp_path: Path) -> None:
    machine = Probing(tmp_path, good=shell("true"))
    machine.probe()
    ended(machine, "check-good", "exit-code", "exited", "5")
    assert machine.series("good")["status"] == 1, "it told its end itself"
    ended(machine, "check-good", "exit-code", "exited", "243")
    assert machine.series("good")["status"] == 0
    line = "systemd could not start it: exit status 243, the file of a secret, or a credential, "
    assert f"check good: failing, looked just now: {line}cannot be read" in machine("status").out
    ended(machine, "check-gone", "exit-code", "exited", "243")
    ended(machine, "good", "exit-code", "exited", "243")


def test_a_killed_look_is_told_from_outside(tmp_path: Path) -> None:
    machine = Probing(tmp_path, slow=shell("sleep 30"))
    command = [sys.executable, "-m", "policyctl.main", "probe", "slow", "--root", str(machine.root)]
    with subprocess.Popen(command, cwd=CHECKOUT, start_new_session=True) as child:
        deadline = time.monotonic() + 60
        while "has not ended" not in machine("status").out:
            assert time.monotonic() < deadline
        child.kill()
    ended(machine, "check-slow", "signal", "killed", "KILL")
    told = machine("status").out
    assert "check slow: failing, looked just now: it was killed before it had ended" in told
    assert "has not ended" not in told


def test_what_the_plan_does_not_have_is_refused(tmp_path: Path) -> None:
    machine = Probing(
        tmp_path,
        good=shell("true"),
        away={**shell("true"), "runner": {"kubernetes": {"namespace": "apps"}}},
    )
    assert "no check 'god'; it has: away, good" in machine.probe("god").err
    assert "another runner" in machine.probe("away").err
    assert machine.probe().out == "good: ok\n"
    assert "check away: made elsewhere" in machine("status").out


def test_a_check_that_leaves_is_forgotten(tmp_path: Path) -> None:
    machine = Probing(tmp_path, good=shell("true"), other=shell("true"))
    machine.probe()
    told = machine.root / "var/lib/node/policyctl.check.other.prom"
    assert told.exists()
    text = machine.manifest.read_text()
    machine.manifest.write_text(
        "".join(line for line in text.splitlines(keepends=True) if not line.startswith("  other:"))
    )
    assert machine("apply").code == 0
    assert not told.exists()
    assert "check other" not in machine("status").out
    assert not list(machine.root.glob("etc/systemd/system/*check-other*"))


def test_a_renamed_check_keeps_its_history(tmp_path: Path) -> None:
    dumps = {"kind": "freshness", "path": "/srv/data/dumps", "newer_than": "26h"}
    machine = Probing(tmp_path, dumps=dumps)
    machine.write("srv/data/dumps/new", "dump")
    assert machine.probe().code == 0
    before = machine.series("dumps")
    machine.edit("  dumps: {", '  fresh: {"was": "dumps", ')
    assert "fresh (was dumps)" in machine("plan").out
    with hold(Places(root=machine.root).check_lock("dumps")):
        busy = machine("apply")
    assert "dumps goes on just now: apply again" in busy.err
    done = machine("apply")
    assert done.code == 0, done.err
    assert "check fresh: the history of dumps is its own" in done.err
    (found,) = machine("status", "--json").json["checks"]
    assert (found["check"], found["health"]) == ("fresh", "well")
    assert not (machine.root / "var/lib/node/policyctl.check.dumps.prom").exists()
    assert machine.probe().code == 0
    assert (
        machine.series("fresh")["expected_since_timestamp_seconds"]
        == (before["expected_since_timestamp_seconds"])
    )
