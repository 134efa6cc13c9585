"""Small trees for rsync: real directories, files by descriptor, nothing else."""

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from engine.system.host.descent import opened_root, remove_tree
from engine.system.passes.pinned import SendTree, make_names, pins_at_once
from policy.parts import Attribute
from tests.integration.facts import facts
from tests.integration.lab import HOSTILE, at, tree, write

PRESERVE = frozenset({Attribute.TIMES, Attribute.PERMS, Attribute.OWNER, Attribute.HARDLINKS})
DEVICES = PRESERVE | {Attribute.DEVICES}


class Trees:
    """The two trees of a run, read while a lot is held."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.files = folder / "files"
        self.others = folder / "others"
        self.source.mkdir()
        self.unreadable: list[bytes] = []

    def lots(
        self,
        paths: Iterable[bytes],
        look: Callable[[], None],
        *,
        most: int = 100,
        preserve: frozenset[Attribute] = PRESERVE,
    ) -> int:
        """Fill the trees lot by lot, and look at each; how many there were."""
        count = 0
        both = (os.fsencode(self.files), os.fsencode(self.others))
        with opened_root(os.fsencode(self.source)) as root:
            made = SendTree(root, both, preserve)
            with made.lots(paths, most) as lots:
                for _ in lots:
                    count += 1
                    look()
            self.unreadable = made.unreadable
        assert not self.files.exists()
        assert not self.others.exists()
        return count


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


def test_a_file_is_a_symlink_to_what_was_looked_at(trees: Trees) -> None:
    write(trees.source / "a/file", b"good")
    (trees.source / "a").chmod(0o750)
    os.utime(trees.source / "a", ns=(10**18, 10**18 + 7))

    def look() -> None:
        (trees.source / "a/file").rename(trees.source / "a/aside")
        write(trees.source / "a/file", b"another")
        assert (trees.files / "a/file").is_symlink()
        assert (trees.files / "a/file").read_bytes() == b"good"
        (trees.source / "a/aside").unlink()
        assert (trees.files / "a/file").read_bytes() == b"good"
        made = (trees.files / "a").stat()
        assert stat.S_IMODE(made.st_mode) == 0o750
        assert made.st_mtime_ns == 10**18 + 7

    assert trees.lots([b"a/file"], look) == 1


def test_directories_have_the_attributes_of_their_originals(trees: Trees) -> None:
    (trees.source / "a/b/c").mkdir(parents=True)
    for name, mode in (("a/b/c", 0o500), ("a/b", 0o2711), ("a", 0o1777), (".", 0o700)):
        (trees.source / name).chmod(mode)
        os.utime(trees.source / name, ns=(10**18, 10**18 + mode))

    def look() -> None:
        assert facts(trees.files) == facts(trees.source)
        for name in (".", "a", "a/b", "a/b/c"):
            mine, theirs = (trees.files / name).stat(), (trees.source / name).stat()
            assert (mine.st_mode, mine.st_mtime_ns) == (theirs.st_mode, theirs.st_mtime_ns)

    assert trees.lots([b"a/b/c"], look) == 1


def test_where_nothing_is_to_be_sent_the_root_s_attributes_are(trees: Trees) -> None:
    trees.source.chmod(0o711)

    def look() -> None:
        assert tree(trees.files) == {}
        assert stat.S_IMODE(trees.files.stat().st_mode) == 0o711

    assert trees.lots([], look) == 1


def test_symlinks_and_fifos_are_made_again_beside(trees: Trees) -> None:
    (trees.source / "d").mkdir()
    (trees.source / "d/link").symlink_to("/etc/passwd")
    os.link(trees.source / "d/link", trees.source / "twin", follow_symlinks=False)
    os.mkfifo(trees.source / "d/pipe")
    (trees.source / "d/pipe").chmod(0o666)  # more than the umask lets through
    os.link(trees.source / "d/pipe", trees.source / "d/pipe2")
    os.utime(trees.source / "d/link", ns=(10**18, 10**18 + 1), follow_symlinks=False)
    paths = [b"d/link", b"d/pipe", b"d/pipe2", b"twin"]

    def all_of_them() -> None:
        assert facts(trees.others) == facts(trees.source)
        assert tree(trees.files) == {}

    assert trees.lots(paths, all_of_them, preserve=DEVICES) == 1

    def links_alone() -> None:
        assert set(tree(trees.others)) == {b"d", b"d/link", b"twin"}
        # The directory has changed by them too.
        assert tree(trees.files) == {b"d": ("directory", b"")}

    assert trees.lots(paths, links_alone) == 1


def test_as_many_files_as_may_be_open_come_at_a_time(trees: Trees) -> None:
    paths = [b"%03d" % number for number in range(25)]
    for path in paths:
        write(at(trees.source, path), path)
    seen: list[bytes] = []
    sizes: list[int] = []

    def look() -> None:
        found = sorted(os.listdir(os.fsencode(trees.files)))  # noqa: PTH208 - bytes
        sizes.append(len(found))
        seen.extend(found)
        for name in found:
            assert at(trees.files, name).read_bytes() == name

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a number is wanted
    assert trees.lots(paths, look, most=10) == 3
    assert (sizes, seen) == ([10, 10, 5], paths)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - a number is wanted


def test_law_15_names_of_one_file_share_a_lot_and_a_descriptor(trees: Trees) -> None:
    """Files that all have several names must not make one lot of everything."""
    paths = []
    for number in range(12):
        write(trees.source / f"{number:02}a")
        for tail in "bc":
            (trees.source / f"{number:02}{tail}").hardlink_to(trees.source / f"{number:02}a")
        paths += [b"%02d%s" % (number, tail) for tail in (b"a", b"b", b"c")]
    lots: list[set[str]] = []

    def look() -> None:
        found = {path.name for path in trees.files.iterdir()}
        assert len({(trees.files / name).readlink() for name in found}) == len(found) // 3
        lots.append(found)

    assert trees.lots(paths, look, most=5) == 3
    assert [len(lot) for lot in lots] == [15, 15, 6]


def test_law_15_symlinks_with_several_names_keep_to_the_limit_too(trees: Trees) -> None:
    paths = []
    for number in range(6):
        (trees.source / f"{number}a").symlink_to("x")
        os.link(trees.source / f"{number}a", trees.source / f"{number}b", follow_symlinks=False)
        paths += [b"%da" % number, b"%db" % number]
    sizes: list[int] = []

    def look() -> None:
        found = facts(trees.others)
        assert all(len(fact.names) == 2 for fact in found.values())
        sizes.append(len(found))

    trees.lots(paths, look, most=2)
    assert sizes == [4, 4, 4]


def test_what_has_gone_meanwhile_is_passed_over(trees: Trees) -> None:
    write(trees.source / "stays")
    (trees.source / "link").symlink_to(trees.source)
    paths = [b"gone", b"no/such", b"link/stays", b"stays", b"stays/x"]
    trees.lots(paths, lambda: _assert(set(tree(trees.files)) == {b"stays"}))


def _assert(holds: bool) -> None:
    assert holds


def test_a_file_that_is_a_directory_by_now_ends_nothing(trees: Trees) -> None:
    write(trees.source / "x", b"a file")

    def paths() -> Iterable[bytes]:
        yield b"x"
        (trees.source / "x").unlink()
        write(trees.source / "x/inner")
        yield b"x/inner"
        yield b"x"

    trees.lots(paths(), lambda: _assert((trees.files / "x").read_bytes() == b"a file"))


def test_law_34_names_are_bytes(trees: Trees) -> None:
    paths = []
    for name in HOSTILE:
        write(at(trees.source, b"d", name), name)
        at(trees.source, b"l" + name[:254]).symlink_to("x")
        paths += [b"d/" + name, b"l" + name[:254]]

    def look() -> None:
        for name in HOSTILE:
            assert at(trees.files, b"d", name).read_bytes() == name
            assert at(trees.others, b"l" + name[:254]).is_symlink()

    trees.lots(sorted(paths), look)


# ── Names ────────────────────────────────────────────────────────────────────────────────────


def names_made(
    source: Path,
    path: Path,
    shallow: list[tuple[bytes, ...]],
    whole: list[tuple[bytes, ...]],
    without: frozenset[bytes] = frozenset(),
) -> set[bytes]:
    with opened_root(os.fsencode(source)) as root:
        assert make_names(root, os.fsencode(path), shallow, whole, without) == ()
    return set(tree(path))


def test_a_tree_of_names_holds_what_must_stay(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("a/b/one", "a/b/deeper/two", "a/beside", "c/three"):
        write(source / name, b"x" * 1000)
    (source / "a/b/link").symlink_to("/etc")
    (source / "a").chmod(0o711)
    made = names_made(source, tmp_path / "1", [(), (b"a",)], [(b"a", b"b")])
    assert made == {b"a", b"a/b", b"a/b/one", b"a/b/deeper", b"a/b/deeper/two", b"a/b/link"}
    assert stat.S_IMODE((tmp_path / "1/a").stat().st_mode) == 0o711
    assert (tmp_path / "1/a/b/one").stat().st_size == 0
    less = names_made(source, tmp_path / "2", [()], [(b"a", b"b")], frozenset({b"a/b/link"}))
    assert less == made - {b"a/b/link"}
    assert names_made(source, tmp_path / "3", [(), (b"no",)], [(b"gone",)]) == {b"gone", b"no"}


def test_law_41_a_tree_of_names_holds_nothing_from_behind_a_symlink(tmp_path: Path) -> None:
    write(tmp_path / "outside/secret")
    (tmp_path / "source/a").mkdir(parents=True)
    (tmp_path / "source/a/link").symlink_to(tmp_path / "outside")
    (tmp_path / "source/b").symlink_to(tmp_path / "outside")
    made = names_made(tmp_path / "source", tmp_path / "1", [()], [(b"a",), (b"b",)])
    assert made == {b"a", b"a/link", b"b"}


def test_a_tree_may_be_as_deep_as_rsync_can_follow(tmp_path: Path) -> None:
    """Each level costs the same, and none calls itself."""
    levels = 1_000
    names = (b"n",) * levels
    (tmp_path / "source").mkdir()
    here = os.open(tmp_path / "source", os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(b"n", dir_fd=here)
        inner = os.open(b"n", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open(b"file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    with opened_root(os.fsencode(tmp_path / "source")) as root:
        assert make_names(root, os.fsencode(tmp_path / "1"), [()], [(b"n",)], frozenset()) == ()
        both = (os.fsencode(tmp_path / "f"), os.fsencode(tmp_path / "o"))
        with SendTree(root, both, PRESERVE).lots([b"/".join((*names, b"file"))], 10) as lots:
            assert sum(1 for _ in lots) == 1
    for name in ("source", "1"):
        remove_tree(os.fsencode(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_some_descriptors_are_left_for_everything_else() -> None:
    assert pins_at_once() >= 1
