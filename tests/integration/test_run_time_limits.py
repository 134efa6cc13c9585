"""Time limits of items and of whole runs, with an rsync that does not come to its end."""

import functools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.records.reports import FeedReport, RunReport, RunStatus
from engine.system.host import process
from engine.system.passes import transfers
from tests.integration.away import TWO_FEEDS, Away
from tests.integration.lab import Lab, manifest, wrap_rsync, write
from tests.integration.sshd import serving
from tests.integration.tracking import Trackers

pytestmark = pytest.mark.tool("rsync")


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    trackers = Trackers()
    yield trackers
    trackers.close()


def two_sources(root: Path, limits: str) -> Lab:
    """A leg that carries two sources, each to its own directory."""
    text = (
        manifest()
        .replace("timeout: 5m", f"timeout: {limits}")
        .replace('to: "disk:/"', 'to: "disk:/{source}"')
        .replace("\nlegs:", "\n  more: {kind: tree, path: /srv/more}\nlegs:")
        + "  /srv/more: nightly\n"
    )
    lab = Lab(root, text)
    write(lab.source / "file")
    write(root / "srv/more/file")
    return lab


def wrapper(directory: Path, hang: str) -> str:
    """An rsync that hangs where it reads the source `data`, and notes the processes it is."""
    return wrap_rsync(
        directory,
        f'case "$*" in *--version) real "$@";; */srv/data/*) echo $$ >>{directory}/pids; {hang};; '
        '*) real "$@";; esac',
    )


def by_name(report: RunReport) -> dict[str, FeedReport]:
    return {one.feed: one for one in report.feeds}


def alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def noted(directory: Path) -> list[int]:
    return [int(line) for line in (directory / "pids").read_text().split()]


def test_law_35_an_item_that_takes_too_long_stops_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = two_sources(tmp_path / "lab", "{each: 1s, all: 1m}")
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", wrapper(tmp_path / "bin", "sleep 30"))
    report = lab.run()
    feeds = by_name(report)
    assert feeds["data"].status is RunStatus.TIMED_OUT
    assert feeds["data"].reason == "its own time limit has passed"
    assert feeds["more"].status is RunStatus.OK
    assert report.status is RunStatus.DEGRADED
    assert b"more/file" in lab.copies()
    assert b"data/file" not in lab.copies()
    assert not any(alive(one) for one in noted(tmp_path / "bin"))
    assert lab.last_success() is None
    monkeypatch.setenv("PATH", path)
    assert lab.run().status is RunStatus.OK


def test_law_13_an_items_limit_counts_all_of_its_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transfer and the deletions of one feed share its limit."""
    lab = two_sources(tmp_path / "lab", "{each: 2s, all: 1m}")
    write(lab.source / "gone")
    assert lab.run().status is RunStatus.OK
    (lab.source / "gone").unlink()
    monkeypatch.setenv("PATH", wrapper(tmp_path / "bin", 'sleep 1.2; real "$@"'))
    report = lab.run()
    feeds = by_name(report)
    assert feeds["data"].status is RunStatus.TIMED_OUT, report
    assert feeds["more"].status is RunStatus.OK
    assert len(noted(tmp_path / "bin")) == 2, "it was the second command that took too long"


def test_law_13_the_whole_limit_ends_the_run_and_all_of_rsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rsync and a child of it do not let themselves be ended by a request."""
    monkeypatch.setattr(transfers, "run", functools.partial(process.run, grace=0.5))
    lab = two_sources(tmp_path / "lab", "{each: 10m, all: 1s}")
    stubborn = f"trap \"\" TERM; (echo $(exec sh -c 'echo $PPID') >>{tmp_path}/bin/pids; "
    stubborn += "while :; do sleep 30; done) & while :; do sleep 30; done"
    monkeypatch.setenv("PATH", wrapper(tmp_path / "bin", stubborn))
    began = time.monotonic()
    report = lab.run()
    assert report.status is RunStatus.TIMED_OUT
    assert report.reason == "its time limit of 1s has passed"
    assert 1.4 < time.monotonic() - began < 8, "asked first, then killed"
    assert len(noted(tmp_path / "bin")) == 2
    assert not any(alive(one) for one in noted(tmp_path / "bin"))
    assert lab.history()[0].status is RunStatus.TIMED_OUT
    assert lab.last_success() is None


def test_what_was_written_when_the_time_was_up_is_resumed(tmp_path: Path) -> None:
    """The request to end reaches rsync with somebody still reading what it says."""
    lab = Lab(tmp_path, manifest(", bandwidth: 1M").replace("timeout: 5m", "timeout: 2s"))
    write(lab.source / "large", os.urandom(12_000_000))
    assert lab.run().status is RunStatus.TIMED_OUT
    assert (lab.disk / ".policyctl-partial/large").stat().st_size > 0
    assert not list(lab.disk.glob(".large.*"))


@pytest.mark.tool("sshd", "ssh-keygen")
def test_an_incremental_pass_has_a_limit_of_its_own(
    tmp_path: Path, trackers: Trackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = ", timeout: {incremental: 1s, full: 10m}"
    with (
        serving(tmp_path / "server") as server,
        Away(tmp_path / "lab", server, limits).tracked(trackers) as away,
    ):
        write(away.source / "file")
        body = 'case "$*" in *--version) ;; *) sleep 1.5;; esac; real "$@"'
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        away.first()
        write(away.source / "more")
        report = away.run()
        assert report.status is RunStatus.TIMED_OUT
        assert report.reason == "its time limit of 1s has passed"
        assert away.waiting() == {b"more"}


@pytest.mark.tool("sshd", "ssh-keygen")
def test_law_35_the_other_feed_goes_on_over_ssh_and_incrementally(
    tmp_path: Path, trackers: Trackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = ", timeout: {each: 3s, all: 10m}"
    with (
        serving(tmp_path / "server") as server,
        Away(tmp_path / "lab", server, limits, text=TWO_FEEDS).tracked(trackers) as away,
    ):
        write(away.source / "file")
        write(away.top / "more/file")
        assert away.run().status is RunStatus.OK
        write(away.source / "new")
        write(away.top / "more/new")
        body = 'case "$*" in */send-data/*) sleep 30;; *) real "$@";; esac'
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        feeds = by_name(away.run())
        assert feeds["data"].status is RunStatus.TIMED_OUT
        assert feeds["more"].status is RunStatus.OK
        assert {one.mode for one in feeds.values()} == {"incremental"}
        assert (away.nas / "copies/more/new").exists()
        assert not (away.nas / "copies/data/new").exists()
        assert away.waiting(reads="data") == {b"new"}
        assert away.waiting(reads="more") == set()


def test_a_signal_ends_what_rsync_has_started(tmp_path: Path) -> None:
    """E14: whoever ends the run, the whole group goes, also what ignores the request."""
    note = tmp_path / "pids"
    program = (
        f'trap "" TERM; (trap "" TERM; echo $(exec sh -c \'echo $PPID\') >{note}; '
        "while :; do sleep 30; done) & while :; do sleep 30; done"
    )
    command = process.Command(argv=(b"sh", b"-c", program.encode()), timeout=1.0)
    told = process.run(command, grace=0.3)
    assert told.timed_out
    assert told.code == -signal.SIGKILL
    assert not alive(int(note.read_text()))
