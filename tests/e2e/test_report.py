"""`policyctl report` as a user types it: the page, the JSON, and the server on loopback."""

from __future__ import annotations

import http.client
import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_cli import CHECKOUT, Machine
from tests.e2e.test_status import everything
from tests.integration.browser import browsing

pytestmark = pytest.mark.tool("rsync")
PATIENCE = 60.0
PAGE = "<!doctype html>"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    assert found("apply").code == 0
    assert found("run", "nightly").code == 0
    return found


@contextmanager
def served(machine: Machine, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server, and its address."""
    command = [sys.executable, "-m", "policyctl.main", "report", "--serve", "--port", "0", *words]
    command += ["-p", str(machine.manifest), "--root", str(machine.root)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline().decode()
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert found is not None, line + process.stderr.read().decode()
            yield process, found[0]
        finally:
            process.kill()


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def test_without_a_terminal_it_is_printed(machine: Machine) -> None:
    done = machine("report")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(PAGE)
    assert "Backups of <bdi>myhost</bdi>" in done.out
    assert machine("report", "--output", "-").out.startswith(PAGE)


def test_on_a_terminal_it_asks_where_to(machine: Machine) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "policyctl.main", "report", "--root", str(machine.root)]
    done = subprocess.run(
        command,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        timeout=PATIENCE,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert b"name a file (--output report.html)" in done.stderr


def test_a_file_is_written_whole_and_for_its_owner(machine: Machine) -> None:
    done = machine("report", "-o", "page.html")
    file = machine.folder / "page.html"
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("policyctl: page.html is written (")
    assert file.read_text().startswith(PAGE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in machine.folder.iterdir() if one.name.startswith(".")] == []
    missing = machine("report", "-o", "nowhere/page.html")
    assert missing.code == 5
    assert "the page was not written: " in missing.err


def test_asking_makes_and_changes_nothing(machine: Machine) -> None:
    before = everything(machine)
    assert machine("report").code == 0
    assert machine("report", "--json").code == 0
    assert everything(machine) == before


def test_it_ends_well_whatever_it_says(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    for path in (machine.root / "srv/data").rglob("*"):
        if path.is_file():
            path.unlink()
    (machine.root / "srv/data").rename(machine.root / "srv/gone")
    assert machine("run", "nightly").code == 5
    assert machine("status").code == 5
    done = machine("report")
    assert done.code == 0
    assert "Needs you" in done.out
    assert f"policyctl run nightly --root {machine.root}" in done.out


def test_the_facts_for_programs(machine: Machine) -> None:
    done = machine("report", "--json")
    assert (done.code, done.err) == (0, "")
    status = machine("status", "--json").json
    assert {name: done.json[name] for name in ("healthy", "summary")} == {
        name: status[name] for name in ("healthy", "summary")
    }
    assert [one["leg"] for one in done.json["legs"]] == [one["leg"] for one in status["legs"]]
    assert done.json["headline"]["level"] == "at risk"
    edges = {(one["from"], one["to"]) for one in done.json["routing"]["edges"]}
    assert {
        ("data", "nightly"),
        ("nightly", "disk"),
        ("data", "direct"),
        ("direct", "nas"),
    } <= edges
    assert [(one["leg"], one["status"]) for one in done.json["runs"]] == [("nightly", "ok")]
    assert [one["title"] for one in done.json["days"]] == ["Every day"]
    assert {one["part"] for one in done.json["protection"]} >= {"/srv/data", "/srv/data/scratch"}
    assert [one["destination"] for one in done.json["room_history"]] == ["disk", "nas"]


@pytest.mark.parametrize(
    "words",
    [
        ["--serve", "--json"],
        ["--serve", "-o", "x"],
        ["--json", "-o", "x"],
        ["--port", "1"],
        ["--serve", "--port", "70000"],
    ],
)
def test_what_makes_no_sense_is_refused(machine: Machine, words: list[str]) -> None:
    assert machine("report", *words).code == 2


def test_where_nothing_is_applied_it_says_so(tmp_path: Path) -> None:
    bare = Machine(tmp_path)
    for words in ([], ["--json"], ["--serve"]):
        done = bare("report", *words)
        assert done.code == 5
        assert "nothing is applied yet" in done.err


# ── Served ───────────────────────────────────────────────────────────────────────────────────


def test_each_load_is_of_that_moment(machine: Machine) -> None:
    with served(machine) as (_, address):
        assert "waiting for its first run" in read(address)
        assert machine("run", "direct").code == 0
        after = read(address)
    assert "waiting for its first run" not in after
    assert "load the page again to look again" in after


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_it_ends_cleanly(machine: Machine, sent: signal.Signals, code: int) -> None:
    with served(machine) as (process, address):
        read(address)
        idle = socket.create_connection(("127.0.0.1", int(address.rstrip("/").rpartition(":")[2])))
        process.send_signal(sent)
        assert process.wait(PATIENCE) == code
        idle.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    with pytest.raises(OSError, match="refused"):
        read(address)


def test_what_cannot_be_read_is_told_in_the_browser_and_looked_at_again(machine: Machine) -> None:
    state = machine.root / "var/lib/policyctl/state.db"
    with served(machine) as (_, address):
        port = int(address.rstrip("/").rpartition(":")[2])
        aside = state.with_name("aside.db")
        state.rename(aside)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 503
        assert b"state.db is not there, though a plan is applied" in answer.read()
        connection.close()
        aside.rename(state)
        assert read(address).startswith(PAGE)


def test_a_port_that_is_taken_is_told(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = machine("report", "--serve", "--port", str(taken.getsockname()[1]))
    assert done.code == 5
    assert "cannot be had" in done.err
    assert "policyctl report --serve --port 0 --root" in done.err


@pytest.mark.tool("chromium", "chromedriver")
def test_the_served_page_in_a_real_browser(machine: Machine, tmp_path: Path) -> None:
    with served(machine) as (_, address), browsing(tmp_path) as browser:
        for width in (1280, 390):
            browser.size(width)
            browser.requests()
            browser.open(address)
            assert browser.run("return document.documentElement.scrollWidth") <= width
            browser.click('[data-filter="sources"] [data-kind="at-risk"]')
            assert browser.seen("#sources tbody tr") == 1
            assert browser.complaints() == []
            assert browser.requests() == [address]


def test_odd_names_and_texts_reach_the_page_unharmed(tmp_path: Path) -> None:
    odd = Machine(tmp_path)
    odd.edit("made anew each day", "<script>alert(1)</script> & \\u202e quoted")
    assert odd("apply").code == 0
    name = b"caf\xe9 <img src=x onerror=alert(1)>\n\x1b[31m\xe2\x80\xae"
    Path(os.fsdecode(os.fsencode(odd.root) + b"/srv/data/" + name)).mkdir()
    done = odd("report", "--json")
    assert done.code == 0
    page = odd("report").out
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page, "it is new at the top of a source"
    assert r"\xe9" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert json.dumps(done.json)
