"""`policyctl track`: follow changes in the sources that have `track: true`."""

from __future__ import annotations

from policyctl.options import DEFAULT_ROOT, RootOption


def track(root: RootOption = DEFAULT_ROOT) -> None:
    """Note what changes in tracked sources, so that runs cost what changed. Runs until stopped.

    A service of the type `notify`: it tells systemd when all watches stand, and its watchdog that
    it lives.
    """
    from policyctl.tracking import track_sources

    track_sources(root)
