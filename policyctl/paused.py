"""Whether a leg may be started by schedule, for scripts that start it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from engine.schedule.pauses import Pause
from engine.system.host.places import Places
from engine.system.state.state import open_state
from policyctl.views.console import tell


def pause_that_lasts(leg: str, root: Path) -> Pause | None:
    """The pause that keeps a leg from being started by schedule; None where it may start.

    Whatever goes wrong here must not be taken for a pause, or backups would end without anybody
    being told.
    """
    file = Places(root=root).state_file
    try:
        if not file.exists():
            return None
        with open_state(file) as state:
            return state.pauses.of(leg, datetime.now(UTC))
    except Exception as error:  # also a bug: the run that follows tells what is wrong
        tell(f"policyctl: whether {leg} is paused could not be seen, so it starts: {error}")
        return None
