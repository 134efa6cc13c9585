"""Incremental passes against users who move names about, few descriptors, and closed doors."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from engine.plan.selection import Line, Selection
from engine.reach.targets import Identity, Target
from engine.records.journal import Change, Consumer
from engine.records.reports import RunStatus
from engine.rsync.command import changed_trees, gone_command, send_command
from engine.steps.model import DeleteGone, SelectChanges, SendChanges
from engine.system.journal.journal import Journal, open_journal
from engine.system.passes.increments import Increment
from policy.parts import Attribute
from policy.patterns import PathPattern
from tests.integration.facts import differences, facts
from tests.integration.lab import tree, write
from tests.integration.tracking import REPOSITORY, TrackedLab, Trackers, tracked

pytestmark = pytest.mark.tool("rsync")

PASSES = 200
EVERYTHING = Selection(lines=(Line(pattern=PathPattern(()), taken=True),))
NOBODY = 65534


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    started = Trackers()
    yield started
    started.close()


# ── 41: names that are moved about ───────────────────────────────────────────────────────────

RACER = """
import os, sys
os.chdir(sys.argv[1])
outside = sys.argv[2]
print("off", flush=True)
while True:
    for name in ("a", "b/inner", "b", "c/f"):
        os.rename(name, "aside")
        os.symlink(outside + "/" + name, name)
        os.unlink(name)
        os.rename("aside", name)
"""


@contextmanager
def racer(source: Path, outside: Path) -> Iterator[None]:
    """Somebody who swaps parents for symlinks to a tree with the same names, as fast as it goes."""
    command = [sys.executable, "-c", RACER, str(source), str(outside)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            yield
        finally:
            child.kill()


def incremental_pass(
    source: Path, copies: Path, directory: Path, journal: Journal, *, deleting: bool
) -> set[bytes]:
    """One pass without what surrounds it; gives back the files that it sent."""
    status = source.stat()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    here = os.fsencode(directory)
    target = Target(holder="disk", root=os.fsencode(copies), names=())
    identity = Identity(path=os.fsencode(source), device=status.st_dev, inode=status.st_ino)
    options = (b"--recursive", b"--links", b"--times", b"--perms", b"--hard-links")
    select = SelectChanges(
        feed="data",
        source=identity,
        selection=EVERYTHING,
        excluded=frozenset(),
        target=target,
    )
    trees = changed_trees(here, "data")
    send = SendChanges(
        feed="data",
        files=send_command(options, trees[0], target, follow=True),
        others=send_command(options, trees[1], target, follow=False),
        trees=trees,
        preserve=frozenset({Attribute.TIMES, Attribute.PERMS, Attribute.HARDLINKS}),
        still=(),
    )
    gone = DeleteGone(
        feed="data", options=options, before=(), after=(), target=target, still=(), count_only=True
    )
    increment = Increment(select, here, journal, "nightly")
    increment.select()
    sent: set[bytes] = set()
    for lot in increment.lots(send):
        sent |= set(files_below(trees[0]))
        subprocess.run(send.files, check=False, stderr=subprocess.DEVNULL)
        if lot.others:
            subprocess.run(send.others, check=False, stderr=subprocess.DEVNULL)
    for number in range(increment.prepare_deletions(gone) if deleting else 0):
        command = gone_command(gone, here, number, 1000)
        subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
    increment.close()
    return sent


def files_below(root: bytes) -> Iterator[bytes]:
    for top, _, files in os.walk(root):
        yield from (top[len(root) + 1 :] + b"/" + name for name in files)


def test_law_41_no_byte_from_outside_arrives(tmp_path: Path) -> None:
    """X5: rsync's own list of names reads the other tree's file, overwrites the copy, and is 0."""
    source, outside, copies = (tmp_path / name for name in ("source", "outside", "copies"))
    files = ("a/f", "b/inner/g", "b/inner/h", "c/f")
    for name in files:
        write(source / name, b"inside " + name.encode())
        write(outside / name, b"OUTSIDE")
    shutil.copytree(source, copies)
    seen: set[frozenset[bytes]] = set()
    with open_journal(tmp_path / "journal.db") as journal:
        journal.register([Consumer(leg="nightly", reads="data", tree="data")])
        rows = [Change(name.encode()) for name in files]
        rows += [Change(b"a", deep=True), Change(b"b", deep=True), Change(b"c/f")]
        journal.record_tree("data", rows)
        with racer(source, outside):
            for number in range(PASSES):
                sent = incremental_pass(
                    source, copies, tmp_path / "run", journal, deleting=number % 5 == 0
                )
                seen.add(frozenset(sent))
                for path, (kind, content) in tree(copies).items():
                    if kind == "file":
                        assert content == b"inside " + path
    assert len(seen) > 1, "the racer never came in between"


def test_law_41_types_that_change_in_the_middle_end_no_run(tmp_path: Path) -> None:
    """A name that is a file when its turn comes, and a directory a moment later."""
    source, copies = tmp_path / "source", tmp_path / "copies"
    write(source / "x/f", b"inside")
    write(source / "y", b"inside")
    copies.mkdir()
    swapper = (
        "import os, sys; os.chdir(sys.argv[1]); print('off', flush=True)\n"
        "while True:\n"
        "    os.rename('x', 't'); os.rename('y', 'x'); os.rename('t', 'y')\n"
    )
    with open_journal(tmp_path / "journal.db") as journal:
        journal.register([Consumer(leg="nightly", reads="data", tree="data")])
        journal.record_tree("data", [Change(b"x", deep=True), Change(b"x/f"), Change(b"y/f")])
        command = [sys.executable, "-c", swapper, str(source)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            try:
                assert child.stdout is not None
                child.stdout.readline()
                for _ in range(25):
                    incremental_pass(source, copies, tmp_path / "run", journal, deleting=True)
            finally:
                child.kill()


# ── Descriptors ──────────────────────────────────────────────────────────────────────────────


def in_child(lab: TrackedLab, first: str, leg: str = "nightly") -> str:
    """A run in a process of its own that does something else first; how it ended, in a line."""
    program = (
        "import os, resource, sys; from datetime import datetime; from pathlib import Path\n"
        "import engine.system.journal.barrier\n"
        "from engine.plan.stored import plan_from_json\n"
        "from engine.system.host.places import Places\n"
        "from engine.system.runs.runner import run_leg\n"
        "places = Places(root=Path(sys.argv[1]))\n"
        "plan = plan_from_json(places.plan_file.read_text())\n"
        "now = datetime.fromisoformat(sys.argv[3])\n"
        f"{first}\n"
        "report = run_leg(plan, sys.argv[2], places=places, clock=lambda: now)\n"
        "print(report.status.value, report.feeds[0].mode, report.reason)\n"
    )
    lab.now += timedelta(days=1)
    told = subprocess.run(
        [sys.executable, "-c", program, str(lab.root), leg, lab.now.isoformat()],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


FEW = "resource.setrlimit(resource.RLIMIT_NOFILE, (320, 320))"


def test_more_files_than_may_be_open_come_in_lots(tmp_path: Path, trackers: Trackers) -> None:
    """Also where each has several names: those of one file are one lot, those of all are not."""
    lab = TrackedLab(tmp_path, tracked(), trackers=trackers)
    write(lab.source / "stays")
    with lab.tracking():
        lab.full()
        for number in range(400):
            write(lab.source / f"d/{number}", b"%d" % number)
            (lab.source / f"linked {number}").hardlink_to(lab.source / f"d/{number}")
            if number % 4 == 0:
                (lab.source / f"symlink {number}").symlink_to(f"{number}")
                os.link(
                    lab.source / f"symlink {number}",
                    lab.source / f"twin {number}",
                    follow_symlinks=False,
                )
        assert in_child(lab, FEW) == "ok incremental"
        assert differences(facts(lab.disk), facts(lab.source)) == {}
        assert lab.waiting() == set()


# ── Doors that are closed ────────────────────────────────────────────────────────────────────


def as_anybody(lab: TrackedLab) -> str:
    """What makes the child's user one that doors can be closed to; the lab is theirs then."""
    if os.geteuid() != 0:
        return ""
    for path in (lab.root, *lab.root.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    # Who changes its user hides its descriptors, until PR_SET_DUMPABLE; who is started as it not.
    return (
        f"import ctypes; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); "
        "ctypes.CDLL(None).prctl(4, 1)"
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may go through; pytest's own are the user's alone."""
    with tempfile.TemporaryDirectory(prefix="open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def reopen(lab: TrackedLab) -> None:
    for name in ("closed", "fixed"):
        (lab.source / name).chmod(0o755)
        if (lab.disk / name).exists():
            (lab.disk / name).chmod(0o755)


@pytest.mark.parametrize("tolerated", [False, True], ids=["not tolerated", "tolerated"])
def test_what_may_not_be_looked_at_is_neither_sent_nor_deleted(
    open_folder: Path, trackers: Trackers, tolerated: bool
) -> None:
    text = tracked(", preserve: [times, perms]" + (", tolerate: [unreadable]" if tolerated else ""))
    lab = TrackedLab(open_folder / "lab", text, trackers=trackers)
    for name in ("closed/file", "moved/inner/file", "gone", "stays", "fixed/file"):
        write(lab.source / name)
    with lab.tracking():
        lab.full()
        write(lab.source / "closed/file", b"newer")
        write(lab.source / "new")
        (lab.source / "gone").unlink()
        (lab.source / "moved").rename(lab.source / "back")
        (lab.source / "back").rename(lab.source / "moved")
        write(lab.disk / "moved/left")
        become = as_anybody(lab)
        (lab.source / "closed").chmod(0)
        (lab.source / "moved/inner").chmod(0o300)
        told = in_child(lab, become)
        reopen(lab)
        (lab.source / "moved/inner").chmod(0o755)
        copies = lab.copies()
        assert copies[b"closed/file"] == ("file", b"content")
        assert b"moved/inner/file" in copies
        assert b"new" in copies
        if tolerated:
            assert told.startswith("noted incremental"), told
            assert "cannot be looked at" in told
            assert "nothing was deleted" not in told
            assert not {b"gone", b"moved/left"} & set(copies)
        else:
            assert told.startswith("degraded incremental"), told
            assert {b"gone", b"moved/left"} <= set(copies)
            assert {b"closed/file", b"gone"} <= lab.waiting()


def test_directories_that_may_not_be_written_to_are_made_again_and_cleared_away(
    open_folder: Path, trackers: Trackers
) -> None:
    """Whoever is not root cannot remove what is in such a directory, before opening it."""
    lab = TrackedLab(open_folder / "lab", tracked(", preserve: [times, perms]"), trackers=trackers)
    write(lab.source / "stays")
    with lab.tracking():
        lab.full()
        for number in range(300):
            write(lab.source / f"fixed/{number}")
        (lab.source / "fixed/link").symlink_to("1")
        become = as_anybody(lab)
        (lab.source / "fixed").chmod(0o555)
        assert in_child(lab, f"{FEW}; {become or 'pass'}") == "ok incremental"
        expected = facts(lab.source)
        assert differences(facts(lab.disk), expected) == {}
        (lab.source / "fixed").rename(lab.source / "moved")
        assert in_child(lab, become or "pass").startswith("ok incremental")
        assert (lab.disk / "moved/299").exists()
    for folder in (lab.source, lab.disk):
        (folder / "moved").chmod(0o755)


# ── A first leg that is killed ───────────────────────────────────────────────────────────────


HOP = (
    '  offsite: {kind: mirror, from: disk, to: "nas:/copies", schedule: "06:00", timeout: 5m, '
    "after: [nightly], full_every: 300d}\nroutes:\n"
)


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_law_05_a_killed_leg_leaves_no_change_unknown_to_the_next(
    tmp_path: Path, trackers: Trackers, mode: str
) -> None:
    text = tracked().replace(
        "sources:\n", "  nas: {path: /mnt/nas, media: nas, site: away}\nsources:\n"
    )
    lab = TrackedLab(tmp_path / "lab", text.replace("routes:\n", HOP), trackers=trackers)
    (lab.root / "mnt/nas").mkdir()
    lab.apply()
    write(lab.source / "a/file")
    away = lab.root / "mnt/nas/copies"
    with lab.tracking():
        lab.full()
        lab.full("offsite")
        write(lab.source / "a/file", b"newer")
        write(lab.source / "a/new/one")
        killing = tmp_path / "bin"
        killing.mkdir()
        program = killing / "rsync"
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] || kill -9 $PPID\nexec {shutil.which("rsync")} "$@"\n'
        )
        program.chmod(0o755)
        forced = "from engine.steps.modes import Forced; import functools\n"
        forced += "run_leg = functools.partial(run_leg, forced=Forced.FULL)\n"
        first = forced if mode == "full" else ""
        first += f"os.environ['PATH'] = {str(killing)!r} + ':' + os.environ['PATH']\n"
        with pytest.raises(AssertionError):
            in_child(lab, first)
        # What that rsync still did, nobody has told.
        write(lab.disk / "a/file", b"newer")
        report = lab.run("offsite")
        assert report.status is RunStatus.OK
        assert report.feeds[0].mode == "full" if mode == "full" else True
        assert differences(facts(away), facts(lab.disk)) == {}
        lab.run()
        lab.run("offsite")
        assert differences(facts(away), facts(lab.source)) == {}
