"""Several items at a time: the same generations, order of reports, limits and ends as with one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.generations.names import Standing, moment_of
from engine.records.reports import RunStatus
from engine.runs.observation import Observation
from engine.runs.preflight import preflight
from engine.system.items import inventory
from engine.system.passes.transfers import OutOfTime
from engine.system.runs import attempt
from engine.system.runs.runner import run_leg
from engine.system.state.state import open_state, stream_of
from tests.generations import observed, seen_item, web
from tests.integration.killing import before_step, killed
from tests.integration.lab import Lab, tree, wrap_rsync, write
from tests.integration.test_adopt_generations import House as ItemHouse

pytestmark = pytest.mark.tool("rsync")
NAMES = ("a", "b", "c", "d", "e")
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
{sources}
legs:
  hist: {{kind: versions, to: "disk:/hist/{{source}}", schedule: "02:00", at_once: {at_once},
          timeout: {timeout}, keep: {{last: 2}}}}
routes:
{routes}
"""


def text(at_once: int = 2, timeout: str = "5m") -> str:
    return MANIFEST.format(
        host=socket.gethostname(),
        at_once=at_once,
        timeout=timeout,
        sources="\n".join(f"  {one}: {{kind: tree, path: /srv/{one}}}" for one in NAMES),
        routes="\n".join(f"  /srv/{one}: hist" for one in NAMES),
    )


class House(Lab):
    """A lab with five trees."""

    def __init__(self, root: Path, manifest: str | None = None) -> None:
        for name in NAMES:
            write(root / f"srv/{name}/kept", name * 3000)
            write(root / f"srv/{name}/changing", "0")
        super().__init__(root, manifest or text())

    def generations(self, name: str) -> list[Path]:
        folder = self.disk / "hist" / name
        if not folder.is_dir():
            return []
        return sorted(one for one in folder.iterdir() if moment_of(os.fsencode(one.name)))

    def known(self, number: int) -> list[Standing]:
        leg = self.plan.leg("hist")
        assert leg is not None
        names = [os.fsencode(one.name) for one in self.generations(NAMES[number])]
        with open_state(self.places.state_file) as state:
            stream = stream_of(self.plan, leg, leg.feeds[number], state)
            return [one.standing for one in state.generations.among(stream, names)]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def slow_for(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: Callable[[str], float]
) -> Path:
    """Have rsync take its time for each tree; the file in which it notes its begin and end."""
    noted = tmp_path / "noted"
    cases = "\n".join(f"*{house.root}/srv/{name}/*) sleep {seconds(name)} ;;" for name in NAMES)
    body = f"""\
[ "$1" = --version ] && exec {shutil.which("rsync")} "$@"
echo begin >> {noted}
case "$*" in
{cases}
esac
real "$@"
code=$?
echo end >> {noted}
exit $code"""
    monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
    return noted


def most_at_once(noted: Path) -> int:
    running = most = 0
    for line in noted.read_text().splitlines():
        running += 1 if line == "begin" else -1
        most = max(most, running)
    return most


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_so_many_are_copied_at_once_and_each_has_its_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    house = House(tmp_path / "root", text(at_once))
    noted = slow_for(house, tmp_path, monkeypatch, lambda _: 0.5)
    for number in range(3):
        for name in NAMES:
            write(house.root / f"srv/{name}/changing", str(number))
        report = house.run("hist")
        assert report.status is RunStatus.OK, report
        assert [one.feed for one in report.feeds] == list(NAMES)
        assert all((one.entries, one.files) == (2, 1 if number else 2) for one in report.feeds)
    assert most_at_once(noted) == at_once
    for number, name in enumerate(NAMES):
        first, second = house.generations(name)
        assert tree(second) == tree(house.root / "srv" / name)
        assert (first / "kept").samefile(second / "kept")
        assert house.known(number) == [Standing.VERIFIED] * 2


def test_reports_keep_their_order_whatever_ends_first(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_for(house, tmp_path, monkeypatch, lambda name: (ord("e") - ord(name)) * 0.2)
    assert [one.feed for one in house.run("hist").feeds] == list(NAMES)


def test_law_35_one_that_fails_stops_no_other(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = f'case "$*" in *{house.root}/srv/b/*) exit 11 ;; esac\nreal "$@"'
    monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
    report = house.run("hist")
    status = {one.feed: one.status for one in report.feeds}
    assert status == {**dict.fromkeys(NAMES, RunStatus.OK), "b": RunStatus.FAILED}
    assert [len(house.generations(one)) for one in NAMES] == [1, 0, 1, 1, 1]


def test_law_13_one_that_hangs_takes_no_more_than_its_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path / "root", text(timeout="{each: 2s, all: 1m}"))
    slow_for(house, tmp_path, monkeypatch, lambda name: 60 if name in "ab" else 0)
    began = time.monotonic()
    report = house.run("hist")
    assert time.monotonic() - began < 40
    status = {one.feed: one.status for one in report.feeds}
    late = dict.fromkeys("ab", RunStatus.TIMED_OUT)
    assert status == {**dict.fromkeys(NAMES, RunStatus.OK), **late}


def test_law_13_the_time_of_all_ends_every_one_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path / "root", text(timeout="4s"))
    slow_for(house, tmp_path, monkeypatch, lambda name: 0 if name == "a" else 60)
    report = house.run("hist")
    assert report.status is RunStatus.TIMED_OUT
    status = {one.feed: one.status for one in report.feeds}
    assert status == {**dict.fromkeys(NAMES, RunStatus.TIMED_OUT), "a": RunStatus.OK}
    assert {one.reason for one in report.feeds} == {"", "its time limit of 4s has passed"}
    assert [len(house.generations(one)) for one in NAMES] == [1, 0, 0, 0, 0]
    assert processes_of(house) == []


def processes_of(house: House) -> list[str]:
    """Commands that still run and name the lab, as /proc shows them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                words = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                )
            except OSError:
                continue
            if f"{house.root}/srv/" in words:
                found.append(words)
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_law_06_a_signal_ends_all_under_way_and_each_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    house = House(tmp_path / "root")
    noted = slow_for(house, tmp_path, monkeypatch, lambda name: 0 if name == "a" else 60)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        house.run("hist")
        os._exit(0)
    until = time.monotonic() + 30
    while not (noted.exists() and noted.read_text().count("begin") == 3):
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(child, number)
    os.waitpid(child, 0)
    assert processes_of(house) == []
    last = house.history("hist")[0]
    assert last.status is RunStatus.INTERRUPTED
    assert [len(house.generations(one)) for one in NAMES] == [1, 0, 0, 0, 0]
    monkeypatch.undo()
    house.now = house.now.replace(day=house.now.day + 2)
    report = house.run("hist")
    assert report.status is RunStatus.OK, report
    assert list(house.disk.rglob(".policyctl-[su]*")) == []


@pytest.mark.parametrize("step", range(2, 16, 3))
def test_law_15_killed_at_any_step_the_next_run_completes(house: House, step: int) -> None:
    house.run("hist")
    before = {name: tree(house.generations(name)[0]) for name in NAMES}
    killed(lambda: house.run("hist"), before_step(step))
    for name in NAMES:
        for one in house.generations(name):
            assert tree(one) == before[name]
    house.now = house.now.replace(day=house.now.day + 2)
    report = house.run("hist")
    assert report.status is RunStatus.OK, report
    for name in NAMES:
        assert all(tree(one) == before[name] for one in house.generations(name))
    assert list(house.disk.rglob(".policyctl-[su]*")) == []


def test_law_06_items_that_a_run_did_not_come_to_are_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each item is told by itself: one that was not reached was told as good."""
    house = ItemHouse(tmp_path)

    def look(*_: object, **__: object) -> Observation:
        return observed(seen_item(web()))

    def late(*_: object) -> None:
        raise OutOfTime

    monkeypatch.setattr(inventory, "sweep_items", lambda *_: ())
    monkeypatch.setattr(attempt, "observe", look)
    monkeypatch.setattr(attempt, preflight.__name__, lambda *_: ())
    monkeypatch.setattr(attempt, "steps_for", late)
    report = run_leg(house.plan, "files", places=house.places, clock=lambda: house.now)
    assert report.status is RunStatus.TIMED_OUT
    assert [(one.feed, one.status) for one in report.feeds] == [("apps/web", RunStatus.TIMED_OUT)]
