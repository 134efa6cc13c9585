"""The restore order in words, for whoever types it and whoever prints it. Pure."""

from __future__ import annotations

import shlex

from engine.promises.restore_order import Turn, Wait
from policy.needs import SourceNeed, kept_outside
from policy.values import display


def turn_words(turn: Turn) -> str:
    """What is to be done when something has its turn."""
    if turn.is_destination:
        return "open it"
    if not turn.places and not turn.parts:
        return "nothing has a copy of it: it is set up anew"
    if not turn.places:
        return f"restore it from {' and '.join(turn.parts)}: each has a part of it"
    parts = f"; parts of it from {' or '.join(turn.parts)}" if turn.parts else ""
    return f"restore it from {' or '.join(turn.places)}{parts}"


def wait_words(wait: Wait) -> str:
    """What something waits for, as a person says it."""
    need = wait.need
    if isinstance(need, SourceNeed):
        return f"after {need.source}"
    kept = kept_outside(need)
    where = []
    if wait.by is not None:
        alone = f", by itself: `policyctl restore {shlex.quote(str(need))}`"
        where.append(f"out of {wait.by}{alone if wait.alone else ''}")
    if kept:
        where.append(f"kept: {display(kept.encode('utf-8', 'replace'))}")
    return f"with {need} ({'; '.join(where) or 'nothing says where it is'})"
