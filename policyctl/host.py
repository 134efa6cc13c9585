"""Which machine this is: a policy is applied and run on its own host only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

from engine.plan.model import Plan
from engine.system.host.places import Places
from policyctl.boundary import Refused


def refuse_elsewhere(plan: Plan, root: Path, what: str) -> None:
    """Refuse on another host than the manifest's; below a root no host is meant."""
    here = _elsewhere(plan, root)
    if not here:
        return
    raise Refused(
        f"this machine is {here!r}, and the manifest is for {plan.host!r}: {what} would make "
        f"copies of the wrong data. Nothing was done. Run it on {plan.host}, or try it below a "
        "folder with --root DIR"
    )


def told_elsewhere(plan: Plan, root: Path) -> Iterator[str]:
    """What `plan` says where `apply` would refuse for that."""
    here = _elsewhere(plan, root)
    if here:
        yield (
            f"this machine is {here!r}, and the manifest is for {plan.host!r}: `policyctl apply` "
            "would be refused here"
        )


def is_here(plan: Plan, root: Path) -> bool:
    """Whether this machine is the manifest's, or stands for it below a root."""
    return not _elsewhere(plan, root)


def _elsewhere(plan: Plan, root: Path) -> str:
    """The name of this machine where the policy is another one's; else nothing."""
    here = socket.gethostname()
    mine = Places(root=root).staged or plan.host in {here, here.partition(".")[0]}
    return "" if mine else here
