"""A `sqlite` leg on a tree: every database whole in each generation, or nothing older goes."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from engine.generations.names import Standing, moment_of
from engine.records.reports import FeedReport, RunReport, RunStatus
from engine.runs.observation import Waiver
from engine.system.host import relocate
from engine.system.passes import generation_runs
from engine.system.state.state import open_state, stream_of
from tests.databases import beside, flip, in_use, locked, make, make_cut, make_in_log, rows
from tests.integration.killing import Patch, before_step, die, killed
from tests.integration.lab import Lab, only, tree, write

MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
  data: {{kind: tree, path: /srv/data}}
legs:
  bases: {{kind: sqlite, from: data, to: "disk:/bases", schedule: "02:00", keep: {{last: 2}},
           timeout: {{each: {each}, all: 5m}}}}
ignore:
  "*.cache": "made anew"
  "/scratch/": "made anew"
"""


def text(each: str = "1m") -> str:
    return MANIFEST.format(host=socket.gethostname(), each=each)


class House(Lab):
    """A lab with a few databases."""

    def __init__(self, root: Path, manifest: str | None = None) -> None:
        super().__init__(root, manifest or text())
        make(self.source / "plain.db")
        make(self.source / "app/deep.sqlite3")
        write(self.source / "app/note.txt", "no database")

    @property
    def bases(self) -> Path:
        return self.disk / "bases"

    def generations(self) -> list[str]:
        if not self.bases.exists():
            return []
        return sorted(one.name for one in self.bases.iterdir() if moment_of(os.fsencode(one.name)))

    @property
    def newest(self) -> Path:
        return self.bases / self.generations()[-1]

    def known(self) -> list[Standing]:
        """What is known of each generation, the oldest first."""
        leg = self.plan.leg("bases")
        assert leg is not None
        with open_state(self.places.state_file) as state:
            stream = stream_of(self.plan, leg, leg.feeds[0], state)
            names = [os.fsencode(name) for name in self.generations()]
            return [one.standing for one in state.generations.among(stream, names)]

    def copy(self) -> tuple[RunReport, FeedReport]:
        report = self.run("bases")
        return report, only(report)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# ── What a run makes ─────────────────────────────────────────────────────────────────────────


def test_a_generation_holds_each_database_and_nothing_else(house: House) -> None:
    report, feed = house.copy()
    assert report.status is RunStatus.OK, report
    files = {name for name, (kind, _) in tree(house.newest).items() if kind == "file"}
    assert files == {b"plain.db", b"app/deep.sqlite3"}
    assert rows(house.newest / "plain.db") == [(1,), (2,), (3,)]
    assert (feed.entries, feed.files) == (2, 2)
    assert feed.size == sum(one.stat().st_size for one in house.newest.rglob("*.[ds][bq]*"))
    assert feed.data_as_of == house.now
    assert house.known() == [Standing.VERIFIED]
    assert [one.name for one in house.bases.glob(".policyctl*")] == []


def test_what_is_only_in_a_write_ahead_log_comes_along(house: House) -> None:
    make_in_log(house.source / "log.db", transactions=3)
    report, _ = house.copy()
    assert report.status is RunStatus.OK, report
    assert len(rows(house.newest / "log.db")) == 300


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_database_that_is_written_all_the_time_is_one_of_its_states(
    house: House, mode: str
) -> None:
    with in_use(house.source / "live.db", mode):
        report, _ = house.copy()
    assert report.status is RunStatus.OK, report
    sides = [row[0] for row in rows(house.newest / "live.db")]
    assert sides
    assert sides.count(1) == sides.count(2)


def test_law_15_generations_share_what_is_equal_and_nothing_else(house: House) -> None:
    log = make_in_log(house.source / "log.db", transactions=1)
    report, feed = house.copy()
    whole, size = tree(house.newest), feed.size
    make(house.source / "plain.db", "UPDATE t SET id = id + 1")
    report, feed = house.copy()
    assert report.status is RunStatus.OK, report
    first, second = (house.bases / name for name in house.generations())
    assert tree(first) == whole
    assert not (first / "plain.db").samefile(second / "plain.db")
    for name in ("log.db", "app/deep.sqlite3"):
        assert (first / name).samefile(second / name)
    assert rows(second / "plain.db") == [(2,), (3,), (4,)]
    fresh = (second / "plain.db").stat().st_size
    assert (feed.entries, feed.files, feed.bytes_sent, feed.size) == (3, 1, fresh, size)
    # What is pruned takes its name along, and no more than that.
    house.copy()
    assert not first.exists()
    assert len(rows(house.newest / "log.db")) == len(rows(second / "log.db")) == 100
    assert log.exists()


def test_law_15_a_generation_that_was_damaged_is_not_linked_to(house: House) -> None:
    house.copy()
    former = house.newest / "plain.db"
    status = former.stat()
    flip(former, status.st_size - 1)
    os.utime(former, ns=(status.st_atime_ns, status.st_mtime_ns))
    report, feed = house.copy()
    assert (report.status, feed.files) == (RunStatus.OK, 1), report
    assert (house.newest / "plain.db").stat().st_nlink == former.stat().st_nlink == 1
    assert rows(house.newest / "plain.db") == [(1,), (2,), (3,)]


def test_what_bears_a_generations_name_by_chance_is_not_linked_to(house: House) -> None:
    house.copy()
    made = house.newest
    made.rename(house.bases / "2026-11-01T00-00-00Z")
    report, feed = house.copy()
    assert (report.status, feed.files) == (RunStatus.OK, 2), report
    assert feed.foreign == (b"2026-11-01T00-00-00Z",)


# ── Those that cannot be copied ──────────────────────────────────────────────────────────────


def damage(path: Path) -> None:
    """Make a database whose b-tree is broken."""
    make(path, "CREATE TABLE t (a)", "CREATE INDEX i ON t (a)", "INSERT INTO t VALUES (7), (8)")
    flip(path, 4096 + 3)


def test_law_16_what_is_not_whole_lets_nothing_older_go(house: House) -> None:
    """The older generations may have the last good copy of what is damaged."""
    for _ in range(3):
        house.copy()
    kept = house.generations()
    assert len(kept) == 2
    damage(house.source / "app/bad.db")
    for number in range(1, 4):
        report, feed = house.copy()
        assert report.status is RunStatus.DEGRADED
        assert "1 of 3 databases could not be copied: app/bad.db: " in feed.reason
        assert house.generations()[:2] == kept
        assert len(house.generations()) == 2 + number
        assert sorted(one.name for one in house.newest.rglob("*.*")) == ["deep.sqlite3", "plain.db"]
    assert house.known() == [Standing.VERIFIED] * 2 + [Standing.COMPLETE] * 3
    assert house.last_success("bases") is not None
    (house.source / "app/bad.db").unlink()
    while len(house.generations()) > 2:
        before = len(house.generations())
        report, _ = house.copy()
        assert report.status is RunStatus.OK, report
        assert before + 1 - len(house.generations()) <= (before + 1) // 2
    assert house.known() == [Standing.VERIFIED] * 2


def test_where_none_is_good_there_is_no_generation(house: House) -> None:
    house.copy()
    kept = house.generations()
    (house.source / "plain.db").unlink()
    (house.source / "app/deep.sqlite3").unlink()
    damage(house.source / "bad.db")
    report, feed = house.copy()
    assert report.status is RunStatus.DEGRADED
    assert "1 of 1 databases" in feed.reason
    assert house.generations() == kept


def test_law_18_databases_that_vanish_let_nothing_older_go(house: House) -> None:
    house.copy()
    kept = house.generations()
    (house.source / "plain.db").unlink()
    (house.source / "app/deep.sqlite3").unlink()
    report, feed = house.copy()
    assert report.status is RunStatus.DEGRADED
    assert "0 databases were found, and 2 at the last success" in feed.reason
    assert house.generations()[:1] == kept


def test_law_18_databases_that_stay_away_never_rotate_the_last_good_ones_out(
    house: House,
) -> None:
    """Fourteen daily dumps of an empty database rotated the last good one out."""
    house.copy()
    kept = house.generations()
    (house.source / "plain.db").unlink()
    (house.source / "app/deep.sqlite3").unlink()
    for _ in range(4):
        report, feed = house.copy()
        assert report.status is RunStatus.DEGRADED
        assert "0 databases were found, and 2 at the last success" in feed.reason
        assert house.generations()[:1] == kept
    report = house.run("bases", Waiver.SMALLER_SOURCE)
    assert (report.status, only(report).reason) == (RunStatus.NOTED, "no database was found")
    report, _ = house.copy()
    assert report.status is RunStatus.NOTED


def test_a_tree_without_databases_is_told(house: House) -> None:
    (house.source / "plain.db").unlink()
    (house.source / "app/deep.sqlite3").unlink()
    report, feed = house.copy()
    assert (report.status, feed.reason) == (RunStatus.NOTED, "no database was found")


def test_what_is_ignored_is_not_missed(house: House) -> None:
    damage(house.source / "thumbs.cache")
    damage(house.source / "scratch/old.db")
    report, feed = house.copy()
    assert (report.status, feed.entries) == (RunStatus.OK, 2), report


def test_one_that_hangs_takes_no_more_than_its_own_time(tmp_path: Path) -> None:
    house = House(tmp_path, text(each="2s"))
    busy = make(house.source / "busy.db")
    with locked(busy):
        began = time.monotonic()
        report, feed = house.copy()
        assert time.monotonic() - began < 30
    assert report.status is RunStatus.DEGRADED
    assert "busy.db" in feed.reason
    assert feed.files == 2


def test_law_41_a_cut_transaction_in_a_tree_in_use_is_left_to_its_application(
    house: House,
) -> None:
    """To roll it back is to write into live data."""
    cut = make_cut(house.source / "cut.db")
    before = cut.read_bytes(), beside(cut, "-journal").read_bytes()
    report, feed = house.copy()
    assert report.status is RunStatus.DEGRADED
    assert "cut.db" in feed.reason
    assert (cut.read_bytes(), beside(cut, "-journal").read_bytes()) == before


# ── Killed ───────────────────────────────────────────────────────────────────────────────────


def around_naming(*, after: bool) -> Patch:
    """Die just before the new generation has its name, or just after."""

    def patch() -> None:
        real = relocate.rename_below

        def rename(*arguments: object) -> None:
            if not after:
                die()
            real(*arguments)  # type: ignore[arg-type]  # passed on as they came
            die()

        setattr(generation_runs, relocate.rename_below.__name__, rename)  # in this process alone

    return patch


PATCHES = {
    **{f"before step {number}": before_step(number) for number in range(4)},
    "before naming": around_naming(after=False),
    "after naming": around_naming(after=True),
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_law_15_killed_at_any_step_the_next_run_completes(house: House, patch: Patch) -> None:
    house.copy()
    house.copy()
    whole = {name: tree(house.bases / name) for name in house.generations()}
    killed(lambda: house.run("bases"), patch)
    house.now = house.now.replace(day=house.now.day + 1)
    for name in house.generations():
        assert tree(house.bases / name) == whole.get(name, tree(house.bases / name))
        assert rows(house.bases / name / "plain.db") == [(1,), (2,), (3,)]
    make(house.source / "new.db")
    report, feed = house.copy()
    assert report.status is RunStatus.OK, report
    assert feed.entries == 3
    assert len(house.generations()) == 2
    assert rows(house.newest / "new.db") == [(1,), (2,), (3,)]
    assert [one.name for one in house.bases.glob(".policyctl*")] == []


def test_a_run_that_is_killed_while_it_copies_leaves_nothing_that_counts(house: House) -> None:
    """The run alone is killed: what copies for it must not go on to write into the next one's."""
    house.copy()
    kept = house.generations()
    waits = make(house.source / "waits.db")
    with locked(waits):
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            house.run("bases")
            os._exit(0)
        staging = house.bases / ".policyctl-staging"
        until = time.monotonic() + 30
        while not (staging / "plain.db").exists() and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        house.now = house.now.replace(day=house.now.day + 1)
        assert house.generations() == kept
    report, feed = house.copy()
    assert report.status is RunStatus.OK, report
    assert feed.entries == 3
    with closing(sqlite3.connect(waits)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)


# ── The next hop ─────────────────────────────────────────────────────────────────────────────


def test_what_lies_beside_the_generations_is_foreign_and_stays(house: House) -> None:
    write(house.bases / "2020-01-01T00-00-00Z/kept.db", b"nobody's")
    write(house.bases / "photo", b"nobody's")
    for _ in range(4):
        report, feed = house.copy()
        assert report.status is RunStatus.OK, report
    assert set(feed.foreign) == {b"2020-01-01T00-00-00Z", b"photo"}
    assert (house.bases / "2020-01-01T00-00-00Z/kept.db").read_bytes() == b"nobody's"
