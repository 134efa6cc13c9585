"""From a directory as typed to how much of it goes where."""

from __future__ import annotations

import os
from pathlib import Path

from engine.plan.model import Plan
from engine.routing.tree_shares import TreeShares
from engine.system.host.look import absolute_subject, below, without_root
from engine.system.measure.tree_walk import walk_shares
from policy.model import Policy
from policy.values import display
from policyctl.boundary import Refused


def summarise(policy: Policy, plan: Plan, text: str, root: Path, depth: int) -> TreeShares:
    """Walk a directory. Raises `Refused` where there is none."""
    typed = without_root(root, absolute_subject(os.fsencode(text)))
    path = typed.rstrip(b"/") or b"/"
    shown = display(path)
    if not path.startswith(b"/"):
        raise Refused(f"{shown} is an item of a source: --tree walks directories of this machine")
    if not os.path.isdir(below(root, path)):  # noqa: PTH112 - the path is bytes
        raise Refused(
            f"{shown} is no directory, so there is nothing to walk; without --tree `explain` says "
            "where it goes, also before it exists"
        )
    return walk_shares(policy, plan, path, root, depth)
