"""Which file systems a leg's copies land on: other disks may be mounted below their directory."""

from __future__ import annotations

import os
from collections.abc import Collection

from engine.plan.selection import Selection, Verdict
from engine.reach.targets import Landing, Target
from engine.system.host.file_systems import Mount, identity_of, mounts_below

_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})


def landing(
    target: Target, tops: Collection[bytes], selection: Selection, mounts: tuple[Mount, ...]
) -> tuple[Landing, ...]:
    """Mount points below the directory of copies, and what is mounted there.

    Only where the leg writes: below some of its entries, by its rules today. None on another
    machine, where nobody can tell.
    """
    if target.ssh is not None:
        return ()
    cut = len(os.path.realpath(target.path).rstrip(b"/")) + 1
    found = ((point, tuple(point[cut:].split(b"/"))) for point in mounts_below(target.path, mounts))
    return tuple(
        Landing(path=b"/".join(names), file_system=identity_of(point, mounts))
        for point, names in found
        if names[0] in tops and selection.decide(names, directory=True) in _CARRIED
    )
