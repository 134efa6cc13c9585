"""Generations of files: whole or not there, linked, never written again; pruned, and carried on."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.generations.names import Standing, moment_of, name_of
from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from engine.system.passes import generation_runs
from engine.system.state.state import open_state, stream_of
from engine.system.state.verifications import Verifications
from engine.verify.comparison import Difference
from engine.verify.verdict import Verified
from tests.integration.killing import Patch, before_step, die, killed
from tests.integration.lab import HOSTILE, Lab, at, only, tree, wrap_rsync, write

pytestmark = pytest.mark.tool("rsync")
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
  nas: {{path: /mnt/nas, media: nas, site: away}}
sources:
  data: {{kind: tree, path: /srv/data}}
legs:
  hist: {{kind: versions, to: "disk:/hist", schedule: "02:00", timeout: 5m, keep: {keep}{options}}}
  offsite: {{kind: mirror, from: disk, to: "nas:/lab", schedule: "04:00", timeout: 5m,
             full_every: 30d}}
routes:
  /srv/data: hist
  /srv/data/scratch: {{none: "scratch"}}
ignore:
  "*.tmp": "half of something"
"""
Inode = tuple[int, int, int, int, bytes]


def text(keep: str = "{last: 3}", options: str = "") -> str:
    return MANIFEST.format(host=socket.gethostname(), keep=keep, options=options)


class House(Lab):
    """A lab whose disk holds generations, and a second disk that they are carried to."""

    def __init__(self, root: Path, manifest: str | None = None) -> None:
        (root / "mnt/nas").mkdir(parents=True)
        super().__init__(root, manifest or text())
        write(self.source / "a/one", b"1" * 5000)
        write(self.source / "a/two", b"2" * 5000)
        os.link(self.source / "a/one", self.source / "a/linked")
        for name in HOSTILE:
            write(at(self.source, b"odd", name), b"odd")
        write(self.source / "scratch/big")
        write(self.source / "half.tmp")
        write(self.source / "changing", b"0")
        (self.disk / "hist").mkdir(parents=True)
        write(self.disk / "hist/precious/photo", b"nobody's copy")
        write(self.disk / "hist/2020-01-01T00-00-00Z/photo", b"nobody's copy either")
        self.number = 0

    @property
    def hist(self) -> Path:
        return self.disk / "hist"

    def killed(self, patch: Patch) -> None:
        """A run that a patch kills; it is a day later then."""
        killed(lambda: self.run("hist"), patch)
        self.now += timedelta(days=1)

    def change(self) -> None:
        self.number += 1
        write(self.source / "changing", b"%d" % self.number)

    def generations(self, below: str = "") -> list[str]:
        """Names of the leg's own, the oldest first."""
        place = self.root / (below or "mnt/disk/hist")
        names = sorted(one.name for one in place.iterdir() if moment_of(os.fsencode(one.name)))
        return [name for name in names if name != "2020-01-01T00-00-00Z"]

    def wanted(self) -> dict[bytes, tuple[str, bytes]]:
        """What a generation of now holds."""
        return {
            name: one
            for name, one in tree(self.source).items()
            if not name.startswith(b"scratch") and not name.endswith(b".tmp")
        }

    def strangers(self) -> dict[bytes, tuple[str, bytes]]:
        return {
            name: one
            for name, one in tree(self.hist).items()
            if name.startswith((b"precious", b"2020"))
        }


def inodes(root: Path) -> dict[bytes, Inode]:
    """Everything that a write would change, of everything below a directory."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        key = (status.st_ino, status.st_mode, status.st_mtime_ns, status.st_uid, content)
        found[os.fsencode(path.relative_to(root))] = key
    return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# ── What a run makes ─────────────────────────────────────────────────────────────────────────


def test_each_run_makes_a_generation_and_links_what_has_not_changed(house: House) -> None:
    for _ in range(3):
        house.change()
        report = house.run("hist")
        assert report.status is RunStatus.OK, report
        newest = house.hist / house.generations()[-1]
        assert tree(newest) == house.wanted()
    first, second, third = (house.hist / name for name in house.generations())
    assert first.joinpath("a/one").stat().st_ino == third.joinpath("a/one").stat().st_ino
    assert third.joinpath("a/one").stat().st_nlink == 6  # two names in each of three
    assert first.joinpath("changing").read_bytes() == b"1"
    assert second.joinpath("changing").read_bytes() == b"2"
    assert only(report).files == 1
    assert set(only(report).foreign) == {b"precious", b"2020-01-01T00-00-00Z"}
    assert not list(house.disk.rglob(".policyctl-s*"))


def test_a_generation_has_the_name_of_the_start_of_its_run(house: House) -> None:
    house.run("hist")
    assert house.generations() == [name_of(house.now).decode()]


def test_law_15_nothing_is_ever_written_into_a_complete_generation(house: House) -> None:
    """E10: a mode changed through a hard link rewrote all of history."""
    house.run("hist")
    first = house.hist / house.generations()[0]
    before = inodes(first)
    (house.source / "a/one").chmod(0o600)
    os.utime(house.source / "a/two", ns=(1, 1))
    house.change()
    house.run("hist")
    house.run("hist")
    assert inodes(first) == before
    newest = house.hist / house.generations()[-1]
    assert newest.joinpath("a/one").stat().st_mode & 0o777 == 0o600


def made(house: House) -> list[Path]:
    return [house.disk / "hist" / name for name in house.generations()]


def test_law_15_a_damaged_file_is_not_linked_to_for_ever(house: House) -> None:
    """Its size and time are right: without a look at the content each run would link it."""
    house.run("hist")
    (first,) = made(house)
    damaged = first / "a/two"
    times = damaged.stat()
    damaged.write_bytes(b"2" * 4999 + b"X")
    os.utime(damaged, ns=(times.st_atime_ns, times.st_mtime_ns))
    house.run("hist")
    second = made(house)[-1]
    assert (second / "a/two").stat().st_ino == damaged.stat().st_ino, "nobody has seen it yet"
    found = Verified(
        leg="hist",
        reads="data",
        began=house.now,
        ended=house.now,
        seed=None,
        compared=1,
        files=1,
        counts=((Difference.DAMAGED, 1),),
    )
    with open_state(house.places.state_file) as state:
        Verifications(state.connection).note(found)
    assert "by content: a comparison has found damage there" in house.explain("hist")
    house.run("hist")
    third = made(house)[-1]
    assert (third / "a/two").read_bytes() == b"2" * 5000
    assert (third / "a/one").stat().st_ino == (second / "a/one").stat().st_ino
    assert damaged.read_bytes().endswith(b"X"), "what is complete stays as it is"
    with open_state(house.places.state_file) as state:
        Verifications(state.connection).note(replace(found, began=house.now, counts=()))
    assert "by content" not in house.explain("hist")


def test_what_was_not_copied_whole_makes_no_generation(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.run("hist")
    complaint = 'rsync: [sender] send_files failed to open "/srv/data/a": Permission denied (13)'
    body = f"case $* in *--link-dest*) real \"$@\"; echo '{complaint}' >&2; exit 23;; esac"
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", body + '\nreal "$@"'))
        report = house.run("hist")
    assert report.status is RunStatus.DEGRADED
    assert "Permission denied" in report.reason
    assert len(house.generations()) == 1
    assert house.run("hist").status is RunStatus.OK
    assert not list(house.hist.glob(".policyctl*"))


def test_a_run_in_the_same_second_is_told_and_touches_nothing(house: House) -> None:
    house.run("hist")
    before = inodes(house.hist)
    house.now -= timedelta(days=1)
    report = house.run("hist")
    assert report.status is RunStatus.FAILED
    assert "nothing is overwritten" in report.reason
    after = inodes(house.hist)
    assert {name: one for name, one in after.items() if not name.startswith(b".policy")} == before
    assert house.run("hist").status is RunStatus.OK


def test_a_switched_off_attribute_is_not_kept(tmp_path: Path) -> None:
    house = House(tmp_path, text(options=", preserve: [times]"))
    house.run("hist")
    newest = house.hist / house.generations()[-1]
    assert newest.joinpath("a/one").stat().st_nlink == 1


# ── Retention ────────────────────────────────────────────────────────────────────────────────


def test_what_the_rules_let_go_is_removed_and_nothing_else(house: House) -> None:
    strangers = house.strangers()
    for _ in range(6):
        house.change()
        assert house.run("hist").status is RunStatus.OK
    kept = [name_of(house.now - timedelta(days=days)).decode() for days in (2, 1, 0)]
    assert house.generations() == kept
    assert house.strangers() == strangers
    house.now += timedelta(days=1)
    assert f"remove {kept[0]} (last: 3 are newer)" in house.explain("hist")


def test_law_16_nothing_goes_where_the_new_one_failed(house: House) -> None:
    for _ in range(3):
        house.run("hist")
    kept = house.generations()
    house.source.rename(house.source.with_name("away"))
    report = house.run("hist")
    assert report.status is RunStatus.REFUSED
    assert house.generations() == kept


def test_law_17_age_comes_from_names_and_not_from_times(house: House) -> None:
    for _ in range(3):
        house.run("hist")
    for name in house.generations():
        os.utime(house.hist / name, (1, 1))  # old, by their times
    house.run("hist")
    assert len(house.generations()) == 3
    assert house.generations()[-1] == name_of(house.now).decode()


def test_weekly_on_a_daily_leg_keeps_the_newest_of_each_week(tmp_path: Path) -> None:
    house = House(tmp_path, text("{weekly: 2}"))
    for _ in range(16):
        house.run("hist")
    weeks = [moment_of(name.encode()).isocalendar()[1] for name in house.generations()]  # type: ignore[union-attr]  # they are names of generations
    assert weeks == sorted(set(weeks))
    assert len(weeks) == 2


# ── Killed ───────────────────────────────────────────────────────────────────────────────────


def around(name: str, *, call: int, after: bool) -> Patch:
    """Die before or after the n-th call of a function that the runs of generations use."""

    def patch() -> None:
        real, count = getattr(generation_runs, name), 0

        def wrapped(*arguments: object) -> object:
            nonlocal count
            count += 1
            if count == call and not after:
                die()
            given = real(*arguments)
            if count == call:
                die()
            return given

        setattr(generation_runs, name, wrapped)

    return patch


STEPS = [(f"before step {number}", before_step(number)) for number in range(5)]
CALLS = [
    (f"{'after' if after else 'before'} {name} {call}", around(name, call=call, after=after))
    for name, call in (
        ("flush", 1),
        ("make_below", 1),
        ("rename_below", 1),
        ("rename_below", 2),
        ("remove_tree", 2),
        ("remove_tree", 3),
    )
    for after in (False, True)
]


@pytest.mark.parametrize(
    "patch", [one for _, one in STEPS + CALLS], ids=[n for n, _ in STEPS + CALLS]
)
def test_law_15_killed_at_any_step_the_next_run_completes(house: House, patch: Patch) -> None:
    strangers = house.strangers()
    for _ in range(3):
        house.change()
        house.run("hist")
    whole = {name: tree(house.hist / name) for name in house.generations()}
    house.change()
    house.killed(patch)
    for name in house.generations():
        if name in whole:
            assert tree(house.hist / name) == whole[name], "a generation was touched"
        else:
            assert tree(house.hist / name) == house.wanted(), "half of one has a name"
    house.change()
    report = house.run("hist")
    assert report.status is RunStatus.OK, report
    newest = house.hist / house.generations()[-1]
    assert tree(newest) == house.wanted()
    assert newest.joinpath("a/one").stat().st_nlink == 2 * len(house.generations())
    assert len(house.generations()) == 3
    assert [one.name for one in house.hist.glob(".policyctl*")] == []
    assert house.strangers() == strangers
    assert set(only(report).foreign) == {b"precious", b"2020-01-01T00-00-00Z"}


def test_what_a_cut_off_copy_had_brought_is_not_copied_again(house: House) -> None:
    write(house.source / "large", b"x" * 1_000_000)

    def patch() -> None:
        around("flush", call=1, after=False)()

    house.killed(patch)
    report = house.run("hist")
    assert report.status is RunStatus.OK
    assert only(report).bytes_sent == 0
    (name,) = house.generations()
    assert tree(house.hist / name) == house.wanted()


# ── Later hops ───────────────────────────────────────────────────────────────────────────────


def used(root: Path) -> int:
    """Bytes that a tree takes, each file once."""
    found = {one.lstat().st_ino: one.lstat().st_size for one in root.rglob("*") if one.is_file()}
    return sum(found.values())


def test_x4_a_later_hop_keeps_the_links_and_sends_no_second_copy(house: House) -> None:
    for day in range(6):
        house.change()
        house.run("hist")
        report = house.run("offsite")
        assert report.status is RunStatus.OK, report
        assert only(report).mode == ("incremental" if day else "full")
        assert only(report).files == 1 if day else True
        there = house.root / "mnt/nas/lab/hist"
        assert house.generations("mnt/nas/lab/hist") == house.generations()
        assert {name: tree(there / name) for name in house.generations()} == {
            name: tree(house.hist / name) for name in house.generations()
        }
        foreign = used(house.hist / "precious") + used(house.hist / "2020-01-01T00-00-00Z")
        assert used(there) == used(house.hist) - foreign
        assert not (there / "precious").exists()
    links = (there / house.generations()[-1] / "a/one").stat().st_nlink
    assert links == (house.hist / house.generations()[-1] / "a/one").stat().st_nlink == 6


def test_what_a_leg_has_pruned_does_not_count_as_lost_at_later_hops(tmp_path: Path) -> None:
    """Its retention was judged where it was applied; `max_delete` is about what nobody decided."""
    limited = text().replace("full_every: 30d}", "full_every: 30d, max_delete: 1}")
    house = House(tmp_path, limited)
    for _ in range(5):
        house.change()
        house.run("hist")
        report = house.run("offsite")
        assert report.status is RunStatus.OK, report
    assert only(report).deleted > 1
    assert house.generations("mnt/nas/lab/hist") == house.generations()
    with open_state(house.places.state_file) as state:
        leg = house.plan.leg("hist")
        assert leg is not None
        stream = stream_of(house.plan, leg, leg.feeds[0], state)
        assert state.owned(stream)


def test_what_is_not_complete_is_not_carried_on(house: House) -> None:
    house.run("hist")
    house.run("offsite")
    house.killed(around("flush", call=1, after=False))
    assert house.hist.joinpath(".policyctl-staging").is_dir()
    assert house.run("offsite").status is RunStatus.OK
    assert len(house.generations("mnt/nas/lab/hist")) == 1
    assert not list((house.root / "mnt/nas").rglob(".policyctl-staging*"))


# ── What is known of them ────────────────────────────────────────────────────────────────────


def test_what_is_known_follows_what_is_there(house: House) -> None:
    for _ in range(5):
        house.run("hist")
    leg = house.plan.leg("hist")
    assert leg is not None
    with open_state(house.places.state_file) as state:
        stream = stream_of(house.plan, leg, leg.feeds[0], state)
        names = [name.encode() for name in house.generations()]
        found = state.generations.among(stream, names)
        assert [name_of(one.moment) for one in found] == names
        assert state.owned(stream) == set(names)


def test_a_generation_from_the_future_lets_nothing_go(house: House) -> None:
    """The clock was ahead once: what it made counts for nothing until its time has come."""
    right = house.now
    house.now = datetime(2030, 1, 1, tzinfo=right.tzinfo)
    house.run("hist")
    ahead = house.generations()
    house.now = right
    for _ in range(5):
        assert house.run("hist").status is RunStatus.OK
    assert house.generations()[-1:] == ahead
    assert len(house.generations()) == 4


# ── What is lost while it is read ────────────────────────────────────────────────────────────


EMPTY = 'for one in {source}/*; do mv "$one" "{away}/"; done\n'


@pytest.fixture
def large(tmp_path: Path) -> House:
    """One of many files, whose disk keeps two generations of all of them."""
    house = House(tmp_path / "root", text(keep="{last: 2}"))
    for number in range(200):
        write(house.source / f"many/{number}", b"x" * 20_000)
    for _ in range(2):
        house.change()
        assert house.run("hist").status is RunStatus.OK
    (tmp_path / "away").mkdir()
    return house


def amid(house: House, monkeypatch: pytest.MonkeyPatch, harm: str, *, after: bool = False) -> None:
    """Harm the source once a run has looked at it; `after`: once it is copied, too."""
    copying = f'case "$*" in *policyctl-staging*) {harm}'
    body = f'{copying} ;; esac\nexec {shutil.which("rsync")} "$@"'
    if after:
        body = f'case "$*" in *policyctl-staging*) real "$@"; {harm} exit 24 ;; esac\nreal "$@"'
    path = wrap_rsync(house.root.parent / "bin", body)
    monkeypatch.setenv("PATH", path)


def test_law_11_a_source_that_is_emptied_under_a_run_is_no_generation(
    large: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was there when it was looked at, and is much as an unmounted one by then."""
    before = large.generations()
    harm = EMPTY.format(source=large.source, away=tmp_path / "away")
    amid(large, monkeypatch, harm)
    report = large.run("hist")
    assert report.status is RunStatus.GUARD, report
    assert "nothing came of it" in report.reason
    assert large.generations() == before


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("rm -r {source}/many;", "at the last success: nothing older goes"),
        ("for one in {source}/many/*; do : >$one; done;", "B at the last success: nothing older"),
    ],
    ids=["gone", "cut to nothing"],
)
def test_law_16_what_shrinks_under_a_run_lets_nothing_go(
    large: House, monkeypatch: pytest.MonkeyPatch, harm: str, said: str
) -> None:
    before = large.generations()
    with monkeypatch.context() as patched:
        amid(large, patched, harm.format(source=large.source))
        report = large.run("hist")
    assert report.status is RunStatus.DEGRADED, report
    assert said in report.reason, report.reason
    assert large.generations()[:2] == before
    large.change()
    again = large.run("hist")
    assert not again.status.succeeded, "the measure is the last one that was whole"
    assert large.generations()[:2] == before
    allowed = large.run("hist", Waiver.SMALLER_SOURCE)
    assert allowed.status is RunStatus.OK, allowed
    assert before[0] not in large.generations()


def test_law_16_what_vanishes_while_it_is_sent_is_not_counted_as_come(
    large: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rsync has counted it, and ends with 24, which is no failure by itself."""
    before = large.generations()
    staging = large.hist / ".policyctl-staging"
    amid(large, monkeypatch, f"rm -r {staging}/many;", after=True)
    report = large.run("hist")
    assert report.status is RunStatus.DEGRADED, report
    assert "entries came, and there were" in report.reason
    assert large.generations()[:2] == before


def test_a_run_of_the_same_second_forgets_nothing_of_the_one_before(house: House) -> None:
    assert house.run("hist").status is RunStatus.OK
    (made,) = house.generations()
    house.now -= timedelta(days=1)
    house.change()
    assert house.run("hist").status is RunStatus.FAILED
    assert house.generations() == [made]
    leg = house.plan.leg("hist")
    assert leg is not None
    with open_state(house.places.state_file) as state:
        stream = stream_of(house.plan, leg, leg.feeds[0], state)
        (known,) = state.generations.among(stream, [made.encode()])
    assert known.standing is Standing.VERIFIED
