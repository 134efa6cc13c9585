"""Law: whatever the journal was told stays until a run that began after it has succeeded."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.records.journal import Change, Consumer
from engine.system.journal.journal import Journal, open_journal

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MOST = 40
LIVE = Consumer(leg="nightly", reads="data", tree="data")
PART = Consumer(leg="part", reads="nightly", tree="disk", names=(b"a",))
WHOLE = Consumer(leg="whole", reads="disk", tree="disk")
READERS = (LIVE, PART, WHOLE)
GAPS = ("lost", "overflowed")

names = st.sampled_from([b"a", b"b", b"\xff", b"new\nline"])
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)
changes = st.lists(st.builds(Change, paths, st.booleans()), min_size=1, max_size=8)
readers = st.sampled_from(range(len(READERS)))
trees = st.sampled_from(["data", "disk"])


@dataclass
class Run:
    """A run that has begun: what it may take, and what it must leave."""

    upto: int
    gaps: set[str]
    taken: dict[bytes, bool]
    stood: bool
    """Whether all watches stood when it began."""


@dataclass
class Reader:
    """What one reader has been told, and what of it no run has taken yet."""

    is_now: Consumer
    known: bool = True
    rows: dict[bytes, bool] = field(default_factory=dict)
    """What a run that begins now takes."""
    held: dict[bytes, bool] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=lambda: {"new"})
    later: set[str] = field(default_factory=set)
    """Gaps that came while a run was under way: that run does not close them."""
    held_gaps: set[str] = field(default_factory=set)
    run: Run | None = None

    def note(self, change: Change, *, held: bool) -> None:
        """A row that waited already is held back as well, and so is one that is held."""
        deep = change.deep or self.rows.get(change.path, False)
        deep |= self.held.get(change.path, False)
        held |= change.path in self.held
        self.rows.pop(change.path, None)
        (self.held if held else self.rows)[change.path] = deep
        if self.run is not None:
            self.run.taken.pop(change.path, None)

    def gap(self, reason: str, *, held: bool = False) -> None:
        self.gaps.add(reason)
        self.later.add(reason)
        if held:
            self.held_gaps.add(reason)

    def settle(self) -> None:
        self.rows.update(self.held)
        self.held.clear()
        self.later |= self.held_gaps
        self.held_gaps.clear()

    def forget(self) -> None:
        self.rows, self.held, self.run = {}, {}, None
        self.gaps, self.later, self.held_gaps = {"new"}, {"new"}, set()


class JournalLaws(RuleBasedStateMachine):
    """A dictionary beside the journal, and two connections to it."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="policyctl-journal-"))
        self.stack = ExitStack()
        path = self.directory / "journal.db"
        self.writer = self.stack.enter_context(open_journal(path, most=MOST))
        self.journal = self.stack.enter_context(open_journal(path, most=MOST))
        self.writer.register(READERS)
        self.readers = [Reader(one) for one in READERS]
        self.marks: set[str] = set()
        self.standing: bool | None = None

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()
            shutil.rmtree(self.directory)

    def of_tree(self, tree: str) -> list[Reader]:
        return [one for one in self.readers if one.known and one.is_now.tree == tree]

    # ── Producers ────────────────────────────────────────────────────────────────────────────

    @rule(told=changes)
    def the_tracker_notes(self, told: list[Change]) -> None:
        numbers = {known: number for number, known in self.writer.consumers("data")}
        for one in self.of_tree("data"):
            self.writer.record((numbers[one.is_now], *change) for change in told)
            for change in told:
                one.note(change, held=False)
            self.fold(one)

    @rule(told=changes, tree=trees, held=st.booleans())
    def a_leg_notes(self, told: list[Change], tree: str, held: bool) -> None:
        self.writer.record_tree(tree, told, held=held)
        held |= tree in self.marks
        for one in self.of_tree(tree):
            prefix = b"".join(name + b"/" for name in one.is_now.names)
            for change in told:
                if change.path.startswith(prefix):
                    one.note(change._replace(path=change.path[len(prefix) :]), held=held)
                elif change.deep and prefix.startswith(change.path + b"/"):
                    one.gap("its root was replaced", held=held)
            self.fold(one)

    def fold(self, one: Reader) -> None:
        """More than the most may become a gap at any time; then, and only then, rows are gone."""
        if self.writer.waiting(one.is_now.leg, one.is_now.reads):
            return
        if len(one.rows) + len(one.held) > MOST:
            held = bool(one.held)
            one.rows, one.held = {}, {}
            one.gap(f"more than {MOST} changes were waiting", held=held)
            if one.run is not None:
                one.run.taken = {}

    @rule(tree=trees)
    def a_full_pass_begins_to_write(self, tree: str) -> None:
        self.writer.begin_writing(tree, "writer", "anything", NOW)
        self.marks.add(tree)

    @rule(tree=trees, told_all=st.booleans())
    def the_writer_ends(self, tree: str, told_all: bool) -> None:
        if told_all and tree in self.marks:
            self.writer.end_writing(tree, "writer", "anything")
            self.marks.discard(tree)
        self.writer.settle(tree)
        for one in self.of_tree(tree):
            one.settle()
            if tree in self.marks:
                one.gap("a run of writer ended without telling all that it changed")
        self.marks.discard(tree)

    @rule(tree=trees, reason=st.sampled_from(GAPS))
    def something_is_lost(self, tree: str, reason: str) -> None:
        self.writer.add_gap(tree, reason, NOW)
        for one in self.of_tree(tree):
            one.gap(reason)

    @rule(standing=st.booleans())
    def the_watches_stand_or_fall(self, standing: bool) -> None:
        self.writer.set_coverage("data", standing=standing, detail="", now=NOW, watches=1)
        self.standing = standing
        for one in self.readers:
            if one.run is not None:
                one.run.stood = False if one.is_now.tree == "data" else one.run.stood

    # ── Readers ──────────────────────────────────────────────────────────────────────────────

    @rule(at=readers)
    def a_run_begins(self, at: int) -> None:
        one = self.readers[at]
        if not one.known:
            return
        seen = self.journal.seen(one.is_now.leg, one.is_now.reads)
        assert seen.pending == len(one.rows)
        assert {gap.reason for gap in seen.gaps} == self.reasons(one)
        stood = one.is_now.tree != "data" or self.standing is not False
        one.run = Run(seen.upto, set(one.gaps) - one.held_gaps, dict(one.rows), stood)
        one.later = set(one.held_gaps)

    @precondition(lambda self: any(one.run for one in self.readers))
    @rule(at=readers)
    def a_run_reads_and_may_fail(self, at: int) -> None:
        one = self.readers[at]
        if one.run is not None:
            leg, reads = one.is_now.leg, one.is_now.reads
            rows = {row.path: row.deep for row in self.journal.read(leg, reads)}
            assert rows == one.rows, "all that waits, whenever it was noted"
            later = {row.path for row in self.journal.read(leg, reads, above=one.run.upto)}
            assert later == rows.keys() - one.run.taken.keys()

    @precondition(lambda self: any(one.run for one in self.readers))
    @rule(at=readers, full=st.booleans())
    def a_run_succeeds(self, at: int, full: bool) -> None:
        one = self.readers[at]
        if one.run is None:
            return
        self.journal.done(one.is_now.leg, one.is_now.reads, one.run.upto, full=full)
        for path in one.run.taken:
            one.rows.pop(path, None)
        if full and one.run.stood:
            one.gaps -= one.run.gaps - one.later
        one.run = None

    @rule(at=readers)
    def a_full_pass_begins_and_succeeds(self, at: int) -> None:
        self.a_run_begins(at)
        self.a_run_succeeds(at, full=True)

    # ── Plans ────────────────────────────────────────────────────────────────────────────────

    @rule(at=readers)
    def a_reader_leaves(self, at: int) -> None:
        one = self.readers[at]
        one.known = False
        one.forget()
        self.writer.keep_only(other.is_now for other in self.readers if other.known)

    @rule(at=readers)
    def a_reader_comes(self, at: int) -> None:
        one = self.readers[at]
        self.writer.register([one.is_now])
        one.known = True

    @rule(at=readers, to=st.sampled_from(["one", "two"]))
    def a_leg_is_renamed(self, at: int, to: str) -> None:
        one = self.readers[at]
        old, new = one.is_now.leg, f"{to}-{at}"
        self.writer.rename_leg(old, new)
        one.is_now = replace(one.is_now, leg=new)
        for other in self.readers:
            if other.is_now.reads == old:
                other.is_now = replace(other.is_now, reads=new)

    # ── What holds at any time ───────────────────────────────────────────────────────────────

    @staticmethod
    def reasons(one: Reader) -> set[str]:
        new = "it has had no full pass since the journal began"
        return {new if reason == "new" else reason for reason in one.gaps}

    @invariant()
    def nothing_is_lost_and_nothing_comes_back(self) -> None:
        if not hasattr(self, "readers"):
            return
        journal: Journal = self.journal
        for one in self.readers:
            leg, reads = one.is_now.leg, one.is_now.reads
            assert journal.knows(leg, reads) is one.known
            if not one.known:
                continue
            seen = journal.seen(leg, reads)
            rows = {row.path: row.deep for row in journal.read(leg, reads)}
            assert rows == one.rows
            assert journal.waiting(leg, reads) == len(one.rows) + len(one.held)
            assert {gap.reason for gap in seen.gaps} == self.reasons(one)


TestJournalLaws = JournalLaws.TestCase
TestJournalLaws.settings = settings(stateful_step_count=40)
