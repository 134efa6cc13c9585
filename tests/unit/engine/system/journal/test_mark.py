"""The mark that a journal and a state bear together."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from engine.records.journal import Consumer
from engine.system.journal.journal import Journal, open_journal
from engine.system.state.state import open_state

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
READERS = (
    Consumer(leg="nightly", reads="data", tree="data", names=()),
    Consumer(leg="offsite", reads="disk", tree="disk", names=()),
)


def gaps(journal: Journal) -> list[int]:
    return [len(journal.seen(one.leg, one.reads).gaps) for one in READERS]


def test_the_journal_that_the_last_run_left_has_no_gap(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.db") as journal, open_state(tmp_path / "s.db") as state:
        journal.register(READERS)
        for one in READERS:
            journal.done(one.leg, one.reads, journal.latest(), full=True)
        assert state.mark() == 0
        for _ in range(3):
            before = state.mark()
            journal.bind(state, NOW)
            assert state.mark() not in {0, before}
            assert gaps(journal) == [0, 0]


def test_one_that_bears_another_mark_has_a_gap_for_each_reader_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        journal = stack.enter_context(open_journal(tmp_path / "j.db"))
        state, other = (
            stack.enter_context(open_state(tmp_path / name)) for name in ("s.db", "o.db")
        )
        journal.register(READERS)
        journal.bind(other, NOW)
        journal.bind(state, NOW)
        for one in READERS:
            journal.done(one.leg, one.reads, journal.latest(), full=True)
        journal.bind(other, NOW)
        assert gaps(journal) == [1, 1]
        for one in READERS:
            journal.done(one.leg, one.reads, journal.latest(), full=True)
        journal.bind(other, NOW)
        assert gaps(journal) == [0, 0]
