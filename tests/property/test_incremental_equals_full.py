"""An incremental pass ends as a full one would, whatever happened to the tree in between."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from engine.system.journal.barrier import synchronize
from tests.integration.facts import Fact, differences, facts
from tests.integration.tracking import PATIENCE, TrackedLab, Trackers, tracked

pytestmark = pytest.mark.tool("rsync")

NAMES = (
    *(b"a", b"b", b"a.b", b"a-", b"c", b"other", b"x.tmp", b"tmp", b".policyctl-x", b"lost+found"),
    *(b"new\nline", b"bad\xff", b"[ab]", b"back\\sl*sh", b"#h", b"-d", b"\\#012", b"x" * 255),
)
DIRECTORIES = ("a", "b", "d0", "d1", "d2")
ROUTES = (
    "/srv/data/b: {none: not wanted}",
    "/srv/data/*/b: {none: not wanted}",
    "/srv/data/a/c: {none: not wanted}",
    "/srv/data/a/c/a: nightly",
    "/srv/data/b/b: nightly",
    "/srv/data/d0/*: nightly",
)
IGNORED = ("'*.tmp': litter", "tmp/: litter", "/srv/data/d1/c: litter")
PRESERVED = (
    "times, perms, owner, hardlinks",
    "times, perms, owner, hardlinks, devices",
    "times, perms, owner, hardlinks, acls",
    "times, perms",
)
INNER = '  images: {kind: mirror, to: "disk:/d2/theirs", schedule: "03:00", timeout: 5m}\n'
KINDS = (
    *("write", "write", "append", "remove", "remove", "move", "move", "move", "link", "link"),
    *("mkdir", "nest", "symlink", "fifo", "chmod", "touch", "change type", "change type"),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a user does; numbers choose among what is there when its turn comes."""

    kind: str
    what: int
    where: int
    name: bytes


operations = st.builds(
    Operation,
    kind=st.sampled_from(KINDS),
    what=st.integers(0, 1000),
    where=st.integers(0, 1000),
    name=st.sampled_from(NAMES),
)
before = st.lists(operations, max_size=25)
rounds = st.lists(st.lists(operations, min_size=1, max_size=10), min_size=1, max_size=2)


@st.composite
def manifests(draw) -> str:
    """A leg with random routes and ignores, perhaps with another owner inside its copies."""
    routes = draw(st.lists(st.sampled_from(ROUTES), max_size=3, unique=True))
    ignored = draw(st.lists(st.sampled_from(IGNORED), max_size=3, unique=True))
    text = tracked(f", max_delete: 100%, preserve: [{draw(st.sampled_from(PRESERVED))}]")
    if draw(st.booleans()):
        text = text.replace("routes:\n", INNER + "routes:\n")
        routes.append("/srv/data/other: images")
    return text + "".join(f"  {one}\n" for one in routes) + f"ignore: {{{', '.join(ignored)}}}\n"


STAYS = "stays"
"""A file that nothing is done to: no run begins where the source has become empty."""


class Play:
    """A user at work in a tree."""

    def __init__(self, root: Path, caught_up: Callable[[], object]) -> None:
        self.root = root
        self.caught_up = caught_up
        (root / STAYS).write_bytes(b"it stays")
        self.size = 0
        """No two files are of one size: rsync tells such ones apart by their times alone."""

    def do(self, wanted: list[Operation]) -> None:
        for one in wanted:
            # Some things cannot be done to some things: a directory into itself, for one.
            with suppress(OSError, shutil.Error):
                self._one(one)

    def _one(self, one: Operation) -> None:
        self.size += 1
        entries = [path for path in sorted(self.root.rglob("*")) if path.name != STAYS]
        directories = [self.root, *(path for path in entries if is_directory(path))]
        new = directories[one.where % len(directories)] / os.fsdecode(one.name)
        if one.kind in {"write", "mkdir", "nest", "symlink", "fifo"}:
            self._make(one.kind, new)
        elif entries:
            self._change(one, entries[one.what % len(entries)], new)

    def _make(self, kind: str, new: Path) -> None:
        if kind == "write" and (not os.path.lexists(new) or is_file(new)):
            new.write_bytes(b"x" * self.size)
        elif kind == "mkdir":
            new.mkdir()
        elif kind == "nest":
            (new / "a/b").mkdir(parents=True)
            (new / "a/file").write_bytes(b"x" * self.size)
        elif kind == "symlink":
            new.symlink_to(str(self.size))
        elif kind == "fifo":
            os.mkfifo(new)
            new.chmod(0o666)

    def _change(self, one: Operation, old: Path, new: Path) -> None:
        if one.kind in {"remove", "move", "change type"}:
            # Nobody can tell which file was written by a name that is gone before it was looked at.
            self.caught_up()
        if one.kind in {"move", "link"}:
            self._name(one, old, new)
        elif one.kind in {"remove", "change type"}:
            remove(old)
            if one.kind == "change type":
                self._make(("write", "nest", "symlink", "fifo")[one.where % 4], old)
        elif one.kind == "touch":
            os.utime(old, ns=(10**18, 10**18 + self.size), follow_symlinks=False)
        elif one.kind == "chmod" and not old.is_symlink():
            old.chmod((0o700, 0o755, 0o711)[one.where % 3])
        elif one.kind == "append" and is_file(old):
            old.write_bytes(old.read_bytes().ljust(1000 * self.size, b"y"))

    @staticmethod
    def _name(one: Operation, old: Path, new: Path) -> None:
        if one.kind == "link":
            os.link(old, new, follow_symlinks=False)
            return
        if one.what % 2 and not old.is_relative_to(new):
            remove(new)
        old.rename(new)


def is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def remove(path: Path) -> None:
    if is_directory(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    started = Trackers()
    yield started
    started.close()


def compared(lab: TrackedLab, source: Path) -> dict[bytes, Fact]:
    """What the leg has at its destination; the other owner's part is not compared."""
    aside = {b"d2/theirs"}
    if not is_directory(source / "d2"):
        aside.add(b"d2")  # it stays for the other owner's sake
    found = facts(lab.disk)
    if "devices" not in lab.text:
        # Where rsync finds what it does not keep, it leaves the copy of what was there before.
        aside |= {path for path, fact in facts(source).items() if stat.S_ISFIFO(fact.kind)}
    return {path: fact for path, fact in found.items() if not _is_or_below(path, aside)}


def _is_or_below(path: bytes, tops: set[bytes]) -> bool:
    names = path.split(b"/")
    return any(b"/".join(names[:depth]) in tops for depth in range(1, len(names) + 1))


def from_scratch(lab: TrackedLab, root: Path) -> dict[bytes, Fact]:
    """What a full pass of the same source into an empty destination gives."""
    fresh = TrackedLab(root, lab.text)
    fresh.source.rmdir()
    fresh.source.symlink_to(lab.source)
    fresh.full()
    return compared(fresh, lab.source)


def settle_in(lab: TrackedLab) -> None:
    """The first pass, then the other owner moves into a directory that it made."""
    lab.full()
    if "images" not in lab.text:
        return
    inside = lab.disk / "d2"
    times = inside.stat() if inside.is_dir() else None
    (inside / "theirs").mkdir(parents=True)
    (inside / "theirs/file").write_bytes(b"theirs")
    if times is not None:
        os.utime(inside, ns=(times.st_atime_ns, times.st_mtime_ns))


@given(text=manifests(), first=before, then=rounds)
def test_an_incremental_pass_ends_as_a_full_one(
    trackers: Trackers, text: str, first: list[Operation], then: list[list[Operation]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="equal-") as folder:
        lab = TrackedLab(Path(folder, "lab"), text, trackers=trackers)
        play = Play(lab.source, lambda: synchronize(lab.places, PATIENCE))
        for name in DIRECTORIES:
            (lab.source / name).mkdir()
        play.do(first)
        with lab.tracking():
            settle_in(lab)
            for number, wanted in enumerate(then):
                play.do(wanted)
                report = lab.run("nightly", Waiver.DELETIONS, Waiver.SMALLER_SOURCE)
                assert report.status is RunStatus.OK, report
                assert report.feeds[0].mode == "incremental"
                assert lab.waiting() == set()
                expected = from_scratch(lab, Path(folder, f"fresh{number}"))
                assert differences(compared(lab, lab.source), expected) == {}
                if "images" in text:
                    assert (lab.disk / "d2/theirs/file").read_bytes() == b"theirs"
            full = lab.full()
            assert (full.files, full.deletions_wanted) == (0, 0)


def with_second_hop(text: str) -> str:
    """The same with a leg that carries the disk's copies on to another place."""
    options = "max_delete: 100%, preserve: [times, perms, owner, hardlinks, devices]"
    return text.replace(
        "sources:\n", "  nas: {path: /mnt/nas, media: nas, site: away}\nsources:\n"
    ).replace(
        "routes:\n",
        '  offsite: {kind: mirror, from: disk, to: "nas:/copies", schedule: "06:00", timeout: 5m, '
        f"after: [nightly], full_every: 300d, {options}}}\nroutes:\n",
    )


@settings(max_examples=settings().max_examples // 2)
@given(text=manifests(), first=before, then=rounds, skipped=st.booleans())
def test_law_15_a_second_hop_ends_as_the_first(
    trackers: Trackers,
    text: str,
    first: list[Operation],
    then: list[list[Operation]],
    skipped: bool,
) -> None:
    with tempfile.TemporaryDirectory(prefix="hop-") as folder:
        lab = TrackedLab(Path(folder, "lab"), with_second_hop(text), trackers=trackers)
        (lab.root / "mnt/nas").mkdir()
        lab.apply()
        play = Play(lab.source, lambda: synchronize(lab.places, PATIENCE))
        play.do(first)
        with lab.tracking():
            lab.full()
            lab.full("offsite")
            for number, wanted in enumerate(then):
                play.do(wanted)
                report = lab.run("nightly", Waiver.DELETIONS, Waiver.SMALLER_SOURCE)
                assert report.status is RunStatus.OK, report
                if skipped and number == 0:
                    continue
                report = lab.run("offsite", Waiver.DELETIONS, Waiver.SMALLER_SOURCE)
                assert report.status is RunStatus.OK, report
                assert report.feeds[0].mode == "incremental", report
                assert lab.waiting("offsite", "disk") == set()
                copies = facts(lab.root / "mnt/nas/copies")
                assert differences(copies, facts(lab.disk)) == {}
