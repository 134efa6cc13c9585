"""One tree of copies while it is compared: both sides are read, and nothing is written.

No lock is taken: a run that begins meanwhile is not kept waiting for hours. What differs is
therefore compared a second time, and what changed in between says nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.exit_codes import meaning_of, told_all
from engine.plan.model import LegPlan
from engine.rsync.output import complaints
from engine.system.host.directories import write_private
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.runs.looking import Looked
from engine.system.verify.files import Names, Wanted, changed_since, offer_files
from engine.verify.comparison import Comparison, Difference, Found, comparing, nul_separated
from engine.verify.sample import Sample
from engine.verify.verdict import Verified, counted

LONGEST = 7 * 86_400.0
"""Seconds: a large copy over a slow line may take days, and a hung one must end some day."""
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants compared."""

    most: int | None
    """Files of each feed, chosen by chance; None: everything."""
    seed: int
    within: Mapping[str, tuple[Names, ...]] | None = None
    """By what a feed reads: only these paths below it. None: everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One leg whose copies are compared."""

    leg: LegPlan
    looked: Looked
    asked: Asked
    places: Places
    clock: Clock
    say: Callable[[str], None]

    def within(self, feed: str) -> tuple[Names, ...]:
        """The paths of a feed that alone are asked for; none: everything."""
        return self.asked.within[feed] if self.asked.within is not None else ()

    def refused(self, feed: str, why: str) -> Verified:
        """That it could not be compared, and why."""
        now = self.clock()
        return Verified(leg=self.leg.name, reads=feed, began=now, ended=now, seed=None, refused=why)


class NotCompared(Exception):
    """The comparison came to no end; the message says why."""


def _as_it_is(argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return argv


def _take_it(_told: Completed) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """One feed's copies, and what they are compared with."""

    session: Session
    feed: str
    argv: tuple[bytes, ...]
    """The pass that would make them."""
    wanted: Wanted
    """The files that the sample is drawn from."""
    generation: str = ""
    sees: Callable[[tuple[bytes, ...]], tuple[bytes, ...]] = _as_it_is
    """The command, where it sees what is read."""
    check: Callable[[Completed], None] = _take_it
    """Raises `NotCompared` where it did not."""

    def result(self) -> Verified:
        """Choose, compare, and look again at what differs."""
        asked, began = self.session.asked, self.session.clock()
        listed = asked.most is not None or self.wanted.within != ()
        sample = Sample(most=asked.most if listed else 0, seed=asked.seed)
        try:
            walked = offer_files(self.wanted, sample)
            number = f"{len(sample.chosen):,} of {sample.files:,} files" if listed else "everything"
            self.session.say(f"{self.feed}: comparing {number}")
            unreadable, comparison = self._compare(sample.paths if listed else None)
            found = self._again(comparison.found)
        except (NotCompared, OSError, CommandNotStarted) as error:
            return self.session.refused(self.feed, str(error))
        return Verified(
            leg=self.session.leg.name,
            reads=self.feed,
            generation=self.generation,
            began=began,
            ended=self.session.clock(),
            seed=asked.seed if listed and asked.most is not None else None,
            compared=len(sample.chosen) if listed else sample.files,
            compared_bytes=sample.chosen_bytes if listed else sample.size,
            files=sample.files,
            bytes=sample.size,
            changed=walked.changed + len(comparison.found) - len(found),
            found=found,
            counts=counted(found, comparison.more),
            unreadable=unreadable + walked.unreadable,
        )

    def _compare(self, paths: tuple[bytes, ...] | None) -> tuple[int, Comparison]:
        """How many files could not be read, and what differs. Raises `NotCompared`."""
        comparison = Comparison()
        if paths == ():
            return 0, comparison
        listed = None
        if paths is not None:
            listed = self.session.looked.this_run.directory + b"/" + list_name(self.feed)
            write_private(listed, nul_separated(paths))
        argv = self.sees(comparing(self.argv, listed))
        told = run(Command(argv=argv, timeout=LONGEST, on_output=comparison.feed))
        self.check(told)
        return _unreadable(told), comparison

    def _again(self, found: list[Found]) -> tuple[Found, ...]:
        """What still differs, and has not changed since the run that made the copy."""
        until = self.wanted.until
        if until is None:
            return tuple(found)
        old = [one for one in found if not self._changed(one, until)]
        extra = [one for one in old if one.difference is Difference.EXTRA]
        others = tuple(sorted(one.path for one in old if one.difference is not Difference.EXTRA))
        if not others:
            return tuple(extra)
        _, comparison = self._compare(others)
        again = {one.path: one for one in comparison.found if one.path in set(others)}
        return (*extra, *(again[path] for path in others if path in again))

    def _changed(self, one: Found, until: datetime) -> bool:
        above = one.difference is not Difference.DAMAGED
        return changed_since(self.wanted.root, one.path, until, above=above)


def list_name(feed: str) -> bytes:
    """A name for the list of a feed's files; that of an item may be as long as a name can be."""
    return b"compare-" + hashlib.sha256(feed.encode()).hexdigest()[:16].encode()


def _unreadable(told: Completed) -> int:
    """How many files rsync complained of. Raises `NotCompared` where it came to no end."""
    if not told_all(told.code):
        words = f": {told.last_words}" if told.last_words else ""
        raise NotCompared(f"{meaning_of(told.code)}{words}")
    return len(complaints(told.stderr)) if told.code == _PARTIAL else 0


_PARTIAL = 23
"""rsync's code for a partial transfer (rsync(1), EXIT VALUES)."""
