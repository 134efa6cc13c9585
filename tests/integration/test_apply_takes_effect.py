"""`apply` on the real root, in a mount namespace of its own where root's places are empty.

`systemctl` there only writes down how it is called; the real systemd judges in tests/lab.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.mounts import MountNamespace, mount_namespace

pytestmark = [pytest.mark.root, pytest.mark.tool("unshare", "nsenter", "mount")]

MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: "{folder}/disk", media: hdd, site: home}}
sources:
  data: {{kind: tree, path: "{folder}/data", media: ssd, site: home}}
  more: {{kind: tree, path: "{folder}/more", media: ssd, site: home}}
legs:
  nightly: {{kind: mirror, to: "disk:/data", schedule: "02:00", timeout: 5m}}
  weekly: {{kind: mirror, to: "disk:/more", schedule: "Sun 05:00", timeout: 5m}}
routes:
  {folder}/data: nightly
  {folder}/more: weekly
"""
SYSTEMCTL = """\
#!/bin/sh
folder=$(dirname "$0")
if [ "$1" = show ]; then
    while [ "$1" != -- ]; do shift; done
    shift
    state=$(cat "$folder/state")
    for unit; do
        [ "$unit" = prometheus.service ] && continue
        printf 'Id=%s\\nActiveState=%s\\nUnitFileState=enabled\\nNeedDaemonReload=no\\n\\n' \\
            "$unit" "$state"
    done
    exit
fi
files=$(ls /etc/systemd/system | grep -c policyctl)
echo "$* ($files files)" >>"$folder/log"
case $(cat "$folder/fails") in "$1") echo "Failed to $1: it is ill" >&2; exit 1;; esac
case $(cat "$folder/sleeps") in "$1") touch "$folder/asleep"; exec sleep 60;; esac
"""
NIGHTLY, WEEKLY = "policyctl-nightly.timer", "policyctl-weekly.timer"


@dataclass
class Host:
    """A machine that has nothing applied."""

    folder: Path
    space: MountNamespace

    @property
    def manifest(self) -> Path:
        return self.folder / "backup-policy.yaml"

    def systemctl(self, *, state: str = "active", fails: str = "-", sleeps: str = "-") -> None:
        for name, word in (("state", state), ("fails", fails), ("sleeps", sleeps)):
            (self.folder / "programs" / name).write_text(word)

    def edit(self, old: str, new: str) -> None:
        text = self.manifest.read_text()
        assert old in text
        self.manifest.write_text(text.replace(old, new))

    def drop(self, leg: str, source: str) -> None:
        text = self.manifest.read_text()
        kept = [
            line
            for line in text.splitlines(keepends=True)
            if not re.match(rf"  ({leg}|{source}|{self.folder}/{source}):", line)
        ]
        self.manifest.write_text("".join(kept))

    def __call__(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        done = self.space.policyctl(*arguments, "-p", self.manifest, **self.variables)
        assert done[0] == code, done
        return done[1], done[2]

    @property
    def variables(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}/programs{os.pathsep}{os.environ['PATH']}"}

    def called(self) -> list[str]:
        """How `systemctl` was called since this was last asked."""
        log = self.folder / "programs/log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.write_text("")
        return lines

    def units(self) -> list[str]:
        folder = self.space.seen(Path("/etc/systemd/system"))
        return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    for name in ("disk", "data", "more", "programs"):
        (tmp_path / name).mkdir()
    (tmp_path / "programs/systemctl").write_text(SYSTEMCTL)
    (tmp_path / "programs/systemctl").chmod(0o755)
    text = MANIFEST.format(host=socket.gethostname(), folder=tmp_path)
    (tmp_path / "backup-policy.yaml").write_text(text)
    with mount_namespace() as space:
        for place in ("/var/lib", "/etc/systemd/system", "/etc/sysctl.d", "/run"):
            space("mkdir", "-p", place)
            space("mount", "-t", "tmpfs", "tmpfs", place)
        space("mkdir", "-p", "/run/systemd/system")
        found = Host(tmp_path, space)
        found.systemctl()
        yield found


def test_what_is_shown_is_run_in_that_order_and_then_nothing_is_left(host: Host) -> None:
    shown, _ = host("plan")
    assert "run\n" in shown
    commands = [line[2:].partition("  (")[0] for line in shown.splitlines() if "systemctl" in line]
    assert host.called() == []
    _, said = host("apply")
    assert host.called() == [
        f"{one.removeprefix('systemctl ')} ({len(host.units())} files)" for one in commands
    ]
    assert [line for line in said.splitlines() if "done: systemctl" in line] == [
        f"done: {one}" for one in commands
    ]
    assert host("plan", "--exit-code")[0].startswith("nothing to change")
    assert host("apply")[0].startswith("nothing to change")
    assert host.called() == []


def test_law_36_what_leaves_is_stopped_before_its_files_go(host: Host) -> None:
    host("apply")
    before = len(host.units())
    host.called()
    host.drop("weekly", "more")
    host("apply")
    calls = host.called()
    assert calls[0] == f"disable --now {WEEKLY} ({before} files)"
    assert calls[1:] == [f"daemon-reload ({before - 2} files)"]
    assert not any("weekly" in name for name in host.units())


def test_what_cannot_be_stopped_keeps_its_files(host: Host) -> None:
    host("apply")
    before = host.units()
    host.drop("weekly", "more")
    host.systemctl(fails="disable")
    _, said = host("apply", code=5)
    assert "disable --now policyctl-weekly.timer: Failed to disable: it is ill" in said
    assert "nothing was removed, and what left the policy may still start" in said
    assert host.units() == before
    host.systemctl()
    out, _ = host("apply")
    assert out.startswith("an earlier apply was interrupted; this one completes it")
    assert not any("weekly" in name for name in host.units())


def test_a_failing_step_is_told_and_done_by_the_next_apply(host: Host) -> None:
    host.systemctl(fails="daemon-reload")
    out, said = host("apply", "--json", code=5)
    steps = json.loads(out)["activation"]["steps"]
    assert {tuple(one["argv"][:2]): one["problem"] for one in steps} == {
        ("systemctl", "stop"): "",
        ("touch", "--no-create"): "",
        ("systemctl", "daemon-reload"): "Failed to daemon-reload: it is ill",
        ("systemctl", "enable"): "",
    }
    assert "systemd goes on with the units of before" in said
    assert "run `policyctl apply` again" in said
    host.called()
    host.systemctl()
    shown, _ = host("plan", "--exit-code", code=4)
    assert shown.startswith("no file changes, but not everything that is applied has taken effect")
    assert "an apply was interrupted" in host("status", code=5)[0]
    host("apply")
    assert any(one.startswith("daemon-reload") for one in host.called())
    assert "an apply was interrupted" not in host("status")[0]
    assert host("plan", "--exit-code")[0].startswith("nothing to change")


def test_an_apply_that_was_killed_before_it_was_done_is_completed(host: Host) -> None:
    host("apply")
    host.called()
    host.edit('"02:00"', '"03:00"')
    host.systemctl(sleeps="daemon-reload")
    with host.space.popen("apply", "-p", host.manifest, **host.variables) as process:
        deadline = time.monotonic() + 60
        while not (host.folder / "programs/asleep").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    host.systemctl()
    host.called()
    host("plan", "--exit-code", code=4)
    host("apply")
    names = [one.partition(" (")[0] for one in host.called()]
    assert names == [f"stop {NIGHTLY}", "daemon-reload", f"enable --now {NIGHTLY}"]
    assert host("plan", "--exit-code")[0].startswith("nothing to change")


def test_where_systemd_does_not_run_files_are_installed_and_a_note_says_how_legs_run(
    host: Host,
) -> None:
    host.space("rm", "-r", "/run/systemd")
    shown, _ = host("apply")
    assert "systemd does not run this machine" in shown
    assert "policyctl run --due" in shown
    assert NIGHTLY in host.units()
    assert host.called() == []
    assert host("plan", "--exit-code")[0].startswith("nothing to change")


def test_a_unit_edited_by_hand_is_kept_and_nothing_is_run(host: Host) -> None:
    host("apply")
    host.called()
    timer = host.space.seen(Path(f"/etc/systemd/system/{NIGHTLY}"))
    timer.write_text("[Timer]\nOnCalendar=daily\n")
    host("apply", code=5)
    assert (host.called(), timer.read_text()) == ([], "[Timer]\nOnCalendar=daily\n")
    host("apply", "--overwrite", f"/etc/systemd/system/{NIGHTLY}")
    assert any(one.startswith(f"enable --now {NIGHTLY}") for one in host.called())


def test_a_rollback_is_an_apply_of_the_plan_before(host: Host) -> None:
    host("apply")
    _, said = host("apply", "--rollback", code=5)
    assert "there is no way back" in said
    host.edit('"02:00"', '"03:00"')
    host("apply")
    host.called()
    shown, _ = host("plan", "--rollback")
    assert "~ nightly: schedule: 03:00 → 02:00" in shown
    _, said = host("apply", "--rollback")
    assert "the plan of before runs again" in said
    assert any(one.startswith(f"enable --now {NIGHTLY}") for one in host.called())
    shown, _ = host("plan", "--exit-code", code=4)
    assert shown.startswith("what runs is the plan of before")
    host("apply", "--rollback")
    assert host("plan", "--exit-code")[0].startswith("nothing to change")
