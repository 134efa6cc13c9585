"""The real inotify, with names as bytes."""

import os
import select
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engine.system.tracker.inotify import Inotify, limit
from engine.system.tracker.watcher import Kind, NoMoreWatches, Seen
from tests.integration.lab import HOSTILE, at


@pytest.fixture
def watcher() -> Iterator[Inotify]:
    with closing(Inotify()) as one:
        yield one


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def add(watcher: Inotify, path: Path) -> int:
    with opened(path) as descriptor:
        return watcher.add(descriptor)


def test_each_thing_that_happens_is_told_in_order(watcher: Inotify, tmp_path: Path) -> None:
    watch = add(watcher, tmp_path)
    assert watcher.read() == []
    (tmp_path / "f").write_bytes(b"1")
    (tmp_path / "f").chmod(0o600)
    (tmp_path / "f").rename(tmp_path / "g")
    (tmp_path / "g").unlink()
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0o700)
    (tmp_path / "d").rmdir()
    (tmp_path / "l").symlink_to("nowhere")
    os.mkfifo(tmp_path / "p")
    expected = [
        Seen(watch, Kind.CAME, b"f"),
        Seen(watch, Kind.CHANGED, b"f"),
        Seen(watch, Kind.WENT, b"f"),
        Seen(watch, Kind.CAME, b"g"),
        Seen(watch, Kind.WENT, b"g"),
        Seen(watch, Kind.CAME, b"d", directory=True),
        Seen(watch, Kind.CHANGED, b"d", directory=True),
        Seen(watch, Kind.WENT, b"d", directory=True),
        Seen(watch, Kind.CAME, b"l"),
        Seen(watch, Kind.CAME, b"p"),
    ]
    found = watcher.read()
    assert list(dict.fromkeys(found)) == expected
    assert found.count(Seen(watch, Kind.CHANGED, b"f")) >= 2


@pytest.mark.parametrize(
    "write",
    [
        lambda file: file.write_bytes(b"other"),
        lambda file: os.truncate(file, 1),
        lambda file: os.utime(file, (1, 1)),
        lambda file: file.chmod(0o640),
        lambda file: os.link(file, file.with_name("second")),
        lambda file: file.open("r+b").close(),
    ],
)
def test_each_way_to_change_a_file_is_seen(watcher: Inotify, tmp_path: Path, write: object) -> None:
    (tmp_path / "f").write_bytes(b"1")
    add(watcher, tmp_path)
    assert callable(write)
    write(tmp_path / "f")
    assert watcher.read()


def test_a_look_is_no_change(watcher: Inotify, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"1")
    (tmp_path / "d").mkdir()
    add(watcher, tmp_path)
    (tmp_path / "f").read_bytes()
    list((tmp_path / "d").iterdir())
    (tmp_path / "f").stat()
    assert watcher.read() == []


def test_law_34_any_name_is_told_as_it_is(watcher: Inotify, tmp_path: Path) -> None:
    """X8: pyinotify's own reading would end at the first name that is no UTF-8."""
    for name in HOSTILE:
        at(tmp_path, name).mkdir()
    watches = {add(watcher, at(tmp_path, name)): name for name in HOSTILE}
    for name in HOSTILE:
        for inner in HOSTILE:
            at(tmp_path, name, inner).symlink_to("x")
    found = watcher.read()
    assert [(watches[one.watch], one.name) for one in found] == [
        (name, inner) for name in HOSTILE for inner in HOSTILE
    ]


def test_what_is_watched_is_the_directory_and_not_its_name(
    watcher: Inotify, tmp_path: Path
) -> None:
    """Law 41: somebody may put a symlink in its place between the look and the watch."""
    (tmp_path / "seen").mkdir()
    (tmp_path / "other").mkdir()
    with opened(tmp_path / "seen") as descriptor:
        (tmp_path / "seen").rename(tmp_path / "moved")
        (tmp_path / "seen").symlink_to("other")
        watch = watcher.add(descriptor)
    (tmp_path / "other/no").touch()
    (tmp_path / "moved/yes").touch()
    assert {one.name for one in watcher.read()} == {b"yes"}
    assert add(watcher, tmp_path / "moved") == watch, "it is watched already"


def test_a_file_cannot_be_watched(watcher: Inotify, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    descriptor = os.open(tmp_path / "f", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        watcher.add(descriptor)
    os.close(descriptor)


def test_a_watch_ends_with_its_directory_or_when_it_is_given_up(
    watcher: Inotify, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = add(watcher, tmp_path / "one"), add(watcher, tmp_path / "two")
    (tmp_path / "one").rmdir()
    assert watcher.read() == [Seen(one, Kind.DROPPED)]
    watcher.remove(two)
    assert watcher.read() == [Seen(two, Kind.DROPPED)]
    (tmp_path / "two/f").touch()
    watcher.remove(one)
    watcher.remove(two)
    assert watcher.read() == []
    assert add(watcher, tmp_path / "two") not in {one, two}, "a number is not used again"


def test_it_can_be_waited_for(watcher: Inotify, tmp_path: Path) -> None:
    add(watcher, tmp_path)
    assert select.select([watcher.fileno()], [], [], 0) == ([], [], [])
    (tmp_path / "f").touch()
    assert select.select([watcher.fileno()], [], [], 5)[0] == [watcher.fileno()]


def test_law_37_more_than_the_queue_holds_is_an_overflow(watcher: Inotify, tmp_path: Path) -> None:
    queue = limit("max_queued_events")
    assert queue is not None
    for name in ("a", "b"):
        (tmp_path / name).touch()
    add(watcher, tmp_path)
    descriptors = [os.open(tmp_path / name, os.O_WRONLY) for name in ("a", "b")]
    for number in range(queue + 10):  # in turn: equal events one after the other become one
        os.write(descriptors[number % 2], b"1")
    for descriptor in descriptors:
        os.close(descriptor)
    found = watcher.read()
    assert [one.kind for one in found].count(Kind.OVERFLOW) == 1
    assert found[-1] == Seen(-1, Kind.OVERFLOW)
    assert len(found) == queue + 1
    (tmp_path / "c").touch()
    assert b"c" in {one.name for one in watcher.read()}, "it goes on"


def test_a_limit_is_as_the_kernel_has_it() -> None:
    told = Path("/proc/sys/fs/inotify/max_user_watches").read_text()
    assert limit("max_user_watches") == int(told)
    assert limit("no_such_limit") is None


def test_no_more_instances_are_granted_at_some_point(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyinotify

    calls = pyinotify.INotifyWrapper.create()
    monkeypatch.setattr(type(calls), "_inotify_init", lambda _: -1)
    monkeypatch.setattr(type(calls), "get_errno", lambda _: 24)
    with pytest.raises(NoMoreWatches, match="max_user_instances is used up"):
        Inotify()
