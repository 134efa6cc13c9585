"""The watches of one tree, with the real inotify."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.runs.tracking import Judge, tracked_sources
from engine.system.tracker.inotify import Inotify
from engine.system.tracker.watched_tree import Node, Owners, WatchedTree, count_directories
from engine.system.tracker.watcher import Kind, NoMoreWatches
from tests.integration.lab import HOSTILE, at, compiled

MANIFEST = """\
version: 1
host: h
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
sources:
  data: {kind: tree, path: /srv/data, track: true}
legs:
  nightly: {kind: mirror, to: "disk:/", schedule: "01:00", timeout: 5m, full_every: 30d}
routes:
  /srv/data: nightly
  /srv/data/scratch: {none: "made anew"}
ignore:
  "cache/": "rebuilt"
"""
RENAME_EXCHANGE = 2


def do_nothing() -> None:
    pass


@dataclass
class World:
    """A tree, its watches, and who follows them."""

    root: Path
    watcher: Inotify
    breaths: int = 0
    owner: Owners = field(default_factory=dict)

    def __post_init__(self) -> None:
        (tracked,) = tracked_sources(compiled(MANIFEST))
        self.judge = Judge(tracked)
        self.root.mkdir(exist_ok=True)
        self.tree = WatchedTree(self.judge, self.watcher, self.owner, self.breathe)

    def breathe(self) -> None:
        self.breaths += 1

    def set_up(self, path: Path | None = None) -> None:
        self.tree.set_up(os.fsencode(path or self.root))

    def make(self, *paths: str) -> None:
        for path in paths:
            (self.root / path).mkdir(parents=True)

    def watched(self) -> set[bytes]:
        """Directories by the names under which their events are told."""
        return {b"/".join(node.names()) for owners in self.owner.values() for _, node in owners}

    def follow(self) -> None:
        """What the tracker does with what it is told about directories."""
        for event in self.watcher.read():
            for tree, node in self.owner.get(event.watch, ()):
                if event.kind is Kind.DROPPED:
                    tree.lost(node)
                elif event.directory and event.kind in {Kind.CAME, Kind.WENT}:
                    tree.came(node, event.name)

    def told(self, act: object) -> set[bytes]:
        """The paths of which something is told while something happens."""
        self.follow()
        assert callable(act)
        act()
        return {
            b"/".join((*node.names(), event.name))
            for event in self.watcher.read()
            for _, node in self.owner.get(event.watch, ())
        }

    def touch(self, path: str) -> set[bytes]:
        return self.told(lambda: (self.root / path).touch())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(Inotify()) as watcher:
        yield World(tmp_path / "root", watcher)


def test_only_what_is_carried_is_watched(world: World) -> None:
    world.make("a/b", "a/cache/below", "scratch/below", ".policyctl-x")
    (world.root / "link").symlink_to("a")
    world.set_up()
    assert world.watched() == {b"", b"a", b"a/b"}
    assert world.tree.count == len(world.owner) == 3
    assert count_directories(os.fsencode(world.root), world.judge, do_nothing) == 3


def test_a_missing_root_and_one_that_is_none_are_told(world: World) -> None:
    with pytest.raises(FileNotFoundError):
        world.set_up(world.root / "nowhere")
    (world.root / "f").touch()
    with pytest.raises(NotADirectoryError):
        world.set_up(world.root / "f")
    world.tree.drop()
    assert world.owner == {}


def test_a_new_directory_is_watched_with_all_that_is_in_it_by_then(world: World) -> None:
    world.set_up()
    world.make("a/b/c", "a/cache/x", "scratch/y")
    world.follow()
    assert world.watched() == {b"", b"a", b"a/b", b"a/b/c"}
    assert world.touch("a/b/c/f") == {b"a/b/c/f"}


def test_what_left_is_watched_no_more(world: World, tmp_path: Path) -> None:
    world.make("a/b", "c/d")
    world.set_up()
    (world.root / "a").rename(tmp_path / "out")
    shutil.rmtree(world.root / "c")
    world.follow()
    assert world.watched() == {b""}
    assert world.tree.count == 1
    assert world.told((tmp_path / "out/b/f").touch) == set()


def test_what_moved_within_is_told_under_its_new_name(world: World) -> None:
    world.make("a/b/c", "x")
    world.set_up()
    (world.root / "a").rename(world.root / "x/a")
    world.follow()
    assert world.watched() == {b"", b"x", b"x/a", b"x/a/b", b"x/a/b/c"}
    assert world.touch("x/a/b/c/f") == {b"x/a/b/c/f"}
    assert world.tree.count == 5


def test_what_moved_into_a_directory_that_is_new_itself(world: World) -> None:
    """It is found in the new directory before its leaving is read."""
    world.make("a/b")
    world.set_up()
    world.make("new")
    (world.root / "a").rename(world.root / "new/a")
    world.follow()
    assert world.watched() == {b"", b"new", b"new/a", b"new/a/b"}
    assert world.touch("new/a/b/f") == {b"new/a/b/f"}


def test_what_moved_to_where_nothing_is_carried(world: World) -> None:
    world.make("a/b", "scratch")
    world.set_up()
    (world.root / "a").rename(world.root / "scratch/a")
    world.follow()
    assert world.watched() == {b""}
    (world.root / "scratch/a").rename(world.root / "a")
    world.follow()
    assert world.watched() == {b"", b"a", b"a/b"}


def test_a_name_that_changes_hands_many_times(world: World) -> None:
    world.set_up()
    for _ in range(3):
        world.make("a/one")
        (world.root / "a").rename(world.root / "b")
        world.make("a/two")
        shutil.rmtree(world.root / "b")
        (world.root / "a").rename(world.root / "c")
        world.make("a/three")
        shutil.rmtree(world.root / "c")
        world.follow()
        assert world.watched() == {b"", b"a", b"a/three"}
        assert world.touch("a/three/f") == {b"a/three/f"}
        shutil.rmtree(world.root / "a")
        world.follow()
        assert world.watched() == {b""}


def test_two_directories_that_are_exchanged_are_both_watched(world: World) -> None:
    """The kernel tells of each that it came before it tells of the other that it left."""
    world.make("a/one", "b/two")
    world.set_up()
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.fsencode(world.root)
    assert libc.renameat2(-100, here + b"/a", -100, here + b"/b", RENAME_EXCHANGE) == 0
    world.follow()
    assert world.watched() == {b"", b"a", b"a/two", b"b", b"b/one"}
    assert world.touch("b/one/f") == {b"b/one/f"}
    assert world.touch("a/two/f") == {b"a/two/f"}


def test_a_directory_that_a_file_replaces(world: World) -> None:
    world.make("a/b")
    world.set_up()
    shutil.rmtree(world.root / "a")
    (world.root / "a").touch()
    world.follow()
    assert world.watched() == {b""}


def test_law_34_any_name_before_and_after_the_start(world: World) -> None:
    """X8."""
    for name in HOSTILE:
        at(world.root, b"before", name, name).mkdir(parents=True)
    world.set_up()
    for name in HOSTILE:
        at(world.root, b"after", name, name).mkdir(parents=True)
    world.follow()
    expected = {b"", b"before", b"after"}
    for top in (b"before/", b"after/"):
        expected |= {top + name for name in HOSTILE}
        expected |= {top + name + b"/" + name for name in HOSTILE}
    assert world.watched() == expected
    for name in HOSTILE:
        path = at(world.root, b"after", name, name, name)
        assert world.told(path.touch) == {b"/".join((b"after", name, name, name))}


def test_law_41_a_symlink_in_place_of_a_directory_leads_nowhere(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "outside/inner").mkdir(parents=True)
    world.set_up()
    world.make("a")
    (world.root / "a").rmdir()
    (world.root / "a").symlink_to(tmp_path / "outside")
    world.follow()
    assert world.watched() == {b""}
    world.make("p/q")
    (world.root / "p").rename(world.root / "old")
    (world.root / "p").symlink_to(tmp_path / "outside")
    world.follow()
    assert world.watched() == {b"", b"old", b"old/q"}


def test_law_41_a_way_down_without_end_is_followed_as_far_as_paths_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runs.tracking._LONGEST", 100)
    world.set_up()
    world.make("/".join("x" * 120))
    world.follow()
    assert world.tree.count == 51
    world.tree.drop()
    world.set_up()
    assert world.tree.count == 51
    assert count_directories(os.fsencode(world.root), world.judge, do_nothing) == 51


def test_another_root_in_its_place_is_not_looked_into(world: World, tmp_path: Path) -> None:
    world.make("a")
    link = tmp_path / "link"
    link.symlink_to(world.root)
    world.set_up(link)
    assert world.tree.identity == (world.root.stat().st_dev, world.root.stat().st_ino)
    (tmp_path / "other/new").mkdir(parents=True)
    link.unlink()
    link.symlink_to(tmp_path / "other")
    world.make("new")
    world.follow()
    assert world.watched() == {b"", b"a"}
    link.unlink()
    world.make("newer")
    world.follow()
    assert world.watched() == {b"", b"a"}


def test_the_root_is_not_held_open(world: World) -> None:
    """An open directory could not be unmounted."""
    world.make("a")
    world.set_up()
    open_now = [os.path.realpath(one) for one in Path("/proc/self/fd").iterdir()]
    assert not [one for one in open_now if one.startswith(str(world.root))]


def test_breath_is_taken_while_a_large_tree_is_walked(world: World) -> None:
    world.make(*(f"{number}" for number in range(1100)))
    world.set_up()
    assert world.breaths == 2
    count_directories(os.fsencode(world.root), world.judge, world.breathe)
    assert world.breaths == 4


def test_dropping_gives_up_every_watch(world: World) -> None:
    world.make("a/b")
    world.set_up()
    world.tree.drop()
    assert world.owner == {}
    assert world.tree.count == 0
    assert len(world.watcher.read()) == 3, "the kernel confirms each"
    (world.root / "a/f").touch()
    assert world.watcher.read() == []
    world.set_up()
    assert world.touch("a/b/f") == {b"a/b/f"}


def test_a_directory_with_two_names_is_told_under_both(world: World, tmp_path: Path) -> None:
    """As a bind mount has: the kernel has one watch an inode."""
    world.make("a/b")
    world.set_up()
    other = WatchedTree(world.judge, world.watcher, world.owner, world.breathe)
    link = tmp_path / "link"
    link.symlink_to(world.root / "a")
    other.set_up(os.fsencode(link))
    assert world.touch("a/b/f") == {b"a/b/f", b"b/f"}
    other.drop()
    assert world.touch("a/b/g") == {b"a/b/g"}, "the watch stays for whom it is left"
    other.set_up(os.fsencode(link))
    world.tree.drop()
    assert world.touch("a/b/h") == {b"b/h"}


class Refusing:
    """A watcher that may not look into some directories."""

    def __init__(self, inner: Inotify, error: int) -> None:
        self._inner = inner
        self.error = error
        self.names: set[str] = set()

    def add(self, descriptor: int) -> int:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name in self.names:
            if self.error == 28:
                raise NoMoreWatches("used up")
            raise OSError(self.error, os.strerror(self.error))
        return self._inner.add(descriptor)

    def remove(self, watch: int) -> None:
        self._inner.remove(watch)


@pytest.mark.parametrize("error", [13, 5, 107])
def test_what_cannot_be_looked_into_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """No permission; a failing disk; a file system whose server has died."""
    refusing = Refusing(world.watcher, error)
    refusing.names = {"closed", "later"}
    monkeypatch.setattr(world.tree, "watcher", refusing)
    world.make("a/closed/inner", "a/open", "b/later/x")
    world.set_up()
    assert world.watched() == {b"", b"a", b"a/open", b"b"}
    assert world.tree.refused == {(b"a", b"closed"), (b"b", b"later")}
    assert world.tree.retry() == []
    refusing.names = {"later"}
    assert world.tree.retry((b"b",)) == []
    assert world.watched() == {b"", b"a", b"a/open", b"b"}
    assert world.tree.retry() == [(b"a", b"closed")]
    assert world.watched() == {b"", b"a", b"a/closed", b"a/closed/inner", b"a/open", b"b"}
    shutil.rmtree(world.root / "b")
    world.follow()
    refusing.names = set()
    assert world.tree.retry() == []
    assert world.tree.refused == set()


@pytest.mark.parametrize(
    ("error", "raised"), [(24, OSError), (23, OSError), (12, OSError), (28, NoMoreWatches)]
)
def test_what_says_nothing_about_a_directory_is_raised(
    world: World, monkeypatch: pytest.MonkeyPatch, error: int, raised: type[Exception]
) -> None:
    refusing = Refusing(world.watcher, error)
    refusing.names = {"a"}
    monkeypatch.setattr(world.tree, "watcher", refusing)
    world.make("a")
    with pytest.raises(raised):
        world.set_up()
    world.tree.drop()
    assert world.owner == {}


def test_a_node_knows_its_way() -> None:
    top = Node(b"", None, 1)
    inner = Node(b"b", Node(b"a", top, 2), 3)
    assert (top.names(), inner.names()) == ((), (b"a", b"b"))
