"""What is run, and what is made of its failure. The real systemd judges in tests/lab."""

import os
from pathlib import Path

import pytest

from engine.changes.activation import ActivationStep, Where
from engine.system.apply.activate import Done, carry_out, carry_out_first, look_at_machine
from engine.system.apply.apply import ApplyFailed

RECORDING = """\
#!/bin/sh
printf '%s\\n' "$0 $*" >> "$(dirname "$0")/log"
case "$*" in
  *daemon-reload*) echo 'Failed to reload daemon: it is ill' >&2; exit 1;;
  show*) cat "$(dirname "$0")/shown"; exit "$(cat "$(dirname "$0")/code")";;
esac
"""
SHOWN = """\
Id=policyctl-a.timer
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

Id=policyctl-b.timer
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no

Id=policyctl-tracker.service
ActiveState=activating
UnitFileState=disabled
NeedDaemonReload=yes

Id=policyctl.target
ActiveState=failed
UnitFileState=enabled-runtime
NeedDaemonReload=no
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on PATH with a `systemctl` that writes down how it is called."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "systemctl").write_text(RECORDING)
    (folder / "systemctl").chmod(0o755)
    (folder / "shown").write_text(SHOWN)
    (folder / "code").write_text("0")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def step(*argv):
    return ActivationStep(argv=argv, because="of a test", if_it_fails="nothing is lost")


def called(programs):
    log = programs / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.partition(" ")[2] for line in lines]


class TestCarryOut:
    def test_steps_are_run_in_order_and_a_failure_holds_up_no_other(self, programs):
        told: list[Done] = []
        steps = [
            step("systemctl", "stop", "a.timer"),
            step("systemctl", "daemon-reload"),
            step("systemctl", "enable", "--now", "a.timer"),
        ]
        done = carry_out(steps, told.append)
        assert called(programs) == ["stop a.timer", "daemon-reload", "enable --now a.timer"]
        assert [one.problem for one in done] == ["", "Failed to reload daemon: it is ill", ""]
        assert tuple(told) == done

    def test_what_cannot_be_run_has_failed(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        (done,) = carry_out([step("sysctl", "--load", "/x")], lambda one: None)
        assert done.problem == "sysctl cannot be run: No such file or directory"

    def test_a_failure_before_files_go_is_an_apply_that_failed(self, programs):
        steps = [step("systemctl", "daemon-reload"), step("systemctl", "never")]
        with pytest.raises(ApplyFailed) as failed:
            carry_out_first(steps, lambda one: None)
        assert "could not be stopped, so their files are still there" in str(failed.value)
        assert called(programs) == ["daemon-reload", "never"]


class TestLook:
    def test_below_a_root_nothing_is_asked(self, programs, tmp_path):
        assert look_at_machine(tmp_path, ["a.timer"]).where is Where.STAGED
        assert called(programs) == []

    def test_a_machine_without_systemd_is_told_by_its_missing_folder(self, programs, tmp_path):
        found = look_at_machine(Path("/"), ["a.timer"], systemd=tmp_path / "none")
        assert found.where is Where.NO_SYSTEMD
        assert called(programs) == []

    def test_units_are_asked_about_at_once(self, programs, tmp_path):
        units = ["policyctl-a.timer", "policyctl-b.timer"]
        found = look_at_machine(Path("/"), units, systemd=tmp_path)
        assert found.where is Where.HERE
        assert called(programs) == [
            "show --property=Id,ActiveState,UnitFileState,NeedDaemonReload -- "
            "policyctl-a.timer policyctl-b.timer"
        ]
        states = {
            name: (state.active, state.enabled, state.outdated)
            for name, state in found.units.items()
        }
        assert states == {
            "policyctl-a.timer": (True, True, False),
            "policyctl-b.timer": (False, False, False),
            "policyctl-tracker.service": (True, False, True),
            "policyctl.target": (False, False, False),
        }

    def test_a_systemd_that_does_not_answer_is_told(self, programs, tmp_path):
        (programs / "code").write_text("1")
        found = look_at_machine(Path("/"), ["a.timer"], systemd=tmp_path)
        assert (found.units, found.unasked) == ({}, "it ended with 1")
