"""The tracker against a real file system: whatever happens is noted, or is a gap."""

import ctypes
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from engine.plan.readers import readers_of
from engine.records.journal import Coverage, JournalSeen, linked_file, written_file
from engine.system.host.lock import hold
from engine.system.host.signals import Interrupted
from engine.system.journal.barrier import synchronize
from engine.system.journal.journal import TreeCoverage, open_journal
from engine.system.journal.look import look_into
from engine.system.tracker.inotify import Inotify, limit
from engine.system.tracker.tracker import Tracker
from engine.system.tracker.watcher import Kind, NoMoreWatches, Seen
from tests.integration.lab import HOSTILE, at, write
from tests.integration.mounts import MountNamespace, mount_namespace
from tests.integration.tracking import PATIENCE, REPOSITORY, TrackedLab, Trackers, tracked

STARTED = "the tracker was started"
OVERFLOWED = "the kernel's queue of events overflowed"
REPLACED = "its root was replaced"
MOUNTED = "something was mounted or unmounted in it"
READERS = "its readers have changed"
NEVER = "it has had no full pass since the journal began"
ROUTED = (
    tracked()
    + '  /srv/data/scratch: {none: "made anew"}\n'
    + '  /srv/data/big/none: {none: "too large"}\n'
    + 'ignore:\n  "cache/": rebuilt\n  "*.swp": "editors\' swap files"\n'
)


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    one = Trackers()
    yield one
    one.close()


@pytest.fixture
def lab(tmp_path: Path, trackers: Trackers) -> TrackedLab:
    return TrackedLab(tmp_path, trackers=trackers)


def look(lab: TrackedLab) -> JournalSeen:
    """What a run that begins now is told."""
    with open_journal(lab.places.journal_file) as journal:
        (reader,) = readers_of(lab.plan)
        journal.register([reader])
        return look_into(journal, reader, lab.places, live=True)


def reasons(lab: TrackedLab) -> set[str]:
    return {gap.reason for gap in look(lab).gaps}


def full_pass(lab: TrackedLab) -> None:
    """As far as the journal is concerned."""
    seen = look(lab)
    with open_journal(lab.places.journal_file) as journal:
        journal.done("nightly", "data", seen.upto, full=True)


def noted(lab: TrackedLab) -> dict[bytes, bool]:
    """What has happened up to now, as a run takes it: each path, and whether all below it."""
    seen = look(lab)
    assert seen.coverage is Coverage.FOLLOWED, seen
    with open_journal(lab.places.journal_file) as journal:
        rows = {one.path: one.deep for one in journal.read("nightly", "data")}
        journal.done("nightly", "data", seen.upto, full=False)
    return rows


def covered(path: bytes, rows: dict[bytes, bool]) -> bool:
    """Whether a run with these rows looks at a path."""
    names = path.split(b"/")
    above = (b"/".join(names[:depth]) for depth in range(1, len(names)))
    return path in rows or any(rows.get(one, False) for one in above)


def coverage(lab: TrackedLab) -> TreeCoverage:
    with open_journal(lab.places.journal_file) as journal:
        told = journal.coverage("data")
    assert told is not None
    return told


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


@contextmanager
def followed(lab: TrackedLab) -> Iterator[None]:
    """A tracker runs, and no gap is open."""
    with lab.tracking():
        full_pass(lab)
        assert look(lab).gaps == ()
        yield
        assert look(lab).gaps == (), "nothing in here may cost a full pass"


# ── What is noted ────────────────────────────────────────────────────────────────────────────


def test_law_37_a_directory_event_means_all_that_is_in_it(lab: TrackedLab, tmp_path: Path) -> None:
    """E5."""
    for name in ("1", "2", "3"):
        write(tmp_path / "outside/three" / name)
    write(lab.source / "leaver")
    with followed(lab):
        (tmp_path / "outside/three").rename(lab.source / "three")
        at(lab.source, b"new\nline").touch()
        (lab.source / "leaver").rename(tmp_path / "outside/leaver")
        rows = noted(lab)
        assert rows == {b"three": True, b"new\nline": False, b"leaver": False}
        write(lab.source / "three/2", b"other")
        assert noted(lab) == {b"three/2": False}
        (lab.source / "three").rename(tmp_path / "outside/three")
        assert noted(lab) == {b"three": True}
        write(tmp_path / "outside/three/2", b"unseen")
        assert noted(lab) == {}


def test_each_way_to_change_something(lab: TrackedLab) -> None:
    for name in ("written", "cut", "chmod", "touched", "gone", "old"):
        write(lab.source / "d" / name)
    (lab.source / "directory").mkdir()
    with followed(lab):
        write(lab.source / "d/written", b"x")
        os.truncate(lab.source / "d/cut", 1)
        (lab.source / "d/chmod").chmod(0o600)
        os.utime(lab.source / "d/touched", (1, 1))
        (lab.source / "d/gone").unlink()
        (lab.source / "d/old").rename(lab.source / "d/new")
        (lab.source / "d/link").symlink_to("anywhere")
        os.mkfifo(lab.source / "d/pipe")
        (lab.source / "directory").chmod(0o700)
        names = ("written", "cut", "chmod", "touched", "gone", "old", "new", "link", "pipe")
        expected = {b"d/" + name.encode(): False for name in names}
        assert noted(lab) == {**expected, b"directory": False}


def two_names(lab: TrackedLab) -> int:
    """A file called a/f and b/g; its inode."""
    write(lab.source / "a/f")
    (lab.source / "b").mkdir()
    os.link(lab.source / "a/f", lab.source / "b/g")
    return (lab.source / "a/f").stat().st_ino


def test_a_write_by_one_of_several_names_is_told_to_who_may_carry_another(
    lab: TrackedLab,
) -> None:
    """X6."""
    inode = two_names(lab)
    with followed(lab):
        write(lab.source / "a/f", b"other")
        assert noted(lab) == {b"a/f": False, linked_file(inode): False}


def unknown(rows: dict[bytes, bool]) -> list[bytes]:
    return [one for one in rows if (told := written_file(one)) and told.inode is None]


@contextmanager
def held_up(lab: TrackedLab) -> Iterator[None]:
    """The tracker does not run, and sees all that happens meanwhile at once."""
    os.kill(lab.tracker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(lab.tracker, signal.SIGCONT)


def test_a_write_by_a_name_that_has_gone_is_looked_for_by_time(lab: TrackedLab) -> None:
    """X6: the tracker comes too late to look whose file it was."""
    two_names(lab)
    with followed(lab):
        with held_up(lab):
            write(lab.source / "a/f", b"other")
            (lab.source / "a/f").unlink()
        rows = noted(lab)
        assert rows[b"a/f"] is False
        (row,) = unknown(rows)
        told = written_file(row)
        assert told is not None
        assert told.since is not None
        assert time.time() - 180 < told.since < time.time()
        assert told.since <= (lab.source / "b/g").stat().st_ctime


def test_a_name_that_was_written_and_is_another_file_by_now(lab: TrackedLab) -> None:
    two_names(lab)
    with followed(lab):
        with held_up(lab):
            write(lab.source / "a/f", b"other")
            (lab.source / "a/f").unlink()
            write(lab.source / "a/f", b"new")
        assert len(unknown(noted(lab))) == 1


def test_a_new_name_of_a_file_is_told_with_its_inode(lab: TrackedLab) -> None:
    """It may be written by that name and lose it before anybody looks."""
    inode = two_names(lab)
    with followed(lab):
        os.link(lab.source / "a/f", lab.source / "c")
        assert noted(lab) == {b"c": False, linked_file(inode): False}


def test_a_passing_file_is_not_looked_for(lab: TrackedLab) -> None:
    """As a database's rollback journal: made, written and gone within a moment."""
    with followed(lab):
        with held_up(lab):
            write(lab.source / "passing", b"1")
            (lab.source / "passing").unlink()
        assert noted(lab) == {b"passing": False}


def test_what_appears_in_a_new_directory_before_its_watch_stands(lab: TrackedLab) -> None:
    made = []
    with followed(lab):
        for number in range(200):
            here = f"new{number}/{'x/' * (number % 7)}"
            write(lab.source / here / "early")
            made.append(here.encode() + b"early")
        rows = noted(lab)
        assert [one for one in made if not covered(one, rows)] == []
        for number in range(200):
            write(lab.source / os.fsdecode(made[number]), b"other")
        rows = noted(lab)
        assert set(rows) == set(made), "each watch stands now"


def test_moves_within(lab: TrackedLab) -> None:
    write(lab.source / "a/b/c/f")
    (lab.source / "x").mkdir()
    with followed(lab):
        (lab.source / "a/b").rename(lab.source / "x/b")
        write(lab.source / "x/b/c/f", b"other")
        rows = noted(lab)
        assert covered(b"a/b/c/f", rows)
        assert covered(b"x/b/c/f", rows)
        write(lab.source / "x/b/c/f", b"again")
        assert noted(lab) == {b"x/b/c/f": False}
        # The whole tree, twice, and something new under its old name.
        (lab.source / "x").rename(lab.source / "y")
        (lab.source / "y").rename(lab.source / "z")
        write(lab.source / "x/new/f")
        rows = noted(lab)
        assert all(rows[name] for name in (b"x", b"y", b"z"))
        write(lab.source / "z/b/c/f", b"once more")
        write(lab.source / "x/new/f", b"other")
        assert noted(lab) == {b"z/b/c/f": False, b"x/new/f": False}


def test_directories_that_are_exchanged_are_both_followed(lab: TrackedLab) -> None:
    write(lab.source / "a/one/f")
    write(lab.source / "b/two/f")
    with followed(lab):
        libc = ctypes.CDLL(None, use_errno=True)
        here = os.fsencode(lab.source)
        assert libc.renameat2(-100, here + b"/a", -100, here + b"/b", 2) == 0
        assert noted(lab) == {b"a": True, b"b": True}
        write(lab.source / "b/one/f", b"other")
        write(lab.source / "a/two/f", b"other")
        assert noted(lab) == {b"b/one/f": False, b"a/two/f": False}


def test_a_whole_tree_is_deleted_and_made_again(lab: TrackedLab) -> None:
    for number in range(50):
        write(lab.source / f"tree/{number % 5}/{number}/f")
    with followed(lab):
        for _ in range(2):
            shutil.rmtree(lab.source / "tree")
            assert noted(lab)[b"tree"] is True
            assert coverage(lab).watches >= 1
            for number in range(50):
                write(lab.source / f"tree/{number % 5}/{number}/f")
            noted(lab)
            write(lab.source / "tree/4/49/f", b"other")
            assert noted(lab) == {b"tree/4/49/f": False}


def test_law_34_any_name_before_and_after_the_start(lab: TrackedLab) -> None:
    """X8: a name that is no UTF-8 ended the tracker, whoever made it."""
    for name in HOSTILE:
        write(at(lab.source, b"before", name, name))
    with followed(lab):
        for name in HOSTILE:
            at(lab.source, b"before", name, name).write_bytes(b"other")
            at(lab.source, b"before", name, b"link" + name[:200]).symlink_to("x")
        expected = {b"before/" + name + b"/" + name for name in HOSTILE}
        expected |= {b"before/" + name + b"/link" + name[:200] for name in HOSTILE}
        assert set(noted(lab)) == expected
        for name in HOSTILE:
            at(lab.source, b"after", name).mkdir(parents=True)
        assert covered(b"after/" + HOSTILE[0], noted(lab))
        for name in HOSTILE:
            write(at(lab.source, b"after", name, name))
        assert set(noted(lab)) == {b"after/" + name + b"/" + name for name in HOSTILE}


def test_only_what_is_routed_is_watched(tmp_path: Path, trackers: Trackers) -> None:
    lab = TrackedLab(tmp_path, ROUTED, trackers=trackers)
    for path in ("a/b", "a/cache/x", "scratch/y", "big/none/z", "big/some"):
        (lab.source / path).mkdir(parents=True)
    with followed(lab):
        assert coverage(lab).watches == len(["", "a", "a/b", "big", "big/some"])
        for path in ("a/cache/x/f", "scratch/y/f", "scratch/f", "big/none/z/f", "f.swp"):
            write(lab.source / path)
        assert noted(lab) == {}
        write(lab.source / "a/f.swp")
        (lab.source / "a/b/cache").mkdir()
        assert noted(lab) == {b"a": False, b"a/b": False}, "their times have changed"
        (lab.source / "scratch/y").rename(lab.source / "big/y")
        (lab.source / "a/b").rename(lab.source / "scratch/b")
        assert noted(lab) == {b"big/y": True, b"a/b": True}
        write(lab.source / "scratch/b/f")
        write(lab.source / "big/y/f")
        assert noted(lab) == {b"big/y/f": False}


def test_law_41_a_symlink_leads_nowhere(lab: TrackedLab, tmp_path: Path) -> None:
    write(tmp_path / "outside/f")
    write(lab.source / "a/f")
    with followed(lab):
        shutil.rmtree(lab.source / "a")
        (lab.source / "a").symlink_to(tmp_path / "outside")
        (lab.source / "b").symlink_to(tmp_path / "outside")
        noted(lab)
        write(tmp_path / "outside/f", b"other")
        write(tmp_path / "outside/new/f")
        assert noted(lab) == {}


def test_many_changes_are_few_rows_and_few_transactions(lab: TrackedLab) -> None:
    (lab.source / "log").touch()
    with followed(lab):
        before = look(lab).upto
        with (lab.source / "log").open("ab", buffering=0) as log:
            for _ in range(5000):
                log.write(b"line\n")
        seen = look(lab)
        assert seen.pending == 1
        assert seen.upto - before < 100


def test_nothing_that_happens_is_nothing_noted(lab: TrackedLab) -> None:
    write(lab.source / "a/f")
    with followed(lab):
        before = look(lab).upto
        (lab.source / "a/f").read_bytes()
        list((lab.source / "a").iterdir())
        seen = look(lab)
        assert (seen.pending, seen.upto) == (0, before)


@dataclass
class Hammer:
    """Writes without a pause, in steps that are numbered."""

    source: Path
    allowed: int = 1000
    """How far it may go: too far ahead of the tracker, and the kernel's queue overflows."""
    finished: int = 0

    @contextmanager
    def falling(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._fall, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _fall(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if self.finished < self.allowed:
                self._step(self.finished + 1)
                self.finished += 1
            else:
                time.sleep(0.001)

    def _step(self, number: int) -> None:
        here = self.source / f"{number % 40}" / f"{number // 400}"
        here.mkdir(parents=True, exist_ok=True)
        (here / f"f{number}").touch()
        if number % 3 == 0:
            (here / f"f{number}").rename(here / f"g{number}")
        if number % 401 == 0:
            shutil.rmtree(self.source / f"{(number + 1) % 40}", ignore_errors=True)

    @staticmethod
    def paths(number: int) -> list[bytes]:
        here = b"%d/%d/" % (number % 40, number // 400)
        return [here + b"f%d" % number, *([here + b"g%d" % number] if number % 3 == 0 else [])]


def test_law_05_whatever_happened_before_the_question_is_in_the_journal(lab: TrackedLab) -> None:
    """The promise that incremental passes rest upon, while somebody writes without a pause."""
    hammer = Hammer(lab.source)
    with followed(lab), hammer.falling():
        taken = later = 0
        before: dict[bytes, bool] = {}
        for _ in range(15):
            target = taken + 150
            hammer.allowed = target + 1000
            wait_until(lambda: hammer.finished >= target)  # noqa: B023 - asked at once
            happened = hammer.finished
            rows = noted(lab)
            assert look(lab).gaps == (), "an overflow, say"
            # Questions before may have found more than had been finished when they were asked: one
            # step may even begin before two of them, and end after both.
            either = {
                one: before.get(one, False) or rows.get(one, False) for one in (*before, *rows)
            }
            for number in range(taken + 1, happened + 1):
                where = either if number <= later else rows
                missed = [one for one in hammer.paths(number) if not covered(one, where)]
                assert missed == [], (number, taken, later, happened)
            before = either if happened < later else rows
            taken, later = happened, hammer.finished + 1


# ── Gaps ─────────────────────────────────────────────────────────────────────────────────────


def test_law_37_a_start_is_a_gap_that_a_later_full_pass_closes(lab: TrackedLab) -> None:
    with lab.tracking():
        assert reasons(lab) == {NEVER}
        full_pass(lab)
        assert reasons(lab) == set()
    assert look(lab).coverage is Coverage.DEAD
    write(lab.source / "unseen")
    with lab.tracking():
        seen = look(lab)
        assert seen.coverage is Coverage.FOLLOWED
        assert [gap.reason for gap in seen.gaps] == [STARTED]
        assert seen.pending == 0
        full_pass(lab)
        assert reasons(lab) == set()


def test_law_37_a_full_pass_that_began_before_the_watches_stood_closes_no_gap(
    lab: TrackedLab,
) -> None:
    began = look(lab)
    assert began.coverage is Coverage.DEAD
    with lab.tracking():
        with open_journal(lab.places.journal_file) as journal:
            journal.done("nightly", "data", began.upto, full=True)
        assert STARTED in reasons(lab)


def test_sigterm_leaves_everything_noted(lab: TrackedLab) -> None:
    with followed(lab):
        pass
    tracker = lab.trackers
    assert tracker is not None
    for round_ in range(2):
        pid = tracker.start(lab.places)
        os.kill(pid, signal.SIGSTOP)  # so that it has read nothing when the signal comes
        for number in range(100):
            write(lab.source / f"{round_}/{number}")
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        tracker.end(pid)
        with open_journal(lab.places.journal_file) as journal:
            rows = {one.path: one.deep for one in journal.read("nightly", "data")}
        assert all(covered(b"%d/%d" % (round_, number), rows) for number in range(100))
        told = coverage(lab)
        assert (told.standing, told.detail) == (False, "it was stopped")


def test_law_37_sigkill_is_noticed_and_the_next_start_is_a_gap(lab: TrackedLab) -> None:
    trackers = lab.trackers
    assert trackers is not None
    pid = trackers.start(lab.places)
    full_pass(lab)
    assert look(lab).coverage is Coverage.FOLLOWED
    trackers.end(pid, signal.SIGKILL)
    assert coverage(lab).standing, "nobody was there to take it back"
    assert look(lab).coverage is Coverage.DEAD
    with lab.tracking():
        assert reasons(lab) == {STARTED}
        write(lab.source / "f")
        assert noted(lab) == {b"f": False}


def test_law_37_the_kernels_queue_overflows(lab: TrackedLab) -> None:
    queue = limit("max_queued_events")
    assert queue is not None
    for name in ("a", "b"):
        write(lab.source / name)
    with lab.tracking():
        full_pass(lab)
        os.kill(lab.tracker, signal.SIGSTOP)
        try:
            descriptors = [os.open(lab.source / name, os.O_WRONLY) for name in ("a", "b")]
            for number in range(queue + 100):  # in turn: equal ones would become one event
                os.write(descriptors[number % 2], b"1")
            for descriptor in descriptors:
                os.close(descriptor)
            write(lab.source / "unseen/below/f")  # no room is left to tell of it
        finally:
            os.kill(lab.tracker, signal.SIGCONT)
        seen = look(lab)
        assert [gap.reason for gap in seen.gaps] == [OVERFLOWED]
        assert seen.coverage is Coverage.FOLLOWED, "all watches have been set anew"
        full_pass(lab)
        assert reasons(lab) == set()
        write(lab.source / "unseen/below/f", b"other")
        assert noted(lab) == {b"unseen/below/f": False}


@pytest.mark.parametrize("how", ["at once", "later", "never there"])
def test_law_37_the_root_is_removed_and_made_again(lab: TrackedLab, how: str) -> None:
    write(lab.source / "a/f")
    if how == "never there":
        shutil.rmtree(lab.source)
    with lab.tracking():
        if how != "never there":
            full_pass(lab)
            shutil.rmtree(lab.source)
        if how != "at once":
            seen = look(lab)
            assert seen.gaps
            assert seen.coverage is not Coverage.FOLLOWED
        write(lab.source / "a/f")
        # Where it has been away, it is looked for again after a while.
        wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
        assert reasons(lab) & {REPLACED, STARTED, "its root was away"}
        full_pass(lab)
        assert reasons(lab) == set()
        write(lab.source / "a/f", b"other")
        assert noted(lab) == {b"a/f": False}


def test_law_37_the_root_is_a_symlink_that_leads_elsewhere_now(
    lab: TrackedLab, tmp_path: Path
) -> None:
    lab.source.rename(tmp_path / "one")
    write(tmp_path / "two/f")
    lab.source.symlink_to(tmp_path / "one")
    with lab.tracking():
        full_pass(lab)
        write(tmp_path / "one/g")
        assert noted(lab) == {b"g": False}
        lab.source.unlink()
        lab.source.symlink_to(tmp_path / "two")
        wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
        assert reasons(lab) == {REPLACED}
        full_pass(lab)
        write(tmp_path / "one/g", b"not any more")
        write(tmp_path / "two/f", b"other")
        assert noted(lab) == {b"f": False}


def test_law_37_readers_that_left_and_came_back_while_it_ran(lab: TrackedLab) -> None:
    """Two applies in a moment: what it still notes for the old reader must not be lost."""
    with lab.tracking():
        full_pass(lab)
        with open_journal(lab.places.journal_file) as journal:
            journal.keep_only([])
            journal.register(readers_of(lab.plan))
        write(lab.source / "f")
        wait_until(lambda: READERS in reasons(lab))
        wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
        full_pass(lab)
        write(lab.source / "f", b"other")
        assert noted(lab) == {b"f": False}


# ── A tracker whose watcher can be held back ─────────────────────────────────────────────────


class Bent(Inotify):
    """The real inotify, with what the kernel does rarely done when it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = False
        self.most: int | None = None
        """How many watches are granted."""
        self.granted: set[int] = set()
        self.refused: dict[str, int] = {}
        """Directories that cannot be watched, by their names, and why."""
        self.insert: list[Callable[[], list[Seen]]] = []
        """What is read next in place of what has happened."""
        self.with_watch: dict[str, Callable[[], list[Seen]]] = {}
        """The same, from when a directory of that name is watched."""

    def add(self, descriptor: int) -> int:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if name in self.with_watch:
            self.insert.append(self.with_watch.pop(name))
        if name in self.refused:
            raise OSError(self.refused[name], os.strerror(self.refused[name]))
        if self.most is not None and len(self.granted) >= self.most:
            raise NoMoreWatches("fs.inotify.max_user_watches is used up")
        watch = super().add(descriptor)
        self.granted.add(watch)
        return watch

    def remove(self, watch: int) -> None:
        self.granted.discard(watch)
        super().remove(watch)

    def read(self) -> list[Seen]:
        if self.ended:
            self.ended = False
            raise Interrupted(signal.SIGTERM)
        if self.insert:
            return self.insert.pop(0)()
        return super().read()


@dataclass
class InThread:
    """A tracker in a thread of the test."""

    lab: TrackedLab
    watcher: Bent
    said: list[str]
    failure: list[BaseException]

    def run(self) -> None:
        places, plan = self.lab.places, self.lab.plan
        try:
            with hold(places.tracker_lock), open_journal(places.journal_file) as journal:
                Tracker(places, journal, self.watcher, lambda: plan, self.said.append).run()
        except Interrupted:
            pass
        except BaseException as error:
            self.failure.append(error)


@contextmanager
def bent(lab: TrackedLab, prepare: Callable[[Bent], None] | None = None) -> Iterator[InThread]:
    """Run a tracker in a thread; it may not have ended by itself."""
    with closing(Bent()) as watcher, pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.system.tracker.tracker.LOOK_SECONDS", 0.05)
        if prepare is not None:
            prepare(watcher)
        tracker = InThread(lab, watcher, [], [])
        thread = threading.Thread(target=tracker.run)
        thread.start()
        try:
            wait_until(lambda: synchronize(lab.places, PATIENCE) or not thread.is_alive())
            yield tracker
            assert thread.is_alive(), tracker.failure
        finally:
            watcher.ended = True
            thread.join(PATIENCE)
        assert tracker.failure == []


def test_law_37_an_overflow_while_the_watches_are_being_set(lab: TrackedLab) -> None:
    """The lost event told of a directory: without a second try nobody would ever watch it."""

    def overflow() -> list[Seen]:
        (lab.source / "missed").mkdir()
        Inotify.read(tracker_watcher[0])  # the kernel has lost that it was made
        return [Seen(-1, Kind.OVERFLOW)]

    tracker_watcher: list[Bent] = []

    def prepare(watcher: Bent) -> None:
        tracker_watcher.append(watcher)
        watcher.insert.append(overflow)

    with bent(lab, prepare) as tracker:
        wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
        assert reasons(lab) == {NEVER, OVERFLOWED}
        assert f"data: {OVERFLOWED}" in tracker.said
        full_pass(lab)
        write(lab.source / "missed/f")
        assert noted(lab) == {b"missed/f": False}


def test_law_37_more_events_than_it_can_hold_while_it_walks(
    lab: TrackedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.system.tracker.tracker.MOST_WAITING", 10)
    monkeypatch.setattr("engine.system.tracker.watched_tree._BREATH", 1)
    for number in range(5):
        write(lab.root / f"outside/{number}/f")

    def flood() -> list[Seen]:
        return [Seen(2**20, Kind.CAME, b"%d" % number, directory=True) for number in range(11)]

    with bent(lab) as tracker:
        full_pass(lab)
        tracker.watcher.with_watch["3"] = flood
        (lab.root / "outside").rename(lab.source / "inside")
        wait_until(lambda: OVERFLOWED in reasons(lab))
        wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
        full_pass(lab)
        write(lab.source / "inside/4/f", b"other")
        assert noted(lab) == {b"inside/4/f": False}


def test_what_happens_while_it_walks_is_followed(
    lab: TrackedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.system.tracker.watched_tree._BREATH", 1)
    for number in range(20):
        (lab.source / f"{number}").mkdir()

    def prepare(watcher: Bent) -> None:
        def read() -> list[Seen]:
            return Inotify.read(watcher)

        def make() -> list[Seen]:
            write(lab.source / "0/new/f")
            (lab.source / "19").rename(lab.source / "0/moved")
            return read()

        watcher.insert = [*[read] * 5, make]

    with bent(lab, prepare):
        full_pass(lab)
        write(lab.source / "0/moved/f")
        assert noted(lab) == {b"0/moved/f": False}


def test_law_37_no_more_watches_name_the_sysctl_and_a_number_that_is_enough(
    lab: TrackedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    others, granted, needed = 90, 100, 31
    monkeypatch.setattr("engine.system.tracker.tracker.limit", lambda _: granted)
    for number in range(needed - 1):
        (lab.source / f"{number}").mkdir()

    def prepare(watcher: Bent) -> None:
        watcher.most = granted - others

    with bent(lab, prepare) as tracker:
        seen = look(lab)
        assert seen.coverage is Coverage.FAILED
        assert f"{needed} watches are needed, {granted} are granted" in seen.detail
        found = re.search(r"as root: sysctl fs\.inotify\.max_user_watches=(\d+)", seen.detail)
        assert found is not None
        assert int(found[1]) >= others + needed
        assert reasons(lab) == {NEVER, "not all watches could be set"}
        assert [one for one in tracker.said if "sysctl" in one]
        assert tracker.watcher.granted == set(), "what is no use is given back"


def test_law_37_watches_run_out_while_it_runs_and_are_tried_again(
    lab: TrackedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.system.tracker.tracker.RETRY_WATCHES_SECONDS", 0.05)
    (lab.source / "a").mkdir()
    with bent(lab) as tracker:
        full_pass(lab)
        tracker.watcher.most = 2
        (lab.source / "b/c").mkdir(parents=True)
        wait_until(lambda: look(lab).coverage is Coverage.FAILED)
        assert "not all watches could be set" in reasons(lab)
        tracker.watcher.most = None
        wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
        full_pass(lab)
        assert reasons(lab) == set()
        write(lab.source / "b/c/f")
        assert noted(lab) == {b"b/c/f": False}


def test_a_directory_that_becomes_readable_later_is_taken_whole(lab: TrackedLab) -> None:
    """Who is not root may not look into all of them; a dead file system lets nobody in."""
    write(lab.source / "a/closed/below/f")
    write(lab.source / "dead/f")

    def prepare(watcher: Bent) -> None:
        watcher.refused = {"closed": errno.EACCES, "dead": errno.ENOTCONN}

    with bent(lab, prepare) as tracker:
        full_pass(lab)
        assert coverage(lab).standing
        del tracker.watcher.refused["closed"]
        (lab.source / "a/closed").chmod(0o700)
        assert noted(lab) == {b"a/closed": True}
        write(lab.source / "a/closed/below/f", b"other")
        assert noted(lab) == {b"a/closed/below/f": False}
        tracker.watcher.refused.clear()
        assert noted(lab) == {b"dead": True}, "asked again at each question"
        write(lab.source / "dead/f", b"other")
        assert noted(lab) == {b"dead/f": False}


def test_law_37_out_of_descriptors_is_a_gap_and_no_end(
    lab: TrackedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.system.tracker.tracker.RETRY_WATCHES_SECONDS", 0.05)
    with bent(lab) as tracker:
        full_pass(lab)
        tracker.watcher.refused = {"new": errno.EMFILE}
        write(lab.source / "new/f")
        wait_until(lambda: look(lab).coverage is Coverage.FAILED)
        assert "Too many open files" in look(lab).detail
        assert look(lab).gaps
        tracker.watcher.refused = {}
        wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
        full_pass(lab)
        write(lab.source / "new/f", b"other")
        assert noted(lab) == {b"new/f": False}


# ── The command ──────────────────────────────────────────────────────────────────────────────


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "policyctl.main", *map(str, words)]


def policyctl(*words: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*words), cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def applied(lab: TrackedLab, text: str) -> None:
    manifest = lab.root / "backup-policy.yaml"
    manifest.write_text(text)
    done = policyctl("apply", "--policy", manifest, "--root", lab.root, "--accept-removals")
    assert done.returncode == 0, done.stderr
    lab.text = text


@contextmanager
def tracking_command(lab: TrackedLab, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """`policyctl track`, once it answers; it ends with the block if it has not before."""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                command("track", "--root", lab.root),
                cwd=REPOSITORY,
                env={**os.environ, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(process.kill)
        wait_until(lambda: synchronize(lab.places, PATIENCE) or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield process


def told_to_systemd(listener: socket.socket, word: str) -> str:
    """What systemd is told, up to the message that begins with a word."""
    listener.settimeout(PATIENCE)
    while True:
        message = listener.recv(4096).decode()
        if message.startswith(word):
            return message


def test_the_command_from_start_to_stop(lab: TrackedLab, tmp_path: Path) -> None:
    applied(lab, tracked())
    write(lab.source / "a/f")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "notify"))
        with tracking_command(
            lab, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000"
        ) as process:
            ready = told_to_systemd(listener, "READY=1")
            assert ready == "READY=1\nSTATUS=1 of 1 sources, 2 directories"
            told_to_systemd(listener, "WATCHDOG=1")
            told_to_systemd(listener, "WATCHDOG=1")
            full_pass(lab)

            second = policyctl("track", "--root", lab.root)
            assert second.returncode == 75
            assert (
                f"a tracker is running already: tracker.lock is held by process {process.pid}"
                in (second.stderr)
            )
            write(lab.source / "a/f", b"other")
            assert noted(lab) == {b"a/f": False}, "the first one goes on"

            process.send_signal(signal.SIGTERM)
            told_to_systemd(listener, "STOPPING=1")
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
            assert "data: 2 directories are watched" in out + err
    assert look(lab).coverage is Coverage.DEAD


def test_the_command_follows_an_apply_without_a_restart(lab: TrackedLab) -> None:
    applied(lab, tracked())
    write(lab.source / "scratch/below/f")
    write(lab.source / "a/f")
    with tracking_command(lab):
        full_pass(lab)
        write(lab.source / "scratch/below/f", b"other")
        assert noted(lab) == {b"scratch/below/f": False}
        applied(lab, tracked() + '  /srv/data/scratch: {none: "made anew"}\n')
        # The very next question is answered by the new plan.
        assert reasons(lab) == {"what is tracked has changed"}
        assert coverage(lab).watches == 2
        full_pass(lab)
        assert reasons(lab) == set()
        write(lab.source / "scratch/below/f", b"again")
        write(lab.source / "a/f", b"other")
        assert noted(lab) == {b"a/f": False}
        began = coverage(lab).changed
        applied(lab, f"# a comment\n{lab.text}".replace("timeout: 5m", "timeout: 6m"))
        write(lab.source / "a/f", b"again")
        assert noted(lab) == {b"a/f": False}
        assert coverage(lab).changed == began, "what is tracked as before goes on undisturbed"
        applied(lab, lab.text.replace(", track: true", ""))
        wait_until(lambda: not coverage(lab).standing)


def test_another_journal_in_its_place_ends_the_command(lab: TrackedLab) -> None:
    """Rows in a file that has been removed would be read by nobody."""
    applied(lab, tracked())
    with tracking_command(lab) as process:
        os.rename(lab.places.journal_file, lab.root / "aside")  # noqa: PTH104 - as a person would
        lab.places.journal_file.touch(0o600)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 5
        assert "journal.db is not the file any more that was opened: start the tracker" in err


def test_the_command_without_a_plan_says_what_to_do(tmp_path: Path) -> None:
    done = policyctl("track", "--root", tmp_path)
    assert done.returncode == 5
    assert "nothing is applied yet" in done.stderr


def test_law_37_its_heart_beats(lab: TrackedLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.system.tracker.tracker.HEARTBEAT_SECONDS", 0.01)
    write(lab.source / "a/f")
    with bent(lab):
        first: datetime = coverage(lab).heartbeat
        write(lab.source / "a/f", b"other")
        noted(lab)
        wait_until(lambda: coverage(lab).heartbeat > first and coverage(lab).events > 0)
        assert coverage(lab).watches == 2


@pytest.mark.root
@pytest.mark.tool("unshare")
def test_law_37_the_kernel_grants_no_more_watches(lab: TrackedLab) -> None:
    """The limit of a user namespace of its own: nobody else is in the way, nor is harmed."""
    applied(lab, tracked())
    for number in range(10):
        (lab.source / f"{number}").mkdir()
    words = command("track", "--root", lab.root)
    inner = 'echo 5 > /proc/sys/user/max_inotify_watches && exec "$@"'
    with subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "sh", "-c", inner, "sh", *words],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until(lambda: synchronize(lab.places, PATIENCE) or process.poll() is not None)
            seen = look(lab)
            assert seen.coverage is Coverage.FAILED
            assert "fs.inotify.max_user_watches is used up: 11 watches are needed" in seen.detail
            assert reasons(lab) == {NEVER, STARTED, "not all watches could be set"}
            assert process.poll() is None, "it goes on"
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.mark.root
@pytest.mark.tool("unshare", "nsenter", "mount", "umount")
def unmounted(inside: MountNamespace, place: Path) -> bool:
    """Try to; whoever looks into it just then keeps it busy for a moment."""
    try:
        inside("umount", place)
    except AssertionError as error:
        if "busy" not in str(error):
            raise
        return False
    return True


def test_law_37_what_is_mounted_and_unmounted(lab: TrackedLab) -> None:
    applied(lab, tracked())
    (lab.source / "below").mkdir()
    with mount_namespace() as inside:
        inside("mount", "-t", "tmpfs", "tmpfs", lab.source)
        inside("mkdir", lab.source / "below")
        with inside.popen("track", "--root", lab.root) as process:
            try:
                wait_until(lambda: synchronize(lab.places, PATIENCE) or process.poll() is not None)
                full_pass(lab)
                assert look(lab).coverage is Coverage.FOLLOWED

                inside("mount", "-t", "tmpfs", "tmpfs", lab.source / "below")
                assert reasons(lab) == {MOUNTED}
                full_pass(lab)
                inside("touch", lab.source / "below/f")
                assert noted(lab) == {b"below/f": False}

                inside("umount", lab.source / "below")
                inside("mount", "-t", "tmpfs", "tmpfs", lab.source / "below")
                wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
                assert reasons(lab) == {MOUNTED}, "also where the mount points are as before"
                full_pass(lab)
                inside("touch", lab.source / "below/f")
                assert noted(lab) == {b"below/f": False}

                wait_until(lambda: unmounted(inside, lab.source / "below"))
                wait_until(lambda: unmounted(inside, lab.source))  # nothing holds it for long
                wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
                assert reasons(lab) & {REPLACED, MOUNTED}
                full_pass(lab)
                write(lab.source / "below/f")
                assert noted(lab) == {b"below/f": False}

                inside("mount", "--bind", lab.source / "below", lab.source / "below")
                wait_until(lambda: look(lab).coverage is Coverage.FOLLOWED)
                assert reasons(lab) == {MOUNTED}
            finally:
                process.terminate()
                process.wait(PATIENCE)
