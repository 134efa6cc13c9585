"""FIFOs, sockets and device nodes: what is told of them where a copy has none. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from engine.plan.model import Plan
from engine.promises.chains import Copy
from policy.legs import CopyingLeg
from policy.parts import Attribute
from policy.values import display

MOST_NAMED = 3


class Special(enum.Enum):
    """What is neither file, directory nor symlink."""

    FIFO = "FIFO"
    SOCKET = "socket"
    DEVICE = "device node"


_AGAIN = {
    Special.FIFO: "`mkfifo` makes a FIFO again",
    Special.SOCKET: "the program that listens makes its socket again",
    Special.DEVICE: "`mknod` makes a device node again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Specials:
    """Those in a directory of the live data."""

    found: tuple[tuple[bytes, Special], ...]
    """By their paths in it, sorted."""
    whole: bool
    """Whether all of it could be looked at."""


def left_out_by(plan: Plan, copy: Copy) -> str:
    """The first leg on the way to a copy that carries none of them; empty: all do."""
    for name in copy.via:
        one = plan.leg(name)
        if one is None or not isinstance(one.leg, CopyingLeg):
            continue
        if Attribute.DEVICES not in one.leg.preserve:
            return name
    return ""


def special_words(special: Special, leg: str) -> str:
    """Why nothing holds a path that is one."""
    return (
        f"it is a {special.value}, and {leg} copies none (`preserve` without `devices`): "
        f"{_AGAIN[special]}"
    )


def specials_words(there: Specials | None, leg: str) -> str:
    """What a directory lacks that comes back; `there`: what is in the live one, if it is there.

    Empty where the live one has none.
    """
    if there is None or not (there.found or there.whole):
        return (
            f"FIFOs, sockets and device nodes that lay in it do not come: {leg} copies none "
            "(`preserve` without `devices`)"
        )
    return _named(there.found, leg) if there.found else ""


def _named(found: Sequence[tuple[bytes, Special]], leg: str) -> str:
    named = [f"{display(path)} ({one.value})" for path, one in found[:MOST_NAMED]]
    more = len(found) - len(named)
    named += [f"{more:,} more"] if more else []
    again = dict.fromkeys(_AGAIN[one] for _, one in found)
    return (
        f"{leg} copies no FIFOs, sockets and device nodes (`preserve` without `devices`), so what "
        f"is there now of them does not come: {', '.join(named)}; {', '.join(again)}"
    )
