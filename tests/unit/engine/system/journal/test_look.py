"""What the journal can say when a run begins."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.records.journal import Change, Consumer, Coverage
from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.journal import barrier
from engine.system.journal.journal import Journal, open_journal
from engine.system.journal.look import look_into

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
NIGHTLY = Consumer(leg="nightly", reads="data", tree="data")
OFFSITE = Consumer(leg="offsite", reads="disk", tree="disk")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(root=tmp_path)


@pytest.fixture
def journal(places: Places) -> Iterator[Journal]:
    with open_journal(places.journal_file) as journal:
        journal.register([NIGHTLY, OFFSITE])
        yield journal


@contextmanager
def tracker(places: Places, *, answers: bool = True, change: bytes = b"") -> Iterator[None]:
    """One that catches up with a single change when it is asked, and then answers, or does not."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.wait(0.002):
            for client in barrier.questions(server):
                if change:
                    with open_journal(places.journal_file) as journal:
                        journal.record_tree("data", [Change(change)])
                if answers:
                    barrier.answer(client)
                client.close()

    with hold(places.tracker_lock), barrier.listening(places) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def stand(journal: Journal, *, standing: bool = True, detail: str = "") -> None:
    journal.set_coverage("data", standing=standing, detail=detail, now=NOW, watches=1)


def test_whatever_happened_before_the_question_is_in_the_answer(
    journal: Journal, places: Places
) -> None:
    stand(journal)
    with tracker(places, change=b"late"):
        seen = look_into(journal, NIGHTLY, places, live=True)
    assert (seen.coverage, seen.pending) == (Coverage.FOLLOWED, 1)
    assert [one.path for one in journal.read("nightly", "data")] == [b"late"]


def test_law_37_no_tracker_is_not_nothing_changed(journal: Journal, places: Places) -> None:
    stand(journal)
    seen = look_into(journal, NIGHTLY, places, live=True)
    assert (seen.coverage, seen.detail) == (Coverage.DEAD, "")


def test_law_37_a_tracker_that_does_not_answer_is_dead(journal: Journal, places: Places) -> None:
    stand(journal)
    with tracker(places, answers=False):
        seen = look_into(journal, NIGHTLY, places, live=True)
    assert (seen.coverage, seen.detail) == (Coverage.DEAD, "it does not answer")
    with hold(places.tracker_lock):
        seen = look_into(journal, NIGHTLY, places, live=True)
    assert (seen.coverage, seen.detail) == (Coverage.DEAD, "it does not answer")


def test_law_37_a_tracker_that_hangs_is_waited_for_no_longer_than_it_has(
    journal: Journal, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.system.journal.look.PATIENCE", 0.1)
    stand(journal)
    with hold(places.tracker_lock), barrier.listening(places):
        began = time.monotonic()
        seen = look_into(journal, NIGHTLY, places, live=True)
        assert time.monotonic() - began < 5
    assert seen.coverage is Coverage.DEAD


def test_law_37_a_tracker_that_has_not_come_to_the_tree_yet(
    journal: Journal, places: Places
) -> None:
    with tracker(places):
        assert look_into(journal, NIGHTLY, places, live=True).coverage is Coverage.STARTING
        stand(journal, standing=False)
        assert look_into(journal, NIGHTLY, places, live=True).coverage is Coverage.STARTING
        stand(journal, standing=False, detail="too many directories")
        seen = look_into(journal, NIGHTLY, places, live=True)
        assert (seen.coverage, seen.detail) == (Coverage.FAILED, "too many directories")


def test_what_a_killed_run_held_back_is_there_for_all(journal: Journal, places: Places) -> None:
    journal.record_tree("disk", [Change(b"a")], held=True)
    journal.begin_writing("disk", "nightly", "data", NOW)
    seen = look_into(journal, OFFSITE, places, live=False)
    assert seen.coverage is Coverage.FOLLOWED
    assert seen.pending == 1
    told = "a run of nightly ended without telling all that it changed"
    assert told in [gap.reason for gap in seen.gaps]


def test_law_05_what_a_leg_is_writing_now_is_published_by_nobody_else(
    journal: Journal, places: Places
) -> None:
    journal.record_tree("disk", [Change(b"a")], held=True)
    journal.begin_writing("disk", "nightly", "data", NOW)
    with hold(places.holder_lock("disk")):
        seen = look_into(journal, OFFSITE, places, live=False)
    assert seen.pending == 0
    assert [gap.reason for gap in seen.gaps] == ["it has had no full pass since the journal began"]
    assert look_into(journal, OFFSITE, places, live=False).pending == 1
