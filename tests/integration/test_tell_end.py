"""`policyctl tell-end`: what was left untold once a leg's service has ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.system.host.lock import hold
from tests.integration.gateway import series
from tests.integration.lab import Lab, manifest, wrap_rsync, write

pytestmark = pytest.mark.tool("rsync")
FOLDER = "/var/lib/node-exporter"
KILLED = "it ended without telling: killed, or a power cut"
LABELS = '{kind="mirror",leg="nightly"}'
STATUS = 'policyctl_leg_status{{kind="mirror",leg="nightly",status="{}"}}'


class Machine:
    """A staged machine that tells a folder, and the program itself on it."""

    def __init__(self, root: Path) -> None:
        text = manifest(", full_every: 30d").replace("/srv/data}", "/srv/data, track: true}")
        self.root = root
        self.lab = Lab(root, text + f"monitoring: {{textfile: {FOLDER}}}\n")
        (root / "policy.yaml").write_text(self.lab.text)
        write(self.lab.source / "file")
        self("apply", "-p", str(root / "policy.yaml"))

    def __call__(self, *words: str, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "policyctl.main", *words, "--root", self.root],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def killed_run(self, scratch: Path) -> None:
        """A run that is killed while its rsync is at work."""
        body = (
            f'case "$*" in *--version) real "$@"; exit;; esac; : >{scratch}/at-work; exec sleep 30'
        )
        run = subprocess.Popen(
            [sys.executable, "-m", "policyctl.main", "run", "nightly", "--root", self.root],
            env={**os.environ, "PATH": wrap_rsync(scratch / "bin", body)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until((scratch / "at-work").exists)
        run.send_signal(signal.SIGKILL)
        run.wait()

    def told(self) -> dict[str, float]:
        return series((self.root / FOLDER[1:] / "policyctl-nightly.prom").read_text())


def said(result: str, code: str, status: str) -> dict[str, str]:
    """What systemd sets for what OnFailure= starts (systemd.exec(5))."""
    names = ("MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS")
    return dict(zip(names, (result, code, status), strict=True))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root" / FOLDER[1:]).mkdir(parents=True)
    return Machine(tmp_path / "root")


def test_law_06_a_killed_run_is_told_without_waiting_for_the_next(
    machine: Machine, tmp_path: Path
) -> None:
    machine("run", "nightly")
    success = machine.told()["policyctl_leg_last_success_timestamp_seconds" + LABELS]
    assert machine.told()[STATUS.format("ok")] == 1
    machine.killed_run(tmp_path)
    assert machine.told()[STATUS.format("ok")] == 1, "it could not tell"
    assert machine("tell-end", "nightly") == ""
    last = machine.lab.history()[0]
    assert (last.status, last.reason) == (RunStatus.INTERRUPTED, KILLED)
    assert last.ended is not None
    told = machine.told()
    assert (told[STATUS.format("ok")], told[STATUS.format("interrupted")]) == (0, 1)
    assert told["policyctl_leg_last_success_timestamp_seconds" + LABELS] == success
    assert told["policyctl_leg_last_run_timestamp_seconds" + LABELS] > success


def test_the_pass_after_it_looks_at_everything(machine: Machine, tmp_path: Path) -> None:
    """The next run finds no run without an end any more, so it must have been noted before."""
    machine("run", "nightly")
    machine.killed_run(tmp_path)
    machine("tell-end", "nightly")
    explained = machine("run", "nightly", "--explain")
    assert "a run was killed, and may have left parts of files" in explained


def test_a_run_that_told_its_end_is_left_as_it_is(machine: Machine) -> None:
    machine("run", "nightly")
    before, figures = machine.lab.history(), machine.told()
    file = machine.root / FOLDER[1:] / "policyctl-nightly.prom"
    written = file.stat().st_mtime_ns
    variables = said("exit-code", "exited", "5")
    assert machine("tell-end", "nightly", **variables) == ""
    assert (machine.lab.history(), machine.told()) == (before, figures)
    assert file.stat().st_mtime_ns == written


def test_where_nothing_ran_yet_there_is_nothing_to_tell(machine: Machine) -> None:
    machine("tell-end", "nightly")
    assert machine.lab.history() == ()


def test_a_run_that_somebody_else_makes_is_left_to_them(machine: Machine, tmp_path: Path) -> None:
    """A timer's run that finds the leg locked ends, while the other one goes on."""
    machine.killed_run(tmp_path)
    with hold(machine.lab.places.leg_lock("nightly"), wait=5):
        machine("tell-end", "nightly")
        assert machine.lab.history()[0].ended is None
    machine("tell-end", "nightly")
    assert machine.lab.history()[0].ended is not None


def test_law_06_what_systemd_could_not_start_is_told(machine: Machine) -> None:
    machine("run", "nightly")
    variables = said("exit-code", "exited", "226")
    machine("tell-end", "nightly", **variables)
    last, before = machine.lab.history()
    assert last.status is RunStatus.FAILED
    assert last.reason.startswith("systemd could not start it: exit status 226")
    assert before.status is RunStatus.OK
    told = machine.told()
    assert (told[STATUS.format("ok")], told[STATUS.format("failed")]) == (0, 1)


def test_law_06_what_a_failed_mount_kept_from_starting_is_told(machine: Machine) -> None:
    machine("run", "nightly")
    machine("tell-end", "nightly", **said("success", "exited", "0"))
    last = machine.lab.history()[0]
    assert (last.status, "such as a mount" in last.reason) == (RunStatus.FAILED, True)
    assert machine.told()[STATUS.format("failed")] == 1


def test_a_leg_that_an_apply_removed_meanwhile_has_nothing_to_tell(machine: Machine) -> None:
    assert machine("tell-end", "gone") == ""


def test_it_is_for_systemd_and_shown_to_nobody() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "policyctl.main", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "tell-end" not in shown
