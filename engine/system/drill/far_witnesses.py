"""Files that nothing on this machine could vouch for, compared with copies on other machines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from engine.drill.draw import MOST_FILES
from engine.drill.far import FarReader
from engine.drill.judge import fault_words
from engine.plan.model import Location
from engine.restore.fetch import compare_drawn, drawn_rules
from engine.system.drill.pieces import Holding, Piece
from engine.system.drill.scratch import Private
from engine.system.host.directories import write_private
from engine.system.host.process import Command, CommandNotStarted, run
from policy.parts import Attribute

_VANISHED = 24


def compare_far(
    holding: Holding,
    piece: Piece,
    private: Private,
    name: bytes,
    paths: Sequence[bytes],
    limit: float,
) -> dict[bytes, str]:
    """What each far copy says of files that came, by their paths; empty where it agrees.

    `name`: of the tree in the scratch space. What no far copy can speak of is not in it: one that
    gives no answer says nothing of what was restored.
    """
    found: dict[bytes, str] = {}
    if not paths or len(paths) > MOST_FILES:
        return found
    rules = private.path + b"/.policyctl-compare-" + name
    lines = drawn_rules(Location(holder=""), paths)
    write_private(rules, b"".join(line + b"\n" for line in lines))
    for other in holding.others_of(piece, far=True):
        mine, theirs = piece.version, other.version
        reader = FarReader(
            same_moment=mine.moment is not None and mine.moment == theirs.moment,
            times=Attribute.TIMES not in {*mine.lost, *theirs.lost},
        )
        tree = private.path + b"/" + name + b"/"
        argv = compare_drawn(holding.known.plan, theirs, other.place, rules, tree)
        with suppress(CommandNotStarted):
            done = run(Command(argv=argv, timeout=limit, on_output=reader.feed))
            if done.code in {0, _VANISHED} and not done.timed_out:
                for path, (claim, equal) in reader.found.items():
                    said = "" if equal else fault_words(claim, theirs.label, None)
                    found[path] = found.get(path) or said
    return found
