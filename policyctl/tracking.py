"""Running the tracker for the plan that is applied below a root."""

from __future__ import annotations

import resource
from contextlib import closing, suppress
from pathlib import Path

import typer

from engine.plan.model import Plan
from engine.system.apply.applied import load_applied
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.host.signals import Interrupted, interruptible
from engine.system.journal.journal import open_journal
from engine.system.tracker.inotify import Inotify, limit
from engine.system.tracker.tracker import Tracker
from engine.system.tracker.watcher import NoMoreWatches
from policyctl.boundary import Refused
from policyctl.exit_codes import ExitCode
from policyctl.host import refuse_elsewhere
from policyctl.views.console import tell

_PATIENCE = 1.0
"""Seconds that another tracker has to end: systemd starts the next one at once."""


def track_sources(root: Path) -> None:
    """Follow the tracked sources until a signal ends it, which is no failure."""
    places = Places(root=root)
    refuse_elsewhere(_applied(root), root, "track")
    _allow_deep_trees()
    try:
        with (
            interruptible(),
            hold(places.tracker_lock, wait=_PATIENCE),
            open_journal(places.journal_file) as journal,
            closing(Inotify()) as watcher,
        ):
            Tracker(places, journal, watcher, lambda: _applied(root), tell).run()
    except Interrupted:
        return
    except NoMoreWatches as error:
        wanted = 2 * (limit("max_user_instances") or 128)
        advice = f"as root: sysctl fs.inotify.max_user_instances={wanted}"
        raise Refused(f"nothing can be watched: {error}; {advice}") from None
    except Locked as locked:
        tell(f"policyctl: a tracker is running already: {locked}; this one did nothing")
        raise typer.Exit(ExitCode.LOCKED) from None


def _allow_deep_trees() -> None:
    """Going down a tree takes a descriptor a level, and anybody may make many levels (law 41)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _applied(root: Path) -> Plan:
    applied = load_applied(root)
    if applied is None:
        raise Refused("nothing is applied yet, so nothing is tracked: `policyctl apply` first")
    return applied[0]
