"""What a feed's last pass is compared by: its rules, and what its leg keeps of each file."""

import hashlib

from engine.plan.selection import Selection
from engine.rsync.filters import render_rules
from policy.legs import CopyingLeg, Leg, MirrorLeg


def rules_digest(selection: Selection, leg: Leg) -> str:
    """Names the rules of a feed and, behind a dot, what its leg keeps of each file.

    Numbers of passes under other rules compare with nothing; other attributes are to be set on
    every copy once more.
    """
    rules = hashlib.sha256(render_rules(selection)).hexdigest()
    kept = sorted(one.value for one in leg.preserve) if isinstance(leg, CopyingLeg) else []
    chmod = leg.chmod.text if isinstance(leg, MirrorLeg) and leg.chmod else ""
    return f"{rules}.{' '.join((*kept, chmod))}"
