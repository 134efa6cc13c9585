"""What changes while a pass runs: what is moved keeps a copy, what is written always gets one."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.steps.model import CatchUp, DeleteGone, DeletePass, SelectChanges, Step
from engine.steps.modes import Forced
from engine.system.journal.barrier import synchronize
from engine.system.journal.journal import open_journal
from engine.system.passes.execute import Executor
from engine.system.passes.incremental_pass import IncrementalPasses
from tests.integration.lab import only, tree, write
from tests.integration.tracking import PATIENCE, TrackedLab, Trackers, tracked

pytestmark = pytest.mark.tool("rsync")
Act = Callable[[], object]


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    started = Trackers()
    yield started
    started.close()


@pytest.fixture
def lab(tmp_path: Path, trackers: Trackers) -> Iterator[TrackedLab]:
    """A tracked source with copies of it, nothing waiting."""
    lab = TrackedLab(tmp_path / "lab", tracked(), trackers=trackers)
    for name in ("a/keep", "a/old1", "a/old2", "b/there", "d/deep/inside", "open.log"):
        write(lab.source / name, f"this is {name}")
    with lab.tracking():
        lab.full()
        yield lab


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Step], Act], None]:
    """Has something happen right before the first step of a kind is carried out."""
    waiting: list[tuple[type[Step], Act]] = []
    match = Executor._match

    def matching(self: Executor, step: Step) -> None:
        for one in [one for one in waiting if isinstance(step, one[0])]:
            waiting.remove(one)
            one[1]()
        match(self, step)

    monkeypatch.setattr(Executor, "_match", matching)
    return lambda kind, act: waiting.append((kind, act))


def kept(lab: TrackedLab) -> set[bytes]:
    return {one.read_bytes() for one in lab.disk.rglob("*") if one.is_file()}


def test_law_05_what_is_written_without_a_pause_is_copied(
    lab: TrackedLab, before: Callable[[type[Step], Act], None]
) -> None:
    """Its last change is always later than the run's look into the journal."""
    write(lab.source / "open.log", b"one line")

    def append() -> None:
        with (lab.source / "open.log").open("ab") as log:
            log.write(b", and another")
        assert synchronize(lab.places, PATIENCE)

    before(SelectChanges, append)
    lab.incremental()
    assert (lab.disk / "open.log").read_bytes() == b"one line, and another"
    assert lab.waiting() == {b"open.log"}, "the next run looks once more"


@pytest.mark.parametrize("step", [SelectChanges, DeleteGone])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a/keep", "b/kept"),
        ("a/keep", "b/there"),
        ("a/keep", "new/kept"),
        ("a", "c"),
        ("d/deep", "b/deep"),
        ("d/deep/inside", "open.log"),
    ],
)
def test_law_03_what_moves_while_an_incremental_pass_runs_keeps_a_copy(
    lab: TrackedLab,
    before: Callable[[type[Step], Act], None],
    step: type[Step],
    old: str,
    new: str,
) -> None:
    """Under its old name it is found gone; the journal may tell of the new one after the look."""
    for name in ("a/keep", "d/deep/inside"):
        write(lab.source / name, b"changed " + name.encode())
    (lab.source / "a/old1").unlink()
    (lab.source / "d").rename(lab.source / "e")
    (lab.source / "e").rename(lab.source / "d")

    def move() -> None:
        (lab.source / new).parent.mkdir(exist_ok=True)
        (lab.source / old).rename(lab.source / new)

    before(step, move)
    lab.incremental()
    assert {b"changed a/keep", b"changed d/deep/inside"} <= kept(lab)
    assert lab.incremental().status is RunStatus.OK
    assert lab.copies() == tree(lab.source)
    lab.full()


@pytest.mark.parametrize(("old", "new"), [("z", "b/z"), ("z", "b/there"), ("z", "new/z")])
def test_law_03_what_moves_while_a_full_pass_runs_keeps_a_copy(
    lab: TrackedLab, before: Callable[[type[Step], Act], None], old: str, new: str
) -> None:
    """rsync deletes as many as were counted, and begins with this one."""
    write(lab.source / "z", b"this is z")
    lab.full()
    for name in ("old1", "old2"):
        (lab.source / "a" / name).unlink()

    def move() -> None:
        (lab.source / new).parent.mkdir(exist_ok=True)
        (lab.source / old).rename(lab.source / new)

    before(DeletePass, move)
    assert lab.forced(Forced.FULL).status.succeeded
    assert b"this is z" in kept(lab)


def test_law_03_what_lies_where_a_directory_was_is_copied_by_a_full_pass(lab: TrackedLab) -> None:
    """Its first pass cannot: the directory goes only with what is deleted."""
    for name in ("a", "d"):
        shutil.rmtree(lab.source / name)
    write(lab.source / "a", b"a file now")
    (lab.source / "d").symlink_to("a")
    assert lab.forced(Forced.FULL).status.succeeded
    assert lab.copies() == tree(lab.source)


@pytest.mark.parametrize("new", ["b/there", "d/deep/inside", "gone/below"])
def test_law_03_what_comes_back_under_a_name_that_was_gone_is_not_deleted_again(
    lab: TrackedLab, before: Callable[[type[Step], Act], None], new: str
) -> None:
    """It was listed as gone before it came: `rm c; mv x c`, as a rotation does."""
    write(lab.source / "gone/below")
    lab.full()
    shutil.rmtree(lab.source / new.split("/")[0])
    write(lab.source / "a/keep", b"changed")

    def back() -> None:
        (lab.source / new).parent.mkdir(parents=True)
        (lab.root / "aside").rename(lab.source / new)

    before(SelectChanges, lambda: (lab.source / "a/keep").rename(lab.root / "aside"))
    before(CatchUp, back)
    lab.incremental()
    assert b"changed" in kept(lab)
    lab.incremental()
    assert lab.copies() == tree(lab.source)


def test_what_came_meanwhile_is_owned(
    lab: TrackedLab, before: Callable[[type[Step], Act], None]
) -> None:
    """A directory that no pass has claimed would be kept for ever."""
    (lab.source / "a/old1").unlink()
    before(DeleteGone, lambda: (lab.source / "b").rename(lab.source / "came"))
    lab.incremental()
    assert (lab.disk / "came/there").exists()
    (lab.source / "came/there").unlink()
    lab.incremental()
    assert not (lab.disk / "came/there").exists()


def test_law_37_nothing_is_deleted_once_the_tracker_is_gone(
    lab: TrackedLab, before: Callable[[type[Step], Act], None]
) -> None:
    (lab.source / "a/old1").unlink()
    assert lab.trackers is not None
    trackers, tracker = lab.trackers, lab.tracker
    before(DeleteGone, lambda: trackers.end(tracker, signal.SIGKILL))
    report = lab.run()
    told = only(report)
    assert report.status is RunStatus.DEGRADED
    assert "what changed meanwhile is not known: the tracker is not running" in told.reason
    assert "nothing was deleted" in told.reason
    assert (lab.disk / "a/old1").exists()
    assert b"a/old1" in lab.waiting()
    lab.tracker = trackers.start(lab.places)
    lab.full()
    assert not (lab.disk / "a/old1").exists()


def test_law_37_nothing_is_deleted_after_an_overflow(
    lab: TrackedLab, before: Callable[[type[Step], Act], None]
) -> None:
    (lab.source / "a/old1").unlink()

    def lose() -> None:
        with open_journal(lab.places.journal_file) as journal:
            journal.add_gap("data", "the kernel's queue of events overflowed", lab.now)

    before(DeleteGone, lose)
    report = lab.run()
    assert report.status is RunStatus.DEGRADED
    assert "not known: the kernel's queue of events overflowed" in only(report).reason
    assert (lab.disk / "a/old1").exists()


def test_a_run_that_deletes_nothing_asks_nobody(
    lab: TrackedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def missed(_: IncrementalPasses, step: CatchUp) -> str:
        asked.append(step.feed)
        return ""

    monkeypatch.setattr(IncrementalPasses, "_missed", missed)
    write(lab.source / "b/more")
    lab.incremental()
    assert asked == []
    os.unlink(lab.source / "b/more")  # noqa: PTH108 - as short as its neighbours
    lab.incremental()
    assert asked == ["data"]
