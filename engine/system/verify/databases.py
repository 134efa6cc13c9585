"""The databases of the newest generation of a `sqlite` leg: SQLite says whether each is sound.

They were compared with their sources when they were copied, and those have gone on since.
"""

from __future__ import annotations

import os
import sys

from engine.legs.versions import of_everything
from engine.runs.observation import FeedSeen
from engine.sqlite.copies import CopyStatus, DatabaseCopy, read_lines
from engine.steps.generations import CopyDatabases, inside
from engine.steps.model import Step
from engine.system.host.directories import write_private
from engine.system.host.process import Command, CommandNotStarted, run
from engine.system.verify.files import Wanted, offer_files
from engine.system.verify.generations import NO_GENERATION, newest_generation
from engine.system.verify.reading import LONGEST, NotCompared, Session, list_name
from engine.verify.comparison import Difference, Found
from engine.verify.sample import Sample
from engine.verify.verdict import Verified, counted
from policy.values import display

_WORKER = (os.fsencode(sys.executable), b"-m", b"engine.system.verify.database_worker")


def check_databases(session: Session, seen: FeedSeen, steps: tuple[Step, ...]) -> Verified:
    """Check the databases that the last run which succeeded has copied, or a sample of them."""
    newest = newest_generation(session, seen)
    if newest is None:
        return session.refused(seen.feed, NO_GENERATION)
    began, name = session.clock(), newest[1]
    step = next(one for one in steps if isinstance(one, CopyDatabases))
    root = inside(step.target, name).path
    sample = Sample(most=session.asked.most, seed=session.asked.seed)
    within = session.within(seen.feed)
    try:
        wanted = Wanted(root=root, selection=of_everything(), within=within, until=None)
        walked = offer_files(wanted, sample)
        number = f"{len(sample.chosen):,} of {sample.files:,} databases"
        session.say(f"{seen.feed}: checking {number}")
        copies = _checked(session, seen.feed, root, sample.paths)
    except (NotCompared, OSError, CommandNotStarted) as error:
        return session.refused(seen.feed, str(error))
    found = _unsound(session, copies)
    return Verified(
        leg=session.leg.name,
        reads=seen.feed,
        generation=name.decode("ascii"),
        began=began,
        ended=session.clock(),
        seed=session.asked.seed if session.asked.most is not None else None,
        compared=len(sample.chosen),
        compared_bytes=sample.chosen_bytes,
        files=sample.files,
        bytes=sample.size,
        found=found,
        counts=counted(found, 0),
        unreadable=walked.unreadable + sum(_is_unreadable(one) for one in copies),
    )


def _is_unreadable(copy: DatabaseCopy) -> bool:
    return copy.status is CopyStatus.UNREADABLE


def _unsound(session: Session, copies: tuple[DatabaseCopy, ...]) -> tuple[Found, ...]:
    found = []
    for one in copies:
        if one.status is not CopyStatus.OK:
            session.say(f"{display(one.path)}: {one.reason}")
        if one.status not in {CopyStatus.OK, CopyStatus.UNREADABLE}:
            found.append(Found(path=one.path, difference=Difference.UNSOUND))
    return tuple(found)


def _checked(
    session: Session, feed: str, root: bytes, paths: tuple[bytes, ...]
) -> tuple[DatabaseCopy, ...]:
    """What SQLite says of each. Raises `NotCompared`."""
    if not paths:
        return ()
    listed = session.looked.this_run.directory + b"/" + list_name(feed)
    write_private(listed, b"".join(path + b"\0" for path in paths))
    told = run(Command(argv=(*_WORKER, root, listed), timeout=LONGEST))
    copies = tuple(read_lines(told.stdout))
    if told.code != 0 or len(copies) != len(paths):
        said = told.last_words or f"it ended with {told.code}"
        raise NotCompared(f"the databases could not be checked: {said}")
    return copies
