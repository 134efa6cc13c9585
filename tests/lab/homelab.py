"""The reference manifest, word for word but for its times, on a machine that has its places."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.compile import compile_policy
from engine.plan.model import Plan
from engine.runs.tracking import tracked_sources
from policy.parse import load
from tests.lab.computer import CHECKOUT
from tests.lab.machine import Machine

REFERENCE = (CHECKOUT / "examples/homelab/backup-policy.yaml").read_text()
MANIFEST = "/etc/policyctl/backup-policy.yaml"
TRACKER = "policyctl-tracker.service"
GATEWAY = "http://127.0.0.1:9091/metrics"
ZONE = ZoneInfo("Europe/Sofia")
SOON = (8, 20, 60)
"""Seconds from now to a run that a test waits for: more where the host is slow."""


def manifest(**schedules: str) -> str:
    """The reference manifest with other times for some legs; `_` may stand for `-` in names."""
    text = REFERENCE
    for name, schedule in schedules.items():
        leg = name.replace("_", "-")
        entry = re.compile(rf'(^  {leg}: .*?schedule: )"[^"]*"', re.MULTILINE | re.DOTALL)
        text, count = entry.subn(rf'\g<1>"{schedule}"', text, count=1)
        assert count == 1, f"the reference has no leg {leg} with a schedule"
    # A leg that runs at another hour leaves its copies older than the objectives allow.
    return re.sub(r"rpo: \d+[hd]", "rpo: 90d", text) if schedules else text


def soon(seconds: int = SOON[0]) -> str:
    """A time of day that comes in so many seconds, on the reference manifest's clock."""
    return (datetime.now(ZONE) + timedelta(seconds=seconds)).strftime("%H:%M:%S")


def compiled(text: str) -> Plan:
    """What a manifest means."""
    _, policy = load(text.encode(), Path(MANIFEST).name)
    return compile_policy(policy)


@dataclass(frozen=True)
class Homelab:
    """A machine that has what the reference manifest speaks of."""

    machine: Machine

    def prepare(self) -> None:
        """Mount the disk, make the live data, start what the manifest relies on."""
        self.mount(self.machine.disks[0], "/mnt/backup")
        self.machine.systemctl("enable", "--now", "ssh", "prometheus-pushgateway")
        self.machine.python("tests.lab.inside", "make")

    def mount(self, device: Path, where: str, kind: str = "ext4") -> None:
        """Mount a disk by a unit of its own."""
        unit = f"{where.strip('/').replace('/', '-')}.mount"
        lines = f"[Mount]\nWhat={device}\nWhere={where}\nType={kind}\n"
        self.machine.write(f"/etc/systemd/system/{unit}", lines)
        self.machine.systemctl("daemon-reload")
        self.machine.systemctl("start", unit)

    def apply(self, text: str) -> None:
        """Install a manifest and make it true; the tracker, where there is one, is up then."""
        self.machine.write(MANIFEST, text)
        self.machine.policyctl("apply")
        if tracked_sources(compiled(text)):
            state = partial(self.machine.show, TRACKER, "ActiveState")
            self.machine.wait("the tracker is up", lambda: "active" in state().values())

    def apply_soon(self, leg: str) -> float:
        """Apply the reference with a leg that runs in a moment; when, as `time.monotonic()`."""
        for seconds in SOON:
            due = time.monotonic() + seconds
            self.apply(manifest(**{leg: soon(seconds)}))
            if time.monotonic() < due - 2:
                return due
        raise AssertionError("this host is too slow to apply a manifest within a minute")

    def timers(self) -> list[str]:
        """The timers that are installed."""
        files = self.machine.run("find", "/etc/systemd/system", "-name", "policyctl-*.timer").out
        return sorted({Path(line).name for line in files.splitlines()})

    def differences(self, live: str, copy: str) -> dict[str, str]:
        """What a tree and its copy do not have in common; the tree holds something."""
        found = self.machine.python("tests.lab.inside", "compare", live, copy).json
        assert found["entries"] > 0
        return dict(found["different"])

    def ended(self, leg: str) -> str:
        """How the last run of a leg's service ended; empty while none has."""
        names = ("Result", "ExecMainExitTimestampMonotonic", "ActiveState")
        found = self.machine.show(f"policyctl-{leg}.service", *names)
        has_run = found["ExecMainExitTimestampMonotonic"] != "0"
        at_rest = found["ActiveState"] in {"inactive", "failed"}
        return found["Result"] if has_run and at_rest else ""

    def wait_for_run(self, leg: str, seconds: float = 90.0) -> None:
        """Wait until the leg's service has run, however it ended."""
        self.machine.wait(f"{leg} has run", lambda: self.ended(leg), seconds)
