"""What makes what the journal holds not enough, without any fault of the journal's."""

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.plan.readers import readers_of
from engine.records.reports import RunStatus
from engine.steps.modes import Forced
from engine.system.apply.destinations import record_destinations
from engine.system.journal.journal import open_journal
from engine.system.passes import execute
from engine.system.state.renames import follow_renames
from engine.system.state.state import open_state
from tests.integration.lab import Lab, only, tree, wrap_rsync, write
from tests.integration.tracking import TrackedLab, Trackers, tracked
from tests.property.test_incremental_equals_full import with_second_hop

pytestmark = pytest.mark.tool("rsync")


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    found = Trackers()
    yield found
    found.close()


def test_a_replaced_disk_is_looked_at_whole_by_who_reads_it(
    tmp_path: Path, trackers: Trackers
) -> None:
    lab = TrackedLab(tmp_path, with_second_hop(tracked()), trackers=trackers)
    (lab.root / "mnt/nas").mkdir()
    lab.apply()
    write(lab.source / "s", b"1")
    write(lab.source / "gone/f")
    with lab.tracking():
        lab.full()
        lab.full("offsite")
        lab.disk.rename(lab.root / "mnt/old")
        lab.disk.mkdir()
        write(lab.source / "s", b"changed")
        shutil.rmtree(lab.source / "gone")
        shutil.copytree(lab.source, lab.disk, dirs_exist_ok=True)
        replaced = frozenset({"disk"})
        record_destinations(lab.plan, lab.places, now=lab.now, replace=replaced)
        lab.run()
        report = only(lab.run("offsite"))
    assert (report.mode, "replaced" in report.why) == ("full", True)
    assert tree(lab.root / "mnt/nas/copies") == lab.copies()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ', chmod: "F600"'),
        (", preserve: [times]", ", preserve: [times, perms, owner, hardlinks]"),
    ],
)
def test_other_attributes_are_set_on_every_copy(
    tmp_path: Path, trackers: Trackers, before: str, after: str
) -> None:
    lab = TrackedLab(tmp_path, tracked(before), trackers=trackers)
    write(lab.source / "s")
    (lab.source / "s").chmod(0o640)
    with lab.tracking():
        lab.full()
        lab.text = tracked(after)
        lab.apply()
        assert only(lab.run()).mode == "full"
        lab.incremental()
    mode = (lab.disk / "s").stat().st_mode & 0o777
    assert mode == (0o600 if "chmod" in after else 0o640)


def test_law_12_a_clock_that_was_ahead_once_puts_no_full_pass_off(
    tmp_path: Path, trackers: Trackers
) -> None:
    lab = TrackedLab(tmp_path, tracked(), trackers=trackers)
    write(lab.source / "s")
    with lab.tracking():
        now = lab.now
        lab.now += timedelta(days=3000)
        lab.full()
        lab.now = now
        report = only(lab.run())
        assert (report.mode, "yet to come" in report.why) == ("full", True)
        lab.incremental()


def test_law_05_rows_stay_where_the_disk_does_not_take_what_was_written(
    tmp_path: Path, trackers: Trackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = TrackedLab(tmp_path, tracked(), trackers=trackers)
    write(lab.source / "s", b"1")
    with lab.tracking():
        lab.full()
        write(lab.source / "s", b"22")

        def fails(path: bytes) -> None:
            raise OSError(5, "Input/output error", os.fsdecode(path))

        monkeypatch.setattr(execute, "flush", fails)
        report = lab.run()
        assert report.status is RunStatus.FAILED
        assert "flushed" in report.reason
        assert lab.waiting() == {b"s"}
        monkeypatch.undo()
        lab.incremental()
    assert lab.copies() == tree(lab.source)


@pytest.mark.parametrize("code", [25, 24])
def test_law_05_more_deletions_than_were_counted_are_not_forgotten(
    tmp_path: Path, trackers: Trackers, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Also where rsync ends with 24, since a file has vanished as well."""
    lab = TrackedLab(tmp_path / "lab", tracked(), trackers=trackers)
    for name in ("a", "b", "c", "kept"):
        write(lab.source / name)
    with lab.tracking():
        lab.full()
        (lab.source / "c").unlink()
        gone = f"rm -f '{lab.source}/a' '{lab.source}/b'"
        body = f'case "$*" in *--delete-after*) {gone};; esac\nreal "$@"; told=$?\n'
        body += f"if [ $told = 25 ]; then exit {code}; fi; exit $told"
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        report = only(lab.forced(Forced.FULL))
        assert "more became due" in report.reason
        monkeypatch.undo()
        report = only(lab.run())
        assert (report.mode, "more was due" in report.why) == ("full", True)
    assert lab.copies() == tree(lab.source)


def test_what_an_unfinished_run_left_beside_a_name_that_is_gone_goes_too(
    tmp_path: Path, trackers: Trackers
) -> None:
    lab = TrackedLab(tmp_path, tracked(), trackers=trackers)
    write(lab.source / "a/f")
    write(lab.source / "a/g")
    with lab.tracking():
        lab.full()
        write(lab.disk / "a/.policyctl-partial/f", b"half")
        (lab.source / "a/f").unlink()
        lab.incremental()
    assert tree(lab.disk / "a") == tree(lab.source / "a")


def test_a_run_of_both_kinds_of_passes_is_called_mixed(tmp_path: Path, trackers: Trackers) -> None:
    text = (
        tracked()
        .replace('to: "disk:/"', 'to: "disk:/{source}"')
        .replace("\nlegs:", "\n  more: {kind: tree, path: /srv/more}\nlegs:")
        + "  /srv/more: nightly\n"
    )
    lab = TrackedLab(tmp_path, text, trackers=trackers)
    write(lab.source / "file")
    write(tmp_path / "srv/more/file")
    with lab.tracking():
        for mode in ("full", "mixed"):
            assert lab.run().status is RunStatus.OK
            with open_state(lab.places.state_file) as state:
                record = state.last_run("nightly")
            assert record is not None
            assert record.mode == mode


def test_an_apply_that_takes_the_reader_away_ends_no_run(
    tmp_path: Path, trackers: Trackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the leg is renamed while it runs: it comes to its end, and the next looks at all."""
    lab = TrackedLab(tmp_path / "lab", tracked(), trackers=trackers)
    write(lab.source / "file")
    with lab.tracking():
        lab.full()
        write(lab.source / "file", b"changed")
        program = (
            "import sys\nfrom pathlib import Path\n"
            "from engine.system.journal.journal import open_journal\n"
            "with open_journal(Path(sys.argv[1])) as journal: journal.keep_only(())\n"
        )
        apply = f"'{sys.executable}' -c '{program}' '{lab.places.journal_file}'"
        body = f'case "$*" in */send-data/files/*) {apply};; esac\nreal "$@"'
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        report = lab.run()
        assert (report.status, only(report).mode) == (RunStatus.OK, "incremental")
        monkeypatch.undo()
        assert only(lab.run()).mode == "full"
    assert lab.copies() == tree(lab.source)


def test_a_leg_that_ran_before_its_history_followed_looks_at_everything(tmp_path: Path) -> None:
    lab = Lab(tmp_path, tracked())
    write(lab.source / "file")
    assert lab.run().status is RunStatus.OK
    before = readers_of(lab.plan)
    for options in ("", ", was: nightly"):
        text = tracked(options).replace("  nightly:", "  nights:")
        lab.text = text.replace(": nightly\n", ": nights\n")
        lab.apply()
        if not options:
            assert lab.run("nights").status is RunStatus.OK
    follow_renames(lab.plan, lab.places)
    with open_journal(lab.places.journal_file) as journal:
        journal.register(before)
        journal.done("nights", "data", journal.seen("nights", "data").upto, full=True)
    follow_renames(lab.plan, lab.places)
    with open_journal(lab.places.journal_file) as journal:
        gaps = journal.seen("nights", "data").gaps
    assert any("before its history" in one.reason for one in gaps), gaps


@pytest.mark.parametrize("name", ["journal.db", "state.db"])
def test_an_older_journal_or_state_that_was_put_back_is_a_gap(
    tmp_path: Path, trackers: Trackers, name: str
) -> None:
    lab = TrackedLab(tmp_path, with_second_hop(tracked()), trackers=trackers)
    (lab.root / "mnt/nas").mkdir()
    lab.apply()
    write(lab.source / "s", b"1")
    kept = tmp_path / "kept"
    database = lab.places.state_dir / name
    with lab.tracking():
        lab.full()
        lab.full("offsite")
    shutil.copyfile(database, kept)
    with lab.tracking():
        write(lab.source / "s", b"changed")
        lab.run()
    shutil.copyfile(kept, database)
    report = only(lab.run("offsite"))
    assert (report.mode, "was put back" in report.why) == ("full", True)
    assert (lab.root / "mnt/nas/copies/s").read_bytes() == b"changed"
    assert only(lab.run("offsite")).mode == "incremental"
