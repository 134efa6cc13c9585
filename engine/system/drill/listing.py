"""What the pieces at a place hold: listed there, and offered to a draw."""

from __future__ import annotations

from collections.abc import Sequence

from engine.drill.draw import Draw
from engine.exit_codes import meaning_of
from engine.plan.model import Plan
from engine.restore.fetch import list_of
from engine.rsync.filters import FilterError, take_rule
from engine.rsync.output import parse_file
from engine.system.drill.pieces import Piece
from engine.system.host.process import Command, run
from policy.values import display

_VANISHED = 24
_LONG = 1_000
"""Bytes of a path from which on it may be too long for one of rsync's rules."""


class NotListed(Exception):
    """A place could not be listed as a whole; the message says why."""


class _Lines:
    """Reads a listing chunk by chunk, and keeps nothing of it but what is drawn."""

    def __init__(self, draw: Draw, number: int, piece: Piece) -> None:
        self.draw, self.number = draw, number
        self.above = b"".join(name + b"/" for name in piece.version.location.names)
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            found = parse_file(line)
            if found is not None and found[0].startswith(self.above) and _fits(found[0]):
                self.draw.offer(self.number, found[0][len(self.above) :], found[1])
        return b""


def _fits(path: bytes) -> bool:
    """Whether rsync can be told to take exactly this file."""
    if len(path) < _LONG:
        return True
    try:
        take_rule(tuple(path.split(b"/")))
    except FilterError:
        return False
    return True


def offer_all(plan: Plan, pieces: Sequence[Piece], draw: Draw, seconds: float) -> None:
    """Offer each file of each piece. Raises `NotListed` and `CommandNotStarted`."""
    for number, piece in enumerate(pieces):
        try:
            argv = list_of(plan, piece.version, piece.place)
        except FilterError as error:
            raise NotListed(f"{piece.version.location}: {error}") from None
        lines = _Lines(draw, number, piece)
        done = run(Command(argv=argv, timeout=seconds, on_output=lines.feed))
        if done.timed_out or done.code not in {0, _VANISHED}:
            said = f": {done.last_words}" if done.last_words else ""
            how = "its time had passed" if done.timed_out else meaning_of(done.code)
            where = display(str(piece.version.location).encode())
            raise NotListed(f"{where} could not be listed as a whole: {how}{said}")
