"""The laws that a mirror's full pass keeps, each by doing what once broke it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from engine.system.adopt.entries import adopt, preview
from engine.system.host.lock import hold
from engine.system.host.lock_probe import is_held
from engine.system.host.places import MARKER
from engine.system.state.state import open_state, stream_of
from tests.integration.lab import HOSTILE, Lab, at, manifest, only, tree, wrap_rsync, write

pytestmark = pytest.mark.tool("rsync")
REPOSITORY = Path(__file__).resolve().parents[2]

TWO_LEGS = manifest().replace(
    "routes:\n",
    '  images: {kind: mirror, to: "disk:/images", schedule: "03:00", timeout: 5m}\nroutes:\n'
    "  /srv/data/images: images\n",
)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def fill(directory: Path, count: int) -> None:
    for number in range(count):
        write(directory / f"{number % 10}/{number}")


def started(lab: Lab, leg: str = "nightly") -> subprocess.Popen[bytes]:
    """A run in a process of its own."""
    program = (
        "import sys; from datetime import datetime; from pathlib import Path\n"
        "from tests.integration.lab import compiled\n"
        "from engine.system.host.places import Places\n"
        "from engine.system.runs.runner import run_leg\n"
        "plan = compiled(Path(sys.argv[2]).read_text())\n"
        "print('ready', flush=True)\n"
        "now = datetime.fromisoformat(sys.argv[4])\n"
        "places = Places(root=Path(sys.argv[1]))\n"
        "report = run_leg(plan, sys.argv[3], places=places, clock=lambda: now)\n"
        "print(report.status.value, report.signal)\n"
    )
    lab.now += timedelta(days=1)
    text = lab.root / "policy.yaml"
    text.write_text(lab.text)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(lab.root), str(text), leg, lab.now.isoformat()],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )


def wait_until(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def processes_naming(text: str) -> list[int]:
    """Processes whose command line holds the text, this one aside."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in line and b"rsync" in line.split(b"\0")[0]:
                found.append(int(entry.name))
    return found


# ── 1: a leg deletes only what it wrote ──────────────────────────────────────────────────────


def test_law_01_two_legs_share_a_disk_with_a_stranger(tmp_path: Path) -> None:
    lab = Lab(tmp_path, TWO_LEGS)
    write(lab.source / "documents/a")
    write(lab.source / "images/disk.img")
    write(lab.disk / "stranger/40G")
    write(lab.disk / "stranger.lock")
    for leg in ("nightly", "images", "nightly", "images"):
        report = lab.run(leg)
        assert report.status is RunStatus.OK, report
        if leg == "nightly":
            assert only(report).foreign == (b"stranger", b"stranger.lock")
    expected = tree(lab.source)
    expected[b"images/images"] = ("directory", b"")
    expected[b"images/images/disk.img"] = expected.pop(b"images/disk.img")
    expected[b"stranger"] = ("directory", b"")
    expected[b"stranger/40G"] = expected[b"stranger.lock"] = ("file", b"content")
    assert lab.copies() == expected


def test_law_01_a_first_pass_into_a_full_directory_deletes_nothing(lab: Lab) -> None:
    write(lab.source / "photos/new")
    write(lab.disk / "photos/somebody's")
    write(lab.disk / "old/copy")
    for _ in range(3):
        report = lab.run()
        assert report.status is RunStatus.OK
        assert only(report).shared == (b"photos",)
        assert only(report).foreign == (b"old",)
        assert b"photos/new" in lab.copies()
        assert b"photos/somebody's" in lab.copies()
        assert b"old/copy" in lab.copies()


def test_law_01_a_file_that_lay_there_before_is_not_overwritten(lab: Lab) -> None:
    for name in ("ledger", "photos/new", "same", "fresh", "st*r"):
        write(lab.source / name, name)
    for name in ("ledger", "photos", "st*r"):
        write(lab.disk / name, "somebody's")
    write(lab.disk / "same", "same")
    shutil.copystat(lab.source / "same", lab.disk / "same")
    for _ in range(2):
        report = lab.run()
        assert report.status is RunStatus.DEGRADED
        assert "ledger (and 2 more) lay at disk:/ before this leg" in report.reason
        assert "`policyctl adopt disk:/ledger --by nightly`" in report.reason
        kept = {lab.copies()[name] for name in (b"ledger", b"photos", b"st*r")}
        assert kept == {("file", b"somebody's")}
        assert lab.copies()[b"fresh"] == ("file", b"fresh")
    for name in ("ledger", "photos", "st*r"):
        (lab.disk / name).unlink()
    assert lab.run().status is RunStatus.OK
    assert lab.copies() == tree(lab.source)
    # What is equal is not owned either.
    (lab.source / "same").unlink()
    assert only(lab.run()).foreign == (b"same",)
    assert lab.copies()[b"same"] == ("file", b"same")


def test_law_01_what_is_adopted_is_overwritten(lab: Lab) -> None:
    write(lab.source / "ledger", "new")
    write(lab.disk / "ledger", "old")
    assert lab.run().status is RunStatus.DEGRADED
    adopt(preview(lab.plan, "disk:/ledger", "nightly", lab.places), lab.places, lab.now)
    assert lab.run().status is RunStatus.OK
    assert lab.copies()[b"ledger"] == ("file", b"new")


def test_law_01_a_killed_first_pass_owns_what_it_wrote(tmp_path: Path) -> None:
    lab = Lab(tmp_path, manifest(", bandwidth: 200K"))
    write(lab.source / "a/1", b"1" * 10)
    write(lab.source / "a/2", b"2" * 2_000_000)
    child = started(lab)
    wait_until(lambda: (lab.disk / "a/1").exists())
    child.kill()
    child.communicate()
    wait_until(lambda: not processes_naming(str(lab.root)))
    (lab.source / "a/1").unlink()
    (lab.source / "a/2").write_bytes(b"small")
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert lab.copies() == tree(lab.source)
    killed = lab.history()[1]
    assert killed.status is RunStatus.INTERRUPTED
    assert killed.reason == "it ended without telling: killed, or a power cut"


@pytest.mark.parametrize("by", ["this run", "a killed one"])
def test_law_01_what_a_failed_run_did_not_make_is_nobodys(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    write(lab.source / "kept/1")
    assert lab.run().status is RunStatus.OK
    write(lab.source / "photos/1")
    with monkeypatch.context() as broken, open_state(lab.places.state_file) as state:
        leg = lab.plan.legs[0]
        stream = stream_of(lab.plan, leg, leg.feeds[0], state)
        if by == "a killed one":
            state.claim(stream, "20261122T020000Z-0123ab", [b"photos"])
        body = 'case " $* " in *" --max-delete=0 "*) exit 12;; esac; real "$@"'
        broken.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        assert lab.run().status is RunStatus.FAILED
        assert state.owned(stream) == {b"kept"}
    write(lab.disk / "photos/1998", b"the only copy")
    for _ in range(2):
        assert lab.run().status is RunStatus.OK
    assert (lab.disk / "photos/1998").read_bytes() == b"the only copy"
    assert (lab.disk / "photos/1").exists()


def test_law_01_what_a_failed_run_has_made_stays_its_own(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab.source / "kept/1")
    assert lab.run().status is RunStatus.OK
    write(lab.source / "photos/1")
    with monkeypatch.context() as broken:
        body = 'real "$@"; case " $* " in *" --max-delete=0 "*) exit 12;; esac'
        broken.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        assert lab.run().status is RunStatus.FAILED
    write(lab.source / "photos/2")
    (lab.source / "photos/1").unlink()
    report = lab.run()
    assert (report.status, only(report).deleted) == (RunStatus.OK, 1)


# ── 3: leaving a leg is not removing ─────────────────────────────────────────────────────────


def test_law_03_what_leaves_a_leg_stays_where_it_is(lab: Lab) -> None:
    write(lab.source / "immich/photo")
    write(lab.source / "rest/file")
    assert lab.run().status is RunStatus.OK
    lab.text = manifest() + '  /srv/data/immich: {none: "goes elsewhere"}\n'
    lab.apply()
    shutil.rmtree(lab.source / "rest")
    write(lab.source / "other/file")
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert set(lab.copies()) == {b"immich", b"immich/photo", b"other", b"other/file"}
    shutil.rmtree(lab.source / "immich")
    assert lab.run().status is RunStatus.OK
    assert b"immich/photo" in lab.copies()


# ── 6: status on every way out ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_law_06_a_signal_ends_rsync_and_is_told(tmp_path: Path, number: signal.Signals) -> None:
    lab = Lab(tmp_path, manifest(", bandwidth: 400K"))
    write(lab.source / "small")
    assert lab.run().status is RunStatus.OK
    success = lab.last_success()
    write(lab.source / "large", os.urandom(8_000_000))
    child = started(lab)
    wait_until(lambda: any(one.stat().st_size for one in lab.disk.glob(".large.*")))
    child.send_signal(number)
    out, _ = child.communicate(timeout=20)
    assert out.decode().split() == ["ready", "interrupted", str(int(number))]
    assert processes_naming(str(lab.root)) == []
    assert lab.history()[0].reason == f"ended by {number.name}"
    assert lab.last_success() == success
    assert (lab.disk / ".policyctl-partial/large").stat().st_size > 0, "resumable"


def test_law_06_a_time_limit_ends_rsync_and_is_told(tmp_path: Path) -> None:
    lab = Lab(tmp_path, manifest(", bandwidth: 100K").replace("timeout: 5m", "timeout: 1s"))
    write(lab.source / "large", b"1" * 4_000_000)
    report = lab.run()
    assert report.status is RunStatus.TIMED_OUT
    assert report.reason == "its time limit of 1s has passed"
    assert processes_naming(str(lab.root)) == []
    assert lab.last_success() is None


def test_law_06_a_bug_is_told_before_it_is_shown(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lab.source / "a")
    monkeypatch.setattr("engine.system.runs.attempt.preflight", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lab.run()
    assert lab.history()[0].status is RunStatus.FAILED
    assert lab.history()[0].reason == "a bug: ZeroDivisionError: division by zero"


def test_law_06_success_moves_on_success_alone(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab.source / "a")
    first = lab.run()
    path = wrap_rsync(tmp_path / "bin", 'case "$*" in --version) real "$@";; *) exit 12;; esac')
    monkeypatch.setenv("PATH", path)
    report = lab.run()
    assert report.status is RunStatus.FAILED
    assert report.reason == "data: the connection to the other rsync broke"
    success = lab.last_success()
    assert success is not None
    assert success.run_id == first.run_id


# ── 7: locks ─────────────────────────────────────────────────────────────────────────────────


def test_law_07_a_second_run_is_refused_and_touches_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path, manifest(", bandwidth: 200K"))
    write(lab.source / "large", b"1" * 4_000_000)
    child = started(lab)
    wait_until(lambda: list(lab.disk.glob(".large.*")))
    files = sorted((lab.places.state_dir / "run/nightly").iterdir())
    for _ in range(2):
        report = lab.run()
        assert report.status is RunStatus.LOCKED
        assert f"process {child.pid}" in report.reason
    assert sorted((lab.places.state_dir / "run/nightly").iterdir()) == files
    child.kill()
    child.communicate()
    wait_until(lambda: not is_held(lab.places.leg_lock("nightly")))  # it died with its processes
    assert not processes_naming(str(lab.root))
    write(lab.source / "large", b"small now")
    assert lab.run().status is RunStatus.OK


def test_law_07_a_destination_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    lab = Lab(tmp_path, manifest(", wait: 1s"))
    write(lab.source / "a")
    with hold(lab.places.holder_lock("disk")):
        report = lab.run()
    assert report.status is RunStatus.WAITED_TOO_LONG
    assert lab.copies() == {}
    assert lab.history()[0].status is RunStatus.WAITED_TOO_LONG
    assert lab.run().status is RunStatus.OK


# ── 11: the source, the destination, the number of deletions ─────────────────────────────────


def test_law_11_a_missing_empty_or_shrunken_source_is_refused(lab: Lab) -> None:
    fill(lab.source, 40)
    assert lab.run().status is RunStatus.OK
    before = tree(lab.disk)
    away = lab.root / "srv/away"
    lab.source.rename(away)
    assert "there is nothing" in lab.run().reason
    lab.source.mkdir()
    assert "nothing that this leg takes is in it: is it mounted?" in lab.run().reason
    lab.source.rmdir()
    lab.source.write_bytes(b"")
    assert "there is not a directory" in lab.run().reason
    lab.source.unlink()
    shutil.copytree(away / "1", lab.source / "1")
    report = lab.run()
    assert "5 entries, and 50 at the last success" in report.reason
    assert {one.status for one in lab.history()[:4]} == {RunStatus.REFUSED}
    assert tree(lab.disk) == before
    report = lab.run("nightly", Waiver.SMALLER_SOURCE)
    assert report.status is RunStatus.OK, report
    assert lab.copies() == tree(lab.source)


def test_law_11_an_unmounted_destination_is_refused(lab: Lab) -> None:
    write(lab.source / "a")
    assert lab.run().status is RunStatus.OK
    shutil.rmtree(lab.disk)
    assert "there is nothing" in lab.run().reason
    lab.disk.mkdir()
    assert "is it mounted?" in lab.run().reason
    write(lab.disk / os.fsdecode(MARKER), b"disk\nmarker:another\n")
    assert "marker:another, and marker:" in lab.run().reason
    assert list(lab.disk.iterdir()) == [lab.disk / os.fsdecode(MARKER)]
    lab.apply()
    assert "stays on record" in lab.recorded[0].sentence
    assert lab.run().status is RunStatus.REFUSED


@pytest.mark.parametrize("limit", ["5", "10%"])
def test_law_11_over_the_limit_nothing_at_all_is_deleted(tmp_path: Path, limit: str) -> None:
    lab = Lab(tmp_path, manifest(f", max_delete: {limit}"))
    fill(lab.source, 40)
    assert lab.run().status is RunStatus.OK
    before = lab.copies()
    for number in range(6):
        shutil.rmtree(lab.source / "9", ignore_errors=True)
        (lab.source / f"{number}/{number}").unlink()
    write(lab.source / "new")
    report = lab.run()
    assert report.status is RunStatus.GUARD
    assert only(report).deletions_wanted == 11
    assert report.reason.startswith("data: 11 deletions are wanted and 5 allowed (9 is one of")
    assert lab.copies() == {**before, b"new": ("file", b"content")}
    assert lab.run().status is RunStatus.GUARD
    assert lab.run("nightly", Waiver.DELETIONS).status is RunStatus.OK
    assert lab.copies() == tree(lab.source)


def test_law_11_a_source_swapped_before_the_deletions_loses_nothing(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lab.source, 20)
    assert lab.run().status is RunStatus.OK
    shutil.rmtree(lab.source / "3")
    before = lab.copies()
    away = lab.root / "srv/away"
    body = f'real "$@"; code=$?; case "$*" in *--max-delete=0*) mv {lab.source} {away};'
    path = wrap_rsync(tmp_path / "bin", f"{body} mkdir {lab.source};; esac; exit $code")
    monkeypatch.setenv("PATH", path)
    report = lab.run()
    assert report.status is RunStatus.FAILED
    assert "is not what it was when the run began" in report.reason
    assert lab.copies() == before


def test_law_11_a_changed_filter_file_is_refused(lab: Lab) -> None:
    write(lab.source / "a")
    file = lab.places.filter_file("nightly", "data")
    file.write_bytes(b"+ *\n" + file.read_bytes())
    assert "the filter file is not as applied" in lab.run().reason
    file.unlink()
    assert "it is missing: run `policyctl apply`" in lab.run().reason
    assert lab.copies() == {}


# ── 14: exit codes ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (23, RunStatus.DEGRADED),
        (24, RunStatus.NOTED),
        (30, RunStatus.TIMED_OUT),
        (35, RunStatus.TIMED_OUT),
        (11, RunStatus.FAILED),
        (99, RunStatus.FAILED),
    ],
)
def test_law_14_each_exit_code_has_its_status(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, status: RunStatus
) -> None:
    write(lab.source / "a")
    write(lab.source / "b")
    assert lab.run().status is RunStatus.OK
    (lab.source / "b").unlink()
    body = f'real "$@"; case "$*" in *--max-delete=0*) exit {code};; *--version) ;; esac'
    monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
    report = lab.run()
    assert report.status is status
    # Deletions counted beside vanished files are still due; after a failed read nothing goes.
    assert (b"b" in lab.copies()) is (code != 24)
    success = lab.last_success()
    assert success is not None
    assert (success.run_id == report.run_id) is status.succeeded


# ── 34: names are bytes ──────────────────────────────────────────────────────────────────────


def test_law_34_hostile_names_arrive_and_leave(lab: Lab) -> None:
    for name in HOSTILE:
        write(at(lab.source, name, name))
        for number in b"234":
            write(at(lab.source, name[:250] + bytes([number])))
    assert lab.run().status is RunStatus.OK
    assert lab.copies() == tree(lab.source)
    for name in HOSTILE:
        at(lab.source, name, name).unlink()
        at(lab.source, name).rmdir()
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert only(report).deleted == 2 * len(HOSTILE)
    assert lab.copies() == tree(lab.source)


def test_law_34_strangers_with_hostile_names_are_protected(lab: Lab) -> None:
    write(lab.source / "a")
    for name in HOSTILE:
        write(at(lab.disk, name, b"x"))
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert set(only(report).foreign) == set(HOSTILE)
    write(lab.source / "b")
    (lab.source / "a").unlink()
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert set(lab.copies()) == {b"b", *HOSTILE, *(name + b"/x" for name in HOSTILE)}
