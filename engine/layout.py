"""Where on the host the things live that `apply` installs and `run` reads.

All are absolute paths as on the final system; `engine.system` puts them below `--root`.
"""

from __future__ import annotations

from policy.values import AbsolutePath

STATE = AbsolutePath((b"var", b"lib", b"policyctl"))
"""The state directory, closed to everybody but root."""
PLAN_FILE = STATE.joined((b"plan.json",))
"""The applied plan."""
RECORD_FILE = STATE.joined((b"applied.json",))
"""What `apply` wrote, so that it never touches anything else."""
UNITS = AbsolutePath((b"etc", b"systemd", b"system"))
"""The administrator's unit files; drop-ins beside them are respected."""


TRACKER_UNIT = "policyctl-tracker.service"
"""The service of the tracker."""


def filter_file(leg: str, reads: str) -> AbsolutePath:
    """The rsync rules of one feed of a leg. Names hold no dot, so no two feeds share a file."""
    return STATE.joined((b"filters", f"{leg}.{reads}.rules".encode()))


def unit_file(unit: str) -> AbsolutePath:
    """The file of a unit, given with its suffix."""
    return UNITS.joined((unit.encode(),))
