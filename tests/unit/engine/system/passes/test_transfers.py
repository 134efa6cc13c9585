"""Running rsync within limits, and again where that helps; the commands are real, and quick."""

import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.exit_codes import may_pass
from engine.progress import Progress
from engine.reach.targets import Target
from engine.records.journal import Consumer
from engine.rsync.itemized import FORMAT
from engine.system.host.process import STDOUT_MOST
from engine.system.journal.journal import Journal, open_journal
from engine.system.passes import transfers
from engine.system.passes.transfers import ItemOutOfTime, OutOfTime, Transfers
from policy.parts import SshTarget

HERE = Target(holder="disk", root=b"/mnt/disk", names=(b"copies",))
THERE = Target(holder="nas", root=b"/nas", names=(), ssh=SshTarget(account="backup@nas"))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "journal.db") as journal:
        yield journal


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.newest: list[tuple[str, Progress]] = []

    def expect(self, feed: str, *, entries: int | None, size: int | None) -> None:
        del feed, entries, size

    def advance(self, feed: str, progress: Progress) -> None:
        self.newest.append((feed, progress))


def made(journal: Journal, **limits: float | None) -> tuple[Transfers, list[str]]:
    said: list[str] = []
    limit = {"seconds": None, "each": None, **limits}
    return Transfers(journal, said.append, limit["seconds"], each=limit["each"]), said


def shell(script: str, *arguments: bytes) -> tuple[bytes, ...]:
    return (b"sh", b"-c", script.encode(), b"sh", *arguments)


def tries(path: Path) -> int:
    return path.read_text().count("x") if path.exists() else 0


# ── Again ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", [0, 1, 2, 10, 11, 12, 20, 23, 24, 25, 30, 35, 255])
def test_what_the_connection_did_is_tried_again_and_nothing_else(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(transfers, "BACK_OFF", (0.0, 0.0))
    count = tmp_path / "count"
    argv = shell(f"echo x >>{shlex.quote(str(count))}; exit {code}")
    run, said = made(journal)
    assert run.rsync("data", argv, THERE).code == code
    assert tries(count) == (3 if may_pass(code) else 1)
    assert len(said) == run.retried.get("data", 0) == tries(count) - 1
    count.unlink()
    assert run.rsync("data", argv, HERE).code == code
    assert tries(count) == 1, "no connection is needed on this machine"


def test_who_was_killed_is_not_started_again(journal: Journal) -> None:
    run, _ = made(journal)
    assert run.rsync("data", shell("kill -9 $$"), THERE).code == -9
    assert run.retried == {}


def test_a_try_that_succeeds_is_the_last(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "BACK_OFF", (0.1, 0.2, 60.0))
    count = shlex.quote(str(tmp_path / "count"))
    script = f"echo x >>{count}; test $(wc -l <{count}) -ge 3 && exit 0; exit 12"
    run, said = made(journal)
    began = time.monotonic()
    assert run.rsync("data", shell(script), THERE).code == 0
    assert 0.3 <= time.monotonic() - began < 30
    assert run.retried == {"data": 2}
    assert said[0] == "data: the connection to the other rsync broke: once more in 0 s"


@pytest.mark.parametrize(
    ("option", "count"), [(b"--max-delete=0", 2), (b"--max-delete=1", 1), (b"--max-delete=250", 1)]
)
def test_law_11_a_counted_number_of_deletions_is_made_once(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, option: bytes, count: int
) -> None:
    monkeypatch.setattr(transfers, "BACK_OFF", (0.0,))
    argv = shell(f"echo x >>{shlex.quote(str(tmp_path / 'count'))}; exit 12", option)
    run, _ = made(journal)
    assert run.rsync("data", argv, THERE).code == 12
    assert tries(tmp_path / "count") == count


@pytest.mark.parametrize("limits", [{"seconds": 30.0}, {"each": 30.0}])
def test_nobody_waits_for_a_try_that_could_not_begin_any_more(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, limits: dict[str, float]
) -> None:
    monkeypatch.setattr(transfers, "BACK_OFF", (31.0,))
    run, said = made(journal, **limits)
    began = time.monotonic()
    assert run.rsync("data", shell("exit 12"), THERE).code == 12
    assert time.monotonic() - began < 15
    assert said == []


# ── Limits ───────────────────────────────────────────────────────────────────────────────────


def test_law_13_an_item_has_one_limit_for_all_of_its_commands(journal: Journal) -> None:
    run, _ = made(journal, each=3.0)
    assert run.rsync("data", shell("sleep 1.5"), HERE).code == 0
    began = time.monotonic()
    with pytest.raises(ItemOutOfTime):
        run.rsync("data", shell("sleep 30"), HERE)
    assert time.monotonic() - began < 2.5
    assert run.rsync("more", shell("sleep 0.1"), HERE).code == 0, "others have their own"


def test_law_13_the_whole_run_has_a_limit_that_comes_before_an_items(journal: Journal) -> None:
    run, _ = made(journal, seconds=0.5, each=30.0)
    with pytest.raises(OutOfTime):
        run.rsync("data", shell("sleep 30"), HERE)
    with pytest.raises(OutOfTime):
        run.rsync("more", shell("exit 0"), HERE)


def test_no_limit_is_no_limit(journal: Journal) -> None:
    run, _ = made(journal)
    assert run.left == float("inf")
    assert run.rsync("data", shell("exit 0"), HERE).code == 0


# ── What is said ─────────────────────────────────────────────────────────────────────────────


def python(program: str) -> tuple[bytes, ...]:
    return (os.fsencode(sys.executable), b"-c", program.encode(), b"--info=stats2")


def test_what_was_changed_is_noted_and_not_kept(journal: Journal) -> None:
    journal.register([Consumer(leg="offsite", reads="disk", tree="disk")])
    journal.done("offsite", "disk", 10**9, full=True)
    lines = [
        r"\r        32768   0%    0.00kB/s    0:00:00  ",
        r"<f+++++++++ a/file\n",
        r"\r        32768   0%    0.00kB/s    0:00:00 (xfr#1, to-chk=1/2)",
        r"\n*deleting   a/new\\#012line\n",
        r"cd+++++++++ d/\nNumber of deleted files: 1\n",
        r"cd+++++++++ cut off",
    ]
    program = "import sys; w = sys.stdout.write\n" + "\n".join(
        f"w('{line}'); sys.stdout.flush()" for line in lines
    )
    run = Transfers(journal, lambda _: None, None, sink=Told())
    told = run.rsync("data", (*python(program), FORMAT), HERE)
    assert told.stdout == b"Number of deleted files: 1\n"
    rows = {one.path: one.deep for one in journal.read("offsite", "disk")}
    assert rows == {b"copies/a/file": False, b"copies/a/new\nline": False, b"copies/d": False}


def test_the_progress_of_very_many_files_is_not_kept(journal: Journal) -> None:
    """One line for each file: kept, it would push out what deletions are counted by."""
    program = (
        "import sys\n"
        "print('cannot delete non-empty directory: first')\n"
        "for n in range(10_000):\n"
        "    sys.stdout.write(''.join('\\r%15d  10%%   34.07MB/s    0:00:00 '\n"
        "        '(xfr#%d, to-chk=1/999999)' % (n, 50 * n + m) for m in range(50)))\n"
        "print('\\nNumber of deleted files: 7')\n"
    )
    sink = Told()
    run = Transfers(journal, lambda _: None, None, sink=sink)
    began = time.monotonic()
    told = run.rsync("data", python(program), HERE)
    assert time.monotonic() - began < 30
    assert told.whole
    assert told.stdout == (
        b"cannot delete non-empty directory: first\nNumber of deleted files: 7\n"
    )
    feed, newest = sink.newest[-1]
    assert (feed, newest.files) == ("data", 499_999)
    assert newest.files * 80 > 2 * STDOUT_MOST, "as much as would not have been kept"


def test_a_sink_makes_rsync_tell_its_progress(journal: Journal) -> None:
    run = Transfers(journal, lambda _: None, None, sink=Told())
    argv = (b"sh", b"-c", b'echo "$@"', b"sh", b"--info=stats2", b"--delete")
    assert run.rsync("data", argv, HERE).stdout == b"--info=stats2,progress2 --delete\n"
    silent, _ = made(journal)
    assert silent.rsync("data", argv, HERE).stdout == b"--info=stats2 --delete\n"
