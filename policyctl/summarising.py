"""From a directory as typed to how much of it goes where."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from engine.plan.model import Plan
from engine.plan.stored import PlanUnreadable
from engine.records.measurement import GenerationRoom
from engine.routing.tree_shares import TreeShares
from engine.system.apply.applied import RecordUnreadable, load_applied
from engine.system.host.files import Unobservable
from engine.system.host.look import absolute_subject, below, without_root
from engine.system.host.places import Places
from engine.system.measure.generation_room import known_rooms
from engine.system.measure.tree_walk import walk_shares
from engine.system.state.reading import read_state
from engine.system.state.schema import StateUnusable
from policy.model import Policy
from policy.values import display
from policyctl.boundary import Refused


def rooms_behind(tree: TreeShares, root: Path) -> tuple[GenerationRoom, ...]:
    """The room of all generations of the legs that carry a tree, as last counted."""
    legs = {leg for decision in tree.decisions for leg in decision.legs}
    try:
        applied = load_applied(root)
        with read_state(Places(root=root).state_file) as state:
            rooms = tuple(known_rooms(applied[0], state)) if applied is not None else ()
    except (PlanUnreadable, RecordUnreadable, StateUnusable, Unobservable, sqlite3.Error):
        return ()  # a figure beside the answer: without it the answer stands
    return tuple(one for one in rooms if one.leg in legs)


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
