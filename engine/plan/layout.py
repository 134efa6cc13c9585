"""Where on the host the things live that `apply` installs and `run` reads.

All are absolute paths as on the final system; `engine.system` puts them below `--root`.
"""

from __future__ import annotations

from policy.values import AbsolutePath

STATE = AbsolutePath((b"var", b"lib", b"policyctl"))
"""The state directory, closed to everybody but root."""
PLAN_FILE = STATE.joined((b"plan.json",))
"""The applied plan."""
PREVIOUS_PLAN_FILE = STATE.joined((b"plan.previous.json",))
"""The plan that was applied before it."""
REPLACED_PLAN_FILE = STATE.joined((b"plan.replaced.json",))
"""The plan that an apply replaces, until it has."""
RECORD_FILE = STATE.joined((b"applied.json",))
"""What `apply` wrote, so that it never touches anything else."""
UNITS = AbsolutePath((b"etc", b"systemd", b"system"))
"""The administrator's unit files; drop-ins beside them are respected."""


TRACKER_UNIT = "policyctl-tracker.service"
"""The service of the tracker."""
UNTOLD_UNIT = "policyctl-untold@.service"
"""Tells of a leg, its instance, what its service could not."""
TARGET_UNIT = "policyctl.target"
"""Holds all timers and the tracker: to stop or start them at once."""
UDEV_FILE = AbsolutePath((b"etc", b"udev", b"rules.d", b"09-policyctl.rules"))
"""Before the rules of device-mapper, which are 10 to 13 or 55 to 60: they read what is set here."""
SYSCTL_FILE = AbsolutePath((b"etc", b"sysctl.d", b"60-policyctl.conf"))
"""The kernel's limits that the tracker needs."""
ALERT_TESTS_FILE = STATE.joined((b"alerts.test.yml",))
"""Tests of the alert rules. Not beside them: Prometheus would take it for rules."""
ALERTMANAGER_FILE = STATE.joined((b"alertmanager.yml",))
"""Routes of the alerts, for the administrator's own configuration."""
DASHBOARD_FILE = STATE.joined((b"dashboard.json",))
"""A Grafana dashboard."""


def filter_file(leg: str, reads: str) -> AbsolutePath:
    """The rsync rules of one feed of a leg. Names hold no dot, so no two feeds share a file."""
    return STATE.joined((b"filters", f"{leg}.{reads}.rules".encode()))


def unit_file(unit: str) -> AbsolutePath:
    """The file of a unit, given with its suffix."""
    return UNITS.joined((unit.encode(),))
