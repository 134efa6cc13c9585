"""Looking at the snapshots that a destination takes of itself, where they take effect."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.checks.outcome import Status, Verdict
from engine.checks.request import Asked
from engine.checks.snapshots import judge_snapshots
from engine.system.items.native_snapshots import NotAnswered, ask_snapshots
from policy.snapshots import BTRFS

_IN_TIME = 0.9
"""The share of the limit for one answer: whoever is late is still told apart by the reason."""


def look_at_snapshots(asked: Asked, root: bytes, seconds: float) -> Verdict:
    """Ask, and judge. Below a root a directory of it stands for the other machine."""
    declared = asked.declared
    share = declared.share.encode()
    if root and declared.kind == BTRFS:
        share = b"/".join(filter(None, (root, asked.host.encode()))) + share
    read = declared.read
    try:
        answered = ask_snapshots(
            declared.kind,
            share,
            asked.ssh if not root else None,
            sudo=read is not None and read.sudo,
            seconds=_IN_TIME * seconds,
        )
    except NotAnswered as error:
        return Verdict(status=Status.REFUSED, reason=str(error))
    return judge_snapshots(
        declared,
        answered.snapshots,
        now=datetime.now(UTC),
        since=datetime.fromisoformat(asked.since) if asked.since is not None else None,
        zone=asked.zone,
        setting=answered.setting,
    )
