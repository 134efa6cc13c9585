"""The laws that whole runs keep: full passes with the real rsync, told and recorded."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.alerts.metrics import Sample
from engine.check import check_manifest
from engine.records.reports import RunReport, RunStatus
from engine.runs.observation import Waiver
from engine.steps.modes import Mode
from engine.system.host.lock import hold
from engine.system.runs.runner import run_leg
from engine.system.state.records import RunRecord
from engine.system.state.state import open_state
from engine.system.telling.facts import leg_facts
from engine.system.telling.tellers import Group, Textfile
from policy.diagnostics import Severity
from tests.integration.lab import Lab, at, manifest, only, tree, wrap_rsync, write
from tests.strategies import errors
from tests.strategies import manifest as content

pytestmark = pytest.mark.tool("rsync")
FOLDER = "var/lib/node-exporter"
TOLD = f"monitoring: {{textfile: /{FOLDER}}}\n"
RUN = "policyctl_leg_last_run_timestamp_seconds"
SUCCESS = "policyctl_leg_last_success_timestamp_seconds"

TWO_LEGS = manifest().replace(
    "routes:\n",
    '  images: {kind: mirror, to: "disk:/images", schedule: "03:00", timeout: 5m}\nroutes:\n'
    "  /srv/data/images: images\n",
)
TWO_FEEDS = (
    manifest()
    .replace("disk:/", "disk:/{source}")
    .replace(
        "  data: {kind: tree, path: /srv/data}\n",
        "  data: {kind: tree, path: /srv/data}\n  other: {kind: tree, path: /srv/other}\n",
    )
    + "  /srv/other: nightly\n"
)
HOPS = manifest().replace(
    "sources:\n", "  nas: {path: /mnt/nas, media: nas, site: away}\nsources:\n"
).replace(
    "routes:\n",
    '  offsite: {kind: mirror, from: disk, to: "nas:/copies", schedule: "04:00", timeout: 5m'
    "%s}\nroutes:\n",
)  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab")


def series(lab: Lab, leg: str = "nightly") -> dict[str, float]:
    """What the textfile tells of a leg."""
    text = (lab.root / FOLDER / f"policyctl-{leg}.prom").read_text()
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def told_status(lab: Lab, leg: str = "nightly") -> list[str]:
    """The status that the textfile tells of a leg: exactly one is 1."""
    prefix = "policyctl_leg_status{"
    return [
        name.partition('status="')[2].rstrip('"}')
        for name, value in series(lab, leg).items()
        if name.startswith(prefix) and value == 1
    ]


# ── 1, 3, 4, 7: E1 ───────────────────────────────────────────────────────────────────────────


def test_law_01_a_pass_into_a_shared_root_touches_nothing_of_anybody_else(tmp_path: Path) -> None:
    """Another leg's place, an unknown folder and the engine's own state, beside the copies."""
    lab = Lab(tmp_path, TWO_LEGS)
    write(lab.source / "documents/a")
    write(lab.source / "gone/b")
    write(lab.source / "images/disk.img")
    for theirs in ("images/disk.img", "unknown/40G", "unknown/great-wal", "job.lock"):
        write(lab.disk / theirs, "theirs")
    (lab.disk / "job.lock").chmod(0o600)
    with hold(lab.disk / "flock"):
        assert lab.run().status is RunStatus.OK
        shutil.rmtree(lab.source / "gone")
        report = lab.run()
    assert report.status is RunStatus.OK
    assert only(report).deleted == 2
    assert only(report).foreign == (b"flock", b"job.lock", b"unknown")
    assert set(lab.copies()) == {
        *(b"documents", b"documents/a", b"images", b"images/disk.img"),
        *(b"unknown", b"unknown/40G", b"unknown/great-wal", b"job.lock", b"flock"),
    }
    assert (lab.disk / "images/disk.img").read_bytes() == b"theirs"


def test_law_01_a_state_that_is_lost_makes_everything_foreign(lab: Lab) -> None:
    """Whoever restores the machine without its state deletes nothing until it is adopted."""
    write(lab.source / "photos/a")
    write(lab.source / "gone/b")
    assert lab.run().status is RunStatus.OK
    lab.places.state_file.unlink()
    report = lab.run()
    assert report.status is RunStatus.REFUSED
    assert "none was recorded: run `policyctl apply`" in report.reason
    lab.apply()
    shutil.rmtree(lab.source / "gone")
    write(lab.source / "photos/new")
    (lab.source / "photos/a").unlink()
    for _ in range(2):
        report = lab.run()
        assert report.status is RunStatus.OK
        assert (only(report).foreign, only(report).shared) == ((b"gone",), (b"photos",))
        assert only(report).deleted == 0
    assert {b"photos/a", b"photos/new", b"gone/b"} <= set(lab.copies())


def test_law_04_an_ignore_of_files_never_takes_a_directory(tmp_path: Path) -> None:
    text = manifest() + 'ignore:\n  "*-cache": "made anew"\n'
    lab = Lab(tmp_path, text)
    for name in ("my-travel-cache/film", "great-cache", "a/b-cache", "a/kept", "cache-a"):
        write(lab.source / name)
    assert lab.run().status is RunStatus.OK
    files = {name for name, (kind, _) in lab.copies().items() if kind == "file"}
    assert files == {b"my-travel-cache/film", b"a/kept", b"cache-a"}


def test_law_04_an_ignore_that_hits_the_files_beside_databases_is_no_manifest() -> None:
    for text in ("*-wal", "*-journal"):
        assert errors(content(ignore={text: "looks like noise"})) == ["ignore-sidecar"]


# ── 6: E14, at each step ─────────────────────────────────────────────────────────────────────


def with_steps(lab: Lab, at_step: Callable[[int, str], None]) -> RunReport:
    """A run that calls back before each of its steps."""
    lab.now += timedelta(days=1)
    count = 0

    def progress(sentence: str) -> None:
        nonlocal count
        count += 1
        at_step(count - 1, sentence)

    return run_leg(lab.plan, "nightly", places=lab.places, clock=lambda: lab.now, progress=progress)


def monitored(tmp_path: Path, options: str = "") -> tuple[Lab, list[str]]:
    """A lab with something to send and something to delete, and its steps in words."""
    lab = Lab(tmp_path, manifest(options) + TOLD)
    write(lab.source / "a/old")
    write(lab.source / "b/gone")
    steps: list[str] = []
    assert with_steps(lab, lambda _, sentence: steps.append(sentence)).status is RunStatus.OK
    return lab, steps


def change(lab: Lab, number: int) -> None:
    """The next thing to send and to delete."""
    write(lab.source / f"a/new{number}")
    write(lab.source / "b/gone", str(number))
    (lab.source / f"a/new{number - 1}").unlink(missing_ok=True)


def raise_bug() -> None:
    raise ZeroDivisionError("nobody foresaw it")


def raise_failure() -> None:
    raise OSError(errno.EIO, "Input/output error")


def ask_to_end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)


@pytest.mark.parametrize(
    ("what", "status", "reason"),
    [
        (raise_bug, RunStatus.FAILED, "a bug: ZeroDivisionError: nobody foresaw it"),
        (raise_failure, RunStatus.FAILED, "[Errno 5] Input/output error"),
        (ask_to_end, RunStatus.INTERRUPTED, "ended by SIGTERM"),
    ],
)
def test_law_06_whatever_ends_a_run_at_whichever_step_is_told(
    tmp_path: Path, what: Callable[[], None], status: RunStatus, reason: str
) -> None:
    lab, steps = monitored(tmp_path)
    assert len(steps) >= 6
    success, first = lab.last_success(), series(lab)
    for number in range(len(steps)):
        change(lab, number)

        def at_step(index: int, sentence: str, ends: int = number) -> None:
            del sentence
            if index == ends:
                what()

        try:
            report = with_steps(lab, at_step)
        except ZeroDivisionError:
            assert what is raise_bug
        else:
            assert (report.status, report.reason) == (status, reason), steps[number]
        newest = lab.history()[0]
        assert (newest.status, newest.reason) == (status, reason), steps[number]
        told = series(lab)
        assert told_status(lab) == [status.name.lower()]
        labels = '{kind="mirror",leg="nightly"}'
        assert told[RUN + labels] == lab.now.timestamp()
        assert told[SUCCESS + labels] == first[SUCCESS + labels], steps[number]
        item = told['policyctl_item_last_success_timestamp_seconds{item="data",'
                    'kind="mirror",leg="nightly"}']  # fmt: skip
        assert item == first[SUCCESS + labels], "nor that of its item"
        assert lab.last_success() == success
        with open_state(lab.places.state_file) as state:
            leg = lab.plan.leg("nightly")
            assert leg is not None
            facts = leg_facts(lab.plan, leg, state, None, lab.places)
        assert facts.success is not None
        assert facts.items[0].success == facts.success
    assert lab.run().status is RunStatus.OK
    assert lab.copies() == tree(lab.source)
    assert told_status(lab) == ["ok"]


def test_law_06_a_time_limit_that_passes_at_any_step_is_told(tmp_path: Path) -> None:
    lab, steps = monitored(tmp_path)
    change(lab, -1)
    assert lab.run().status is RunStatus.OK  # from now on each change also deletes
    steps.clear()
    change(lab, 0)
    with_steps(lab, lambda _, sentence: steps.append(sentence))
    lab.text = lab.text.replace("timeout: 5m", "timeout: 1s")
    lab.apply()
    rsyncs = [at for at, sentence in enumerate(steps) if "rsync --" in sentence]
    success = lab.last_success()
    for turn, number in enumerate((0, *rsyncs), 1):
        change(lab, turn)

        def at_step(index: int, sentence: str, ends: int = number) -> None:
            del sentence
            if index == ends:
                time.sleep(1.05)

        report = with_steps(lab, at_step)
        assert report.status is RunStatus.TIMED_OUT, steps[number]
        assert report.reason == "its time limit of 1s has passed"
        assert told_status(lab) == ["timed_out"]
        assert lab.last_success() == success


def test_law_06_a_signal_while_the_end_is_told_takes_no_success_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copies are made and on record; only the row of legs ends there."""
    lab, _ = monitored(tmp_path)
    change(lab, 1)
    put = Textfile.put
    asked: list[Group] = []

    def interrupted(self: Textfile, group: Group, samples: Iterable[Sample]) -> None:
        if not asked:
            asked.append(group)
            ask_to_end()
        put(self, group, samples)

    monkeypatch.setattr(Textfile, "put", interrupted)
    report = lab.run()
    assert (report.status, report.signal, report.untold) == (RunStatus.OK, signal.SIGTERM, "")
    success = lab.last_success()
    assert success is not None
    assert success.run_id == report.run_id
    assert told_status(lab) == ["ok"]


# ── 11: X1 ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("setpriv")
@pytest.mark.parametrize(
    ("options", "status"),
    [("", RunStatus.DEGRADED), (", tolerate: [unreadable]", RunStatus.NOTED)],
)
def test_law_11_one_unreadable_directory_and_nothing_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, status: RunStatus
) -> None:
    """Neither before rsync comes to it nor after, and none of what lies in it."""
    lab = Lab(tmp_path / "lab", manifest(options))
    for name in ("a/gone", "m/secret", "z/gone", "z/kept"):
        write(lab.source / name)
    assert lab.run().status is RunStatus.OK
    before = lab.copies()
    (lab.source / "a/gone").unlink()
    (lab.source / "z/gone").unlink()
    write(lab.source / "z/new")
    if os.geteuid() == 0:  # rsync without the power to read what is closed to it
        caps = "-dac_override,-dac_read_search"
        body = f'exec setpriv --bounding-set {caps} {shutil.which("rsync")} "$@"'
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
    (lab.source / "m").chmod(0)
    try:
        report = lab.run()
    finally:
        (lab.source / "m").chmod(0o755)
    assert report.status is status, report
    assert lab.copies() == {**before, b"z/new": ("file", b"content")}
    monkeypatch.undo()
    assert lab.run().status is RunStatus.OK
    assert lab.copies() == tree(lab.source)


# ── 12: full passes are due ──────────────────────────────────────────────────────────────────


def two_hops(tmp_path: Path, options: str = "") -> Lab:
    lab = Lab(tmp_path / "lab", manifest())
    (lab.root / "mnt/nas").mkdir()
    lab.text = HOPS % options
    lab.apply()
    return lab


def mode(report: RunReport) -> str:
    assert report.status is RunStatus.OK, report
    return only(report).mode


FULL, CHANGES = Mode.FULL.value, Mode.INCREMENTAL.value


def test_law_12_a_full_pass_is_due_so_long_after_the_last_one_that_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = two_hops(tmp_path, ", full_every: 7d")
    write(lab.source / "a")
    assert lab.run().status is RunStatus.OK  # and a day later:
    modes = [mode(lab.run("offsite")) for _ in range(16)]
    assert modes == [FULL, *[CHANGES] * 6, FULL, *[CHANGES] * 6, FULL, CHANGES]
    # Missed for weeks: once, and then so long after that one.
    lab.now += timedelta(days=40)
    modes = [mode(lab.run("offsite")) for _ in range(8)]
    assert modes == [FULL, *[CHANGES] * 6, FULL]
    # One that fails is no full pass: the next one is due at once, until one succeeds.
    lab.now += timedelta(days=6)
    path = wrap_rsync(tmp_path / "bin", 'case "$*" in --version) real "$@";; *) exit 12;; esac')
    with monkeypatch.context() as patched:
        patched.setenv("PATH", path)
        for _ in range(2):
            report = lab.run("offsite")
            assert (report.status, only(report).mode) == (RunStatus.FAILED, FULL)
    began = lab.now + timedelta(days=1)
    assert [mode(lab.run("offsite")) for _ in range(2)] == [FULL, CHANGES]
    with open_state(lab.places.state_file) as state:
        leg = lab.plan.leg("offsite")
        assert leg is not None
        assert leg_facts(lab.plan, leg, state, None, lab.places).full_began == began
    assert tree(lab.root / "mnt/nas/copies") == tree(lab.source)


# ── 14: exit codes ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *((0, RunStatus.OK), (24, RunStatus.NOTED), (23, RunStatus.DEGRADED)),
        *((25, RunStatus.OK), (30, RunStatus.TIMED_OUT), (35, RunStatus.TIMED_OUT)),
        *((number, RunStatus.FAILED) for number in (1, 2, 5, 10, 11, 12, 20, 99, 255)),
    ],
)
def test_law_14_each_exit_code_moves_success_and_journal_or_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, status: RunStatus
) -> None:
    """25 in the counting pass only says that there is something to be judged, so it is fine."""
    lab = two_hops(tmp_path, ", full_every: 300d")
    write(lab.source / "a")
    write(lab.source / "b")
    for leg in ("nightly", "offsite"):
        assert lab.run(leg).status is RunStatus.OK
    write(lab.source / "c")
    assert lab.run().status is RunStatus.OK
    body = f'case "$*" in --version) real "$@";; *) real "$@"; exit {code};; esac'
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        report = lab.run("offsite")
    assert report.status is status, report
    success = lab.last_success("offsite")
    assert success is not None
    assert (success.run_id == report.run_id) is status.succeeded
    assert lab.history("offsite")[0].status is status
    # What was not taken over with success still waits, and the next run takes it: by its name, or
    # by a full pass, where rsync may have been killed in the middle of a file.
    again = lab.run("offsite")
    assert again.status is RunStatus.OK
    if status.succeeded:
        assert only(again).why == "0 changes in the journal"
    else:
        assert only(again).why.startswith(("1 change in the journal", "the journal has a gap"))
    assert tree(lab.root / "mnt/nas/copies") == tree(lab.source)


# ── 15: E11 ──────────────────────────────────────────────────────────────────────────────────


def links(root: Path) -> dict[bytes, int]:
    return {
        name: at(root, *name.split(b"/")).stat().st_nlink
        for name, (kind, _) in tree(root).items()
        if kind == "file" and not name.startswith(b".policyctl-")
    }


def test_law_15_hard_links_are_as_many_on_every_hop(tmp_path: Path) -> None:
    lab = two_hops(tmp_path)
    for week in range(4):
        folder = lab.source / f"week{week}"
        write(folder / "own", str(week))
        if week:
            (folder / "same").hardlink_to(lab.source / "week0/same")
        else:
            write(folder / "same", "4 GB")
    for number in (4, 3):
        for leg in ("nightly", "offsite"):
            assert lab.run(leg).status is RunStatus.OK
        expected = links(lab.source)
        assert expected[b"week0/same"] == number
        assert links(lab.disk) == links(lab.root / "mnt/nas/copies") == expected
        (lab.source / "week3/same").unlink(missing_ok=True)
        write(lab.source / "week1/late")
        (lab.source / "week2/late").unlink(missing_ok=True)
        (lab.source / "week2/late").hardlink_to(lab.source / "week1/late")


def test_law_22_a_secret_is_not_carried_where_its_mode_is_widened() -> None:
    secret = {"data": {"kind": "tree", "path": "/srv/data", "secret": True}}
    legs = {"leg": {"kind": "mirror", "to": "disk:/", "schedule": "02:00"}}
    routes = {"/srv/data": "leg"}
    assert errors(content(sources=secret, legs=legs, routes=routes)) == []
    legs["leg"]["chmod"] = "Fog=r"
    assert errors(content(sources=secret, legs=legs, routes=routes)) == ["secret-widened"]


# ── 34: X10 ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("length", "found"), [(250, ["filter-impossible"]), (230, [])])
def test_law_34_a_rule_that_rsync_would_drop_is_refused(
    lab: Lab, length: int, found: list[str]
) -> None:
    """rsync discards a rule of 5 kB and ends with 0: what it excludes would be copied after all."""
    deep = "/".join("a" * length for _ in range(16))
    text = f'{manifest()}  ? "/srv/data/{deep}"\n  : {{none: "not worth a copy"}}\n'
    findings = check_manifest(text.encode(), "backup-policy.yaml").findings
    assert [one.code for one in findings if one.severity is Severity.ERROR] == found
    if not found:
        lab.text = text
        lab.apply()
        write(lab.source / "kept")
        write(lab.source / deep / "x")
        write((lab.source / deep).parent / "sibling")
        assert lab.run().status is RunStatus.OK
        files = {name for name, (kind, _) in lab.copies().items() if kind == "file"}
        assert files == {b"kept", os.fsencode(Path(deep).parent / "sibling")}


# ── 35: two feeds ────────────────────────────────────────────────────────────────────────────


def test_law_35_one_failing_feed_hides_no_other_and_is_hidden_by_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path / "lab", TWO_FEEDS + TOLD)
    other = lab.root / "srv/other"
    write(lab.source / "a")
    write(other / "b")
    first = lab.run()
    assert first.status is RunStatus.OK
    write(lab.source / "a2")
    write(other / "b2")
    body = 'case "$*" in --version) real "$@";; */srv/other/*) exit 11;; *) real "$@";; esac'
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        report = lab.run()
    assert report.status is RunStatus.DEGRADED
    assert {one.feed: one.status for one in report.feeds} == {
        "data": RunStatus.OK,
        "other": RunStatus.FAILED,
    }
    assert {b"data/a2", b"other/b"} <= set(lab.copies())
    assert b"other/b2" not in lab.copies()
    success = lab.last_success()
    assert success is not None
    assert success.run_id == first.run_id
    told = series(lab)
    of_item = 'policyctl_item_last_success_timestamp_seconds{item="%s",kind="mirror",leg="nightly"}'
    assert told[of_item % "data"] == report.ended.timestamp()
    assert told[of_item % "other"] == first.ended.timestamp()
    assert lab.run().status is RunStatus.OK
    assert b"other/b2" in lab.copies()


def test_law_35_what_ends_the_run_leaves_the_feeds_that_were_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed whose pass was not complete is never taken for a success (law 32 reads them)."""
    lab = Lab(tmp_path / "lab", TWO_FEEDS + TOLD)
    write(lab.source / "a")
    write(lab.root / "srv/other/b")
    body = 'case "$*" in --version) real "$@";; */srv/other/*) exec sleep 30;; *) real "$@";; esac'
    lab.text = lab.text.replace("timeout: 5m", "timeout: 2s")
    lab.apply()
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        report = lab.run()
    assert report.status is RunStatus.TIMED_OUT
    with open_state(lab.places.state_file) as state:
        assert state.last_item_success("nightly", "data") is None, "it had not been through"
        assert state.last_item_success("nightly", "other") is None
        items = {one.name: one for one in state.items(report.run_id)}
    assert {one.status for one in items.values()} == {RunStatus.TIMED_OUT}
    assert {one.data_as_of for one in items.values()} == {None}


def test_law_32_a_second_hop_is_as_old_as_the_last_copy_that_was_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first hop that was cut short has copied something, and nobody knows what."""
    lab = two_hops(tmp_path)
    write(lab.source / "a")
    first = lab.run()
    write(lab.source / "b")
    body = 'case "$*" in --version) real "$@";; *) exec sleep 30;; esac'
    lab.text = lab.text.replace('"02:00", timeout: 5m', '"02:00", timeout: 1s')
    lab.apply()
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        assert lab.run().status is RunStatus.TIMED_OUT
    second = lab.run("offsite")
    assert second.status is RunStatus.OK
    assert only(second).data_as_of == first.started
    success = lab.last_success("offsite")
    assert success is not None
    assert success.data_as_of == first.started


def test_law_32_a_second_hop_that_ran_first_is_fed_by_its_next_run_alone(tmp_path: Path) -> None:
    lab = two_hops(tmp_path)
    write(lab.source / "a")
    leg = lab.plan.leg("offsite")
    assert leg is not None

    def fed() -> bool:
        with open_state(lab.places.state_file) as state:
            return leg_facts(lab.plan, leg, state, None, lab.places).fed

    with open_state(lab.places.state_file) as state:
        # What it would have copied is none of the live data, and its run succeeds all the same.
        early = RunRecord(
            run_id="early", leg="offsite", started=lab.now, ended=lab.now, status=RunStatus.OK
        )
        state.finish(early)
    assert not fed()
    assert lab.run().status is RunStatus.OK
    assert not fed(), "that is in the copies of the next run at the earliest"
    assert lab.run("offsite").status is RunStatus.OK
    assert fed()


def test_the_guard_lets_a_person_say_so_once(tmp_path: Path) -> None:
    lab = Lab(tmp_path, manifest(", max_delete: 1") + TOLD)
    for name in "abc":
        write(lab.source / name)
    assert lab.run().status is RunStatus.OK
    before = lab.copies()
    for name in "ab":
        (lab.source / name).unlink()
    assert lab.run().status is RunStatus.GUARD
    assert lab.copies() == before, "not one less"
    assert told_status(lab) == ["guard"]
    assert lab.run("nightly", Waiver.DELETIONS).status is RunStatus.OK
    (lab.source / "c").unlink()
    write(lab.source / "d")
    assert lab.run().status is RunStatus.OK
    assert set(lab.copies()) == {b"d"}


@pytest.mark.parametrize(("old", "new"), [("a/keep", "b/kept"), ("a/keep", "b/there"), ("a", "c")])
def test_law_03_what_moves_while_a_full_pass_runs_keeps_a_copy(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    """The deleting pass finds the old name gone; it has to bring the new one as well."""
    for name in ("a/keep", "b/there", "old1", "old2"):
        write(lab.source / name, f"this is {name}")
    assert lab.run().status is RunStatus.OK
    for name in ("old1", "old2"):
        (lab.source / name).unlink()
    move = f"mv '{lab.source}/{old}' '{lab.source}/{new}'"
    body = f'case "$*" in *--delete-after*) {move};; esac\nreal "$@"'
    monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
    assert lab.run().status.succeeded
    kept = [one for one in lab.disk.rglob("*") if one.is_file()]
    assert b"this is a/keep" in {one.read_bytes() for one in kept}


@pytest.mark.parametrize("blocked", ["p/f", "q/g"])
def test_law_15_a_directory_in_the_way_of_a_file_of_several_names_makes_way(
    tmp_path: Path, blocked: str
) -> None:
    """rsync 3.5 ends with code 2 there, or hangs, unless it reads its whole list first."""
    text = manifest(", preserve: [times, hardlinks]").replace("timeout: 5m", "timeout: 20s")
    lab = Lab(tmp_path, text)
    for name in ("p/f", "q/g"):
        write(lab.source / (f"{name}/inside" if name == blocked else name))
    assert lab.run().status is RunStatus.OK
    shutil.rmtree(lab.source / "p")
    shutil.rmtree(lab.source / "q")
    write(lab.source / "p/f", b"one file")
    (lab.source / "q").mkdir()
    os.link(lab.source / "p/f", lab.source / "q/g")
    assert lab.run().status is RunStatus.OK
    assert lab.copies() == tree(lab.source)
    assert (lab.disk / "p/f").samefile(lab.disk / "q/g")
