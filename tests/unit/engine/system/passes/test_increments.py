"""One feed's incremental pass: what it announces, and which rules its deletions go by."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.plan.selection import Ignore, Line, Selection
from engine.reach.targets import Identity, Target
from engine.records.journal import Change, Consumer
from engine.rsync.command import gone_command
from engine.steps.model import DeleteGone, SelectChanges, SendChanges
from engine.system.journal.journal import Journal, open_journal
from engine.system.passes import increments
from engine.system.passes.increments import Increment, RootMoved, below
from policy.patterns import parse_path_pattern
from tests.integration.lab import at, tree, write

ALL = Selection(lines=(Line(pattern=parse_path_pattern(b""), taken=True),))
NO_TMP = Selection(
    lines=ALL.lines,
    ignores=(
        Ignore(pattern=parse_path_pattern(b"tmp"), anchored=False, directory=True),
        Ignore(pattern=parse_path_pattern(b"*.o"), anchored=False, directory=False),
    ),
)
GONE = DeleteGone(
    feed="data",
    options=(b"--recursive",),
    before=(b"--filter=P /foreign",),
    after=(),
    target=Target(holder="disk", root=b"/mnt/disk", names=()),
    still=(),
    count_only=True,
)
Start = Callable[..., Increment]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "journal.db") as journal:
        journal.register(
            [
                Consumer(leg="nightly", reads="data", tree="data"),
                Consumer(leg="offsite", reads="disk", tree="disk"),
            ]
        )
        yield journal


@pytest.fixture
def start(tmp_path: Path, journal: Journal) -> Iterator[Start]:
    source = tmp_path / "source"
    (tmp_path / "run").mkdir()
    begun: list[Increment] = []

    def started(*rows: Change, selection: Selection = ALL, select: bool = True) -> Increment:
        source.mkdir(exist_ok=True)
        journal.record_tree("data", rows)
        status = source.stat()
        step = SelectChanges(
            feed="data",
            source=Identity(path=os.fsencode(source), device=status.st_dev, inode=status.st_ino),
            selection=selection,
            excluded=frozenset(),
            target=Target(holder="disk", root=b"/mnt/disk", names=(b"copies",)),
        )
        increment = Increment(step, os.fsencode(tmp_path / "run"), journal, "nightly")
        begun.append(increment)
        if select:
            increment.select()
        return increment

    yield started
    for one in begun:
        one.close()


def rules_of(tmp_path: Path, number: int = 0) -> list[bytes]:
    _, path = GONE.lot(os.fsencode(tmp_path / "run"), number)
    return Path(os.fsdecode(path)).read_bytes().splitlines()


def test_law_05_the_next_reader_is_told_first_and_may_not_take_it_yet(
    tmp_path: Path, start: Start, journal: Journal
) -> None:
    write(tmp_path / "source/d/x")
    start(Change(b"d", deep=True), Change(b"gone"))
    assert journal.waiting("offsite", "disk") == 3
    assert list(journal.read("offsite", "disk")) == []
    journal.settle("disk")
    assert list(journal.read("offsite", "disk")) == [
        Change(b"copies/d", deep=True),
        Change(b"copies/d/x"),
        Change(b"copies/gone", deep=True),
    ]


def test_what_makes_way_is_told_too(tmp_path: Path, start: Start, journal: Journal) -> None:
    write(tmp_path / "source/x")
    increment = start(Change(b"x"))
    increment.make_way([b"x"])
    journal.settle("disk")
    assert list(journal.read("offsite", "disk")) == [Change(b"copies/x", deep=True)]


def test_law_11_another_directory_at_the_root_is_not_read(tmp_path: Path, start: Start) -> None:
    increment = start(Change(b"x"), select=False)
    (tmp_path / "source").rename(tmp_path / "before")
    (tmp_path / "source").mkdir()
    with pytest.raises(RootMoved):
        increment.select()


def test_a_deletion_lets_one_name_go_and_keeps_all_beside_the_way(
    tmp_path: Path, start: Start
) -> None:
    write(tmp_path / "source/a/b/beside")
    increment = start(Change(b"a/b/gone"), Change(b"top"))
    assert increment.prepare_deletions(GONE) == 1
    assert rules_of(tmp_path) == [
        b"R /a/b/gone",
        b"R /top",
        b"P /*",
        b"P /a/*",
        b"P /a/b/*",
    ]
    names, _ = GONE.lot(os.fsencode(tmp_path / "run"), 0)
    assert set(tree(Path(os.fsdecode(names)))) == {b"a", b"a/b"}


def test_law_01_rules_that_protect_come_first_and_the_leg_s_own_last() -> None:
    command = gone_command(GONE, b"/run", 0, 7)
    assert b"--max-delete=7" in command
    filters = [word for word in command if word.startswith(b"--filter")]
    assert filters[0] == b"--filter=P /foreign"
    assert filters[-1] == b"--filter=merge /run/gone-data.0.rules"
    assert {b"--existing", b"--ignore-existing", b"--delete"} <= set(command)


def test_law_03_only_what_the_leg_carries_of_a_name_may_go(tmp_path: Path, start: Start) -> None:
    """As a directory `tmp` is ignored, and as anything else `x.o`."""
    increment = start(Change(b"tmp"), Change(b"x.o", deep=True), Change(b"y"), selection=NO_TMP)
    increment.prepare_deletions(GONE)
    assert rules_of(tmp_path) == [b"P /tmp/", b"R /tmp", b"R /x.o/", b"R /y", b"P /*"]


def test_a_directory_that_came_keeps_the_names_that_it_has(tmp_path: Path, start: Start) -> None:
    write(tmp_path / "source/d/inner/kept")
    write(tmp_path / "source/beside")
    increment = start(Change(b"d", deep=True), Change(b"d/gone"))
    assert increment.prepare_deletions(GONE) == 1
    assert rules_of(tmp_path) == [b"P /*"]
    names, _ = GONE.lot(os.fsencode(tmp_path / "run"), 0)
    assert set(tree(Path(os.fsdecode(names)))) == {b"d", b"d/inner", b"d/inner/kept"}
    increment.close()
    assert not Path(os.fsdecode(names)).exists()


def test_law_34_where_the_rule_that_keeps_is_too_long_nothing_is_let_go(
    tmp_path: Path, start: Start
) -> None:
    """A backslash is doubled in a pattern with a wildcard alone."""
    names = (b"\\" * 250,) * 9
    write(at(tmp_path / "source", *names, b"beside"))
    path = b"/".join((*names, b"gone"))
    increment = start(Change(path), Change(b"other"))
    increment.prepare_deletions(GONE)
    assert increment.unwritable == [path]
    assert rules_of(tmp_path) == [b"R /other", b"P /*"]


def test_what_no_rule_can_hold_is_left_for_a_full_pass(tmp_path: Path, start: Start) -> None:
    above = (b"x" * 255,) * 15
    path = b"/".join((*above, b"[" * 100))
    write(at(tmp_path / "source", *above, b"kept"))
    increment = start(Change(path))
    increment.prepare_deletions(GONE)
    assert increment.unwritable == [path]
    assert rules_of(tmp_path) == []
    names, _ = GONE.lot(os.fsencode(tmp_path / "run"), 0)
    assert tree(Path(os.fsdecode(names))) == {}


def test_a_directory_that_is_compared_whole_needs_no_rule_for_what_it_lost(
    tmp_path: Path, start: Start
) -> None:
    above = (b"x" * 255,) * 15
    write(at(tmp_path / "source", *above, b"kept"))
    increment = start(Change(b"x" * 255, deep=True), Change(b"/".join((*above, b"[" * 100))))
    increment.prepare_deletions(GONE)
    assert increment.unwritable == []
    assert rules_of(tmp_path) == [b"P /*"]


def test_many_deletions_come_in_lots(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(increments, "GONE_AT_ONCE", 10)
    increment = start(*(Change(b"%02d" % number) for number in range(25)))
    assert increment.prepare_deletions(GONE) == 3
    assert [len(rules_of(tmp_path, number)) for number in range(3)] == [11, 11, 6]
    increment.counted(1, 10)
    assert increment.deletions == (0, 10, 0)


def test_what_is_sent_is_counted(tmp_path: Path, start: Start) -> None:
    write(tmp_path / "source/a", b"12345")
    write(tmp_path / "source/b", b"123")
    increment = start(Change(b"a"), Change(b"b", deep=True), Change(b"c"))
    assert (increment.entries, increment.size) == (2, 5)
    files = os.fsencode(tmp_path / "run/send-data/files")
    step = SendChanges(
        feed="data",
        files=(),
        others=(),
        trees=(files, files + b"2"),
        preserve=frozenset(),
        still=(),
    )
    seen = [sorted(os.listdir(files)) for _ in increment.lots(step)]  # noqa: PTH208 - bytes
    assert seen == [[b"a"]]


def test_changes_below_a_directory_of_a_tree() -> None:
    changes = [Change(b"x", deep=True), Change(b"y/z")]
    assert list(below((), changes)) == changes
    assert list(below((b"a", b"b"), changes)) == [
        Change(b"a/b/x", deep=True),
        Change(b"a/b/y/z"),
    ]
