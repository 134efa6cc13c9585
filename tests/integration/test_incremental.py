"""Incremental passes with the real rsync and the real tracker: what changed, and nothing else."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from engine.system.host.descent import remove_tree
from engine.system.journal.journal import open_journal
from engine.system.state.state import open_state, stream_of
from tests.integration.facts import differences, facts
from tests.integration.lab import HOSTILE, at, only, tree, wrap_rsync, write
from tests.integration.tracking import TrackedLab, Trackers, tracked

pytestmark = pytest.mark.tool("rsync")

TO_THE_REST = """\
  /srv/data/not: {none: not wanted}
"""
WITH_IMAGES = tracked().replace(
    "routes:\n",
    '  images: {kind: mirror, to: "disk:/films/images", schedule: "03:00", timeout: 5m}\nroutes:\n'
    "  /srv/data/other: images\n",
)


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    started = Trackers()
    yield started
    started.close()


@pytest.fixture
def new_lab(tmp_path: Path, trackers: Trackers) -> Callable[[str], TrackedLab]:
    return lambda text: TrackedLab(tmp_path / "lab", text, trackers=trackers)


@pytest.fixture
def lab(new_lab: Callable[[str], TrackedLab]) -> TrackedLab:
    return new_lab(tracked())


def assert_equal(lab: TrackedLab) -> None:
    """The copies are as the source, nothing waits, and a full pass has nothing to do."""
    assert differences(facts(lab.disk), facts(lab.source)) == {}
    assert lab.disk.stat().st_mtime_ns == lab.source.stat().st_mtime_ns
    assert lab.waiting() == set()
    full = lab.full()
    assert (full.files, full.deletions_wanted) == (0, 0)


# ── What happens to trees ────────────────────────────────────────────────────────────────────


def fill(source: Path) -> None:
    write(source / "a/file", b"content")
    write(source / "a/inner/deep", b"deeper")
    write(source / "a/inner/other")
    write(source / "b/one")
    (source / "b/two").hardlink_to(source / "b/one")
    (source / "c").mkdir()
    (source / "c/three").hardlink_to(source / "b/one")
    (source / "link").symlink_to("a/file")
    write(source / "stays")


def a_file_appears(source: Path) -> None:
    write(source / "new/directory/file")


def a_file_grows(source: Path) -> None:
    with (source / "a/inner/deep").open("ab") as file:
        file.write(b"more")


def a_file_moves(source: Path) -> None:
    (source / "a/file").rename(source / "c/moved")


def a_file_goes(source: Path) -> None:
    (source / "a/inner/deep").unlink()


def a_directory_goes(source: Path) -> None:
    shutil.rmtree(source / "a")


def a_directory_moves_whole(source: Path) -> None:
    (source / "a").rename(source / "c/elsewhere")


def a_directory_moves_over_an_empty_one(source: Path) -> None:
    (source / "c/three").unlink()
    (source / "a/inner").rename(source / "c")


def a_directory_is_replaced_by_another(source: Path) -> None:
    write(source / "fresh/deep", b"not the one before")
    shutil.rmtree(source / "a/inner")
    (source / "fresh").rename(source / "a/inner")


def directories_swap(source: Path) -> None:
    (source / "a").rename(source / "t")
    (source / "b").rename(source / "a")
    (source / "t").rename(source / "b")


def a_directory_moves_into_its_own_child_s_place(source: Path) -> None:
    (source / "a/inner").rename(source / "up")
    (source / "a").rename(source / "up/a")


def a_file_becomes_a_directory(source: Path) -> None:
    (source / "a/file").unlink()
    write(source / "a/file/now/inside")


def a_directory_becomes_a_file(source: Path) -> None:
    shutil.rmtree(source / "a/inner")
    write(source / "a/inner", b"a file now")


def a_directory_becomes_a_symlink(source: Path) -> None:
    (source / "a").rename(source / "real")
    (source / "a").symlink_to("real")


def a_symlink_becomes_a_file(source: Path) -> None:
    (source / "link").unlink()
    write(source / "link", b"a file now")


def a_symlink_points_elsewhere(source: Path) -> None:
    (source / "link").unlink()
    (source / "link").symlink_to("stays")


def a_directory_becomes_a_linked_file(source: Path) -> None:
    shutil.rmtree(source / "a/inner")
    (source / "a/inner").hardlink_to(source / "b/one")


def a_link_is_made(source: Path) -> None:
    (source / "a/again").hardlink_to(source / "a/file")


def a_link_is_split(source: Path) -> None:
    (source / "b/two").unlink()
    write(source / "b/two", b"of its own now")


def a_link_is_written_by_one_name(source: Path) -> None:
    with (source / "c/three").open("ab") as file:
        file.write(b" and more")


def a_link_goes(source: Path) -> None:
    (source / "b/two").unlink()


def a_linked_file_moves_with_its_directory(source: Path) -> None:
    (source / "b").rename(source / "c/b")


def an_empty_directory_appears(source: Path) -> None:
    (source / "a/empty/inside").mkdir(parents=True)


def a_directory_is_emptied(source: Path) -> None:
    shutil.rmtree(source / "a/inner")
    (source / "a/inner").mkdir()


def modes_change(source: Path) -> None:
    (source / "a/file").chmod(0o4750)
    (source / "a/inner").chmod(0o2711)
    (source / "b/one").chmod(0o600)


def times_change(source: Path) -> None:
    for path in (source / "a/file", source / "a/inner", source / "link", source / "b/two"):
        os.utime(path, ns=(10**18, 10**18 + 1), follow_symlinks=False)


def names_of_one_beginning(source: Path) -> None:
    """`a.b` sorts between `a` and `a/b`."""
    shutil.rmtree(source / "a/inner")
    write(source / "a.b")
    write(source / "a-b/c")
    write(source / "a/inner")


def the_root_is_closed(source: Path) -> None:
    """Nothing else changes."""
    source.chmod(0o700)
    os.utime(source, ns=(10**18, 10**18 + 1))


CHANGES = (
    *(a_file_appears, a_file_grows, a_file_moves, a_file_goes, a_directory_goes),
    *(a_directory_moves_whole, a_directory_moves_over_an_empty_one, directories_swap),
    *(a_directory_is_replaced_by_another, a_directory_moves_into_its_own_child_s_place),
    *(a_file_becomes_a_directory, a_directory_becomes_a_file, a_directory_becomes_a_symlink),
    *(a_symlink_becomes_a_file, a_symlink_points_elsewhere, a_directory_becomes_a_linked_file),
    *(a_link_is_made, a_link_is_split, a_link_is_written_by_one_name, a_link_goes),
    *(a_linked_file_moves_with_its_directory, an_empty_directory_appears, a_directory_is_emptied),
    *(modes_change, times_change, names_of_one_beginning, the_root_is_closed),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_an_incremental_pass_makes_the_trees_equal(
    lab: TrackedLab, change: Callable[[Path], None]
) -> None:
    fill(lab.source)
    with lab.tracking():
        lab.full()
        change(lab.source)
        lab.incremental()
        assert_equal(lab)
        assert lab.disk.stat().st_mode == lab.source.stat().st_mode


def test_only_what_changed_is_sent(lab: TrackedLab) -> None:
    fill(lab.source)
    with lab.tracking():
        lab.full()
        write(lab.disk / "a/inner/deep", b"spoilt by hand")
        write(lab.source / "a/file", b"newer")
        report = lab.incremental()
    assert (report.files, report.bytes_sent, report.why) == (1, 5, "1 change in the journal")
    assert (lab.disk / "a/inner/deep").read_bytes() == b"spoilt by hand"


def test_the_size_of_a_copy_is_that_of_its_last_full_pass(lab: TrackedLab) -> None:
    def known() -> int | None:
        with open_state(lab.places.state_file) as state:
            (leg,) = lab.plan.legs
            seen = state.last_seen(stream_of(lab.plan, leg, leg.feeds[0], state))
        return seen.size if seen is not None else None

    write(lab.source / "a", b"1" * 100)
    write(lab.source / "b", b"2" * 50)
    with lab.tracking():
        assert lab.full().size == 150
        assert known() == 150
        write(lab.source / "b", b"3" * 1000)
        assert lab.incremental().size is None
        assert known() == 150, "it looked at what changed only"
        assert lab.full().size == 1100
        assert known() == 1100


def test_law_34_names_are_bytes(lab: TrackedLab) -> None:
    for number in range(60):  # else the source is much smaller in the end
        write(lab.source / f"stays/{number}")
    with lab.tracking():
        lab.full()
        for name in HOSTILE:
            write(at(lab.source, name))
            write(at(lab.source, b"d" + name[:254], name, name))
        lab.incremental()
        assert_equal(lab)
        for name in HOSTILE:
            at(lab.source, name).unlink()
            at(lab.source, b"d" + name[:254], name, name).unlink()
            write(at(lab.source, b"d" + name[:254], name, name + b"2" if len(name) < 255 else b"2"))
        lab.incremental()
        assert_equal(lab)
        for name in HOSTILE:
            shutil.rmtree(at(lab.source, b"d" + name[:254]))
        lab.incremental()
        assert_equal(lab)


@pytest.fixture
def deep_lab(lab: TrackedLab) -> Iterator[TrackedLab]:
    """A lab that goes with the test: what is in it is too deep for pytest to remove."""
    yield lab
    for root in (lab.source, lab.disk):
        remove_tree(os.fsencode(root))


@pytest.mark.parametrize("name", [b"n", b"n" * 255])
def test_paths_may_be_nearly_as_long_as_the_kernel_allows(
    deep_lab: TrackedLab, name: bytes
) -> None:
    """In one case some hundred levels: nothing may hold them all open at a time."""
    lab = deep_lab
    write(lab.source / "stays")
    levels = min(3300 // (len(name) + 1), 250)
    with lab.tracking():
        lab.full()
        make_levels(lab.source, name, levels)
        lab.incremental()
        assert innermost(lab.disk, name, levels) == b"innermost"
        descend_and(lab.source, name, levels, Path("file").unlink)
        lab.incremental()
        assert innermost(lab.disk, name, levels) is None
        (lab.source / os.fsdecode(name)).rename(lab.source / "moved")
        lab.incremental()
        assert not os.path.lexists(lab.disk / os.fsdecode(name))
        full = lab.full()
        assert (full.files, full.deletions_wanted) == (0, 0)


def descend_and(root: Path, name: bytes, levels: int, do: Callable[[], None]) -> None:
    """Do something in the innermost of some directories."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(root)
        for _ in range(levels):
            os.chdir(name)
        do()
    finally:
        os.fchdir(before)
        os.close(before)


def make_levels(root: Path, name: bytes, levels: int) -> None:
    """Make directories within each other, and a file in the innermost."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(root)
        for _ in range(levels):
            Path(os.fsdecode(name)).mkdir()
            os.chdir(name)
        Path("file").write_bytes(b"innermost")
    finally:
        os.fchdir(before)
        os.close(before)


def innermost(root: Path, name: bytes, levels: int) -> bytes | None:
    """The file in the innermost directory."""
    found: list[bytes] = []

    def read() -> None:
        if Path("file").exists():
            found.append(Path("file").read_bytes())

    descend_and(root, name, levels, read)
    return found[0] if found else None


def test_what_no_rule_can_hold_costs_nothing_beside_it(lab: TrackedLab) -> None:
    """A rule that keeps the rest of a directory may be too long where one that lets go is not.

    A backslash is doubled only in a pattern with a wildcard. Without the keeping rule all that is
    in the directory would go.
    """
    names = (b"\\" * 250,) * 10
    write(lab.source / "stays")
    write(at(lab.source, *names, b"gone"))
    write(at(lab.source, *names, b"beside"))
    write(lab.source / "gone too")
    with lab.tracking():
        lab.full()
        at(lab.source, *names, b"gone").unlink()
        (lab.source / "gone too").unlink()
        assert lab.incremental().deleted == 1
        assert at(lab.disk, *names, b"beside").read_bytes() == b"content"
        report = lab.run()
        assert only(report).mode == "full"
        assert "too long for a rule" in only(report).why
        assert_equal(lab)


# ── What is not carried ──────────────────────────────────────────────────────────────────────


def test_ignored_names_do_not_come_and_do_not_go(new_lab: Callable[[str], TrackedLab]) -> None:
    lab = new_lab(tracked() + TO_THE_REST + "ignore: {'*.tmp': litter, tmp/: litter}\n")
    write(lab.source / "a/kept")
    with lab.tracking():
        lab.full()
        write(lab.disk / "a/old.tmp")
        write(lab.disk / "a/tmp/old")
        write(lab.source / "a/new.tmp")
        write(lab.source / "a/tmp/new")
        write(lab.source / "not/this")
        write(lab.source / "a/new")
        (lab.source / "a/kept").unlink()
        lab.incremental()
    assert set(lab.copies()) == {b"a", b"a/new", b"a/old.tmp", b"a/tmp", b"a/tmp/old"}
    assert (lab.disk / "a").stat().st_mtime_ns == (lab.source / "a").stat().st_mtime_ns


def test_law_03_a_name_that_is_carried_as_a_file_lets_no_directory_go(
    new_lab: Callable[[str], TrackedLab],
) -> None:
    """Its ignore is for directories: an old copy of such a one is kept, as in full passes."""
    lab = new_lab(tracked() + "ignore: {tmp/: litter}\n")
    write(lab.source / "a/kept")
    with lab.tracking():
        lab.full()
        write(lab.disk / "a/tmp/old copy")
        write(lab.source / "a/tmp", b"a file for a while")
        (lab.source / "a/tmp").unlink()
        assert lab.waiting() == {b"a/tmp"} or lab.waiting() == set()
        lab.incremental()
        assert (lab.disk / "a/tmp/old copy").exists()
        assert lab.full().deletions_wanted == 0


def test_law_01_another_owner_below_a_directory_that_is_gone_stays(
    new_lab: Callable[[str], TrackedLab],
) -> None:
    """X7: with a list of missing names and --force rsync removes it, and ends with 0."""
    lab = new_lab(WITH_IMAGES)
    write(lab.source / "films/one")
    write(lab.source / "films/more/two")
    write(lab.source / "other", b"theirs")
    write(lab.source / "stays")
    with lab.tracking():
        lab.full()
        assert lab.run("images").status is RunStatus.OK
        shutil.rmtree(lab.source / "films")
        report = lab.incremental()
        assert report.deleted == 3
    assert set(lab.copies("films")) == {b"images", b"images/other"}
    assert (lab.disk / "films/images/other").read_bytes() == b"theirs"


def test_law_01_what_is_foreign_or_not_owned_stays(lab: TrackedLab) -> None:
    write(lab.source / "mine/file")
    write(lab.source / "shared/file")
    write(lab.disk / "shared/theirs")
    write(lab.disk / "foreign/theirs")
    with lab.tracking():
        lab.full()
        write(lab.disk / "later/theirs")
        shutil.rmtree(lab.source / "mine")
        (lab.source / "shared/file").unlink()
        write(lab.source / "shared/new")
        write(lab.source / "fresh")
        report = lab.incremental()
    assert report.foreign == (b"foreign", b"later")
    assert report.shared == (b"shared",)
    assert {b"foreign/theirs", b"later/theirs", b"shared/theirs", b"shared/new"} <= set(
        lab.copies()
    )
    assert not {b"mine", b"mine/file"} & set(lab.copies())


def test_law_01_a_foreign_file_is_not_overwritten_by_what_changed(lab: TrackedLab) -> None:
    write(lab.source / "stays")
    with lab.tracking():
        lab.full()
        write(lab.disk / "ledger", b"somebody's")
        write(lab.source / "ledger", b"the source's")
        write(lab.source / "fresh")
        for _ in range(2):
            report = lab.run()
            assert report.status is RunStatus.DEGRADED
            assert only(report).mode == "incremental"
            assert (lab.disk / "ledger").read_bytes() == b"somebody's"
            assert (lab.disk / "fresh").exists()
        (lab.disk / "ledger").unlink()
        lab.incremental()
    assert_equal(lab)


def test_one_name_of_a_file_lies_outside_the_selection(
    new_lab: Callable[[str], TrackedLab],
) -> None:
    """X6: the kernel tells of the name that was written by, and of no other."""
    lab = new_lab(tracked() + TO_THE_REST)
    write(lab.source / "a/one")
    (lab.source / "b").mkdir()
    (lab.source / "b/two").hardlink_to(lab.source / "a/one")
    (lab.source / "not").mkdir()
    (lab.source / "not/three").hardlink_to(lab.source / "a/one")
    with lab.tracking():
        lab.full()
        with (lab.source / "a/one").open("ab") as file:
            file.write(b" and more")
        lab.incremental()
        expected = {k: v for k, v in tree(lab.source).items() if not k.startswith(b"not")}
        assert lab.copies() == expected
        assert (lab.disk / "a/one").stat().st_nlink == 2
        assert lab.full().files == 0


# ── Options of the leg ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("devices", [True, False], ids=["devices", "none"])
def test_fifos_come_with_their_modes_or_not_at_all(
    new_lab: Callable[[str], TrackedLab], devices: bool
) -> None:
    more = ", devices" if devices else ""
    lab = new_lab(tracked(f", preserve: [times, perms, owner, hardlinks{more}]"))
    write(lab.source / "a/file")
    with lab.tracking():
        lab.full()
        os.mkfifo(lab.source / "a/pipe")
        (lab.source / "a/pipe").chmod(0o666)
        (lab.source / "a/again").hardlink_to(lab.source / "a/pipe")
        lab.incremental()
        assert lab.full().files == 0
    expected = facts(lab.source)
    if not devices:
        del expected[b"a/pipe"], expected[b"a/again"]
    # The directory's times have changed all the same.
    assert differences(facts(lab.disk), expected) == {}


@pytest.mark.root
def test_devices_come_as_devices(new_lab: Callable[[str], TrackedLab]) -> None:
    lab = new_lab(tracked(", preserve: [times, perms, owner, hardlinks, devices]"))
    write(lab.source / "stays")
    with lab.tracking():
        lab.full()
        os.mknod(lab.source / "null", stat.S_IFCHR | 0o640, os.makedev(1, 3))
        os.chown(lab.source / "null", 12, 34)
        lab.incremental()
        assert_equal(lab)


@pytest.mark.parametrize(
    "preserve", ["times", "times, perms", "perms, hardlinks", "times, hardlinks, acls"]
)
def test_whatever_is_preserved_a_full_pass_has_nothing_to_add(
    new_lab: Callable[[str], TrackedLab], preserve: str
) -> None:
    lab = new_lab(tracked(f", preserve: [{preserve}]"))
    fill(lab.source)
    with lab.tracking():
        lab.full()
        before = lab.source / "a/inner"
        before.rename(lab.source / "c/inner")
        (lab.source / "a/link").symlink_to("x")
        a_link_is_written_by_one_name(lab.source)
        write(lab.source / "a/file", b"longer than before")
        lab.incremental()
        assert lab.copies() == tree(lab.source)
        if "times" in preserve:  # else rsync compares nothing that it could go by
            full = lab.full()
            assert (full.files, full.deletions_wanted) == (0, 0)


def test_chmod_holds_for_what_changed(new_lab: Callable[[str], TrackedLab]) -> None:
    lab = new_lab(tracked(", preserve: [times], chmod: 'D700,F600'"))
    write(lab.source / "a/key")
    with lab.tracking():
        lab.full()
        write(lab.source / "a/b/other")
        (lab.source / "a/key").chmod(0o666)
        lab.incremental()
    modes = {name: stat.S_IMODE(fact.mode) for name, fact in facts(lab.disk).items()}
    assert modes == {b"a": 0o700, b"a/b": 0o700, b"a/b/other": 0o600, b"a/key": 0o600}


def test_what_goes_is_set_aside(new_lab: Callable[[str], TrackedLab]) -> None:
    lab = new_lab(tracked(", deleted: {keep: 3d}"))
    write(lab.source / "kept", b"old")
    write(lab.source / "a/gone")
    write(lab.source / "b/inner/file")
    with lab.tracking():
        lab.full()
        write(lab.source / "kept", b"newer")
        (lab.source / "a/gone").unlink()
        shutil.rmtree(lab.source / "b")
        write(lab.source / "b", b"a file now")
        report = lab.run()
        assert report.status is RunStatus.OK, report
        assert only(report).mode == "incremental"
        kept = lab.disk / ".policyctl-deleted" / report.run_id
        assert {k: v for k, v in tree(kept).items() if v[0] == "file"} == {
            b"kept": ("file", b"old"),
            b"a/gone": ("file", b"content"),
            b"b/inner/file": ("file", b"content"),
        }
        assert lab.copies() == tree(lab.source)
        assert lab.full().deletions_wanted == 0


# ── Guards and failures ──────────────────────────────────────────────────────────────────────


def test_law_11_beyond_its_limit_nothing_at_all_is_deleted(
    new_lab: Callable[[str], TrackedLab],
) -> None:
    """X1: rsync's own limit deletes as many as it allows before it stops."""
    lab = new_lab(tracked(", max_delete: 2"))
    for number in range(8):
        write(lab.source / f"d{number % 2}/{number}")
    write(lab.source / "turned/inner")
    with lab.tracking():
        lab.full()
        before = set(lab.copies())
        for number in range(5):
            (lab.source / f"d{number % 2}/{number}").unlink()
        shutil.rmtree(lab.source / "turned")
        write(lab.source / "turned", b"a file now")
        write(lab.source / "new")
        report = lab.incremental(status=RunStatus.GUARD)
        assert report.deletions_wanted >= 5
        assert report.deleted == 0
        assert set(lab.copies()) == before | {b"new"}
        assert {b"d0/0", b"d0/2", b"d0/4", b"d1/1", b"d1/3", b"turned"} <= lab.waiting()
        lab.incremental("nightly", Waiver.DELETIONS)
        assert_equal(lab)


def test_law_05_rows_go_only_once_all_is_done(
    lab: TrackedLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lab.source)
    with lab.tracking():
        lab.full()
        write(lab.source / "a/file", b"newer")
        (lab.source / "stays").unlink()
        path = os.environ["PATH"]
        rows = {b"a/file", b"stays"}
        for number, failing in enumerate(("--copy-links", "--max-delete=0", "--max-delete=1")):
            body = f'case "$*" in *{failing}*) exit 11;; *) real "$@";; esac'
            monkeypatch.setenv("PATH", wrap_rsync(tmp_path / f"bin{number}", body))
            report = lab.run()
            monkeypatch.setenv("PATH", path)
            assert report.status is RunStatus.FAILED, report
            assert rows <= lab.waiting()
        write(lab.source / "b/later")
        lab.incremental()
        assert_equal(lab)


def test_law_05_what_changes_during_a_pass_waits_for_the_next(
    lab: TrackedLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab.source / "a/file", b"first")
    with lab.tracking():
        lab.full()
        write(lab.source / "a/file", b"second!")
        late = lab.source / "a/file"
        body = (
            f'case "$*" in *--copy-links*) real "$@"; c=$?; echo third >>{late}; exit $c;; esac\n'
        )
        path = os.environ["PATH"]
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body + 'real "$@"'))
        lab.incremental()
        monkeypatch.setenv("PATH", path)
        assert (lab.disk / "a/file").read_bytes() == b"second!"
        lab.incremental()
        assert_equal(lab)


def test_what_vanishes_between_look_and_transfer_is_no_failure(
    lab: TrackedLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked at is held open: it arrives, and goes with the next pass."""
    write(lab.source / "stays")
    with lab.tracking():
        lab.full()
        write(lab.source / "a/file")
        body = f'case "$*" in *--copy-links*) rm -rf {lab.source}/a;; esac\nreal "$@"'
        path = os.environ["PATH"]
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        assert lab.run().status.succeeded
        monkeypatch.setenv("PATH", path)
        lab.incremental()
        assert_equal(lab)


def test_law_11_an_emptied_source_is_refused(lab: TrackedLab) -> None:
    fill(lab.source)
    with lab.tracking():
        lab.full()
        for path in lab.source.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert lab.run().status is RunStatus.REFUSED
        assert b"a/inner/deep" in lab.copies()


def test_law_05_who_reads_the_copies_is_told_before_they_change(
    new_lab: Callable[[str], TrackedLab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While rsync runs, all that it will write is in the next reader's journal, and held back."""
    lab = with_second_hop(new_lab, tracked())
    fill(lab.source)
    with lab.tracking():
        lab.full()
        lab.full("offsite")
        shutil.rmtree(lab.source / "a/inner")
        write(lab.source / "a/new/file")
        write(lab.source / "a/inner", b"a file now")
        path = os.environ["PATH"]
        body = 'case "$*" in *--copy-links*) exit 11;; esac\nreal "$@"'
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        assert lab.run().status is RunStatus.FAILED
        monkeypatch.setenv("PATH", path)
        assert {b"a/inner", b"a/new", b"a/new/file"} <= lab.waiting("offsite", "disk")


# ── A second hop ─────────────────────────────────────────────────────────────────────────────


def with_second_hop(new_lab: Callable[[str], TrackedLab], text: str) -> TrackedLab:
    """A lab with a leg that carries the disk's copies on."""
    text = text.replace(
        "sources:\n", "  nas: {path: /mnt/nas, media: nas, site: away}\nsources:\n"
    ).replace(
        "routes:\n",
        '  offsite: {kind: mirror, from: disk, to: "nas:/copies", schedule: "06:00", '
        "timeout: 5m, after: [nightly], full_every: 300d}\nroutes:\n",
    )
    lab = new_lab(text)
    (lab.root / "mnt/nas").mkdir()
    lab.apply()
    return lab


def used(root: Path) -> tuple[int, int]:
    """Blocks in use, each file once, and names in all."""
    found = [path.lstat() for path in root.rglob("*") if not path.name.startswith(".policyctl-")]
    return sum({one.st_ino: one.st_blocks for one in found}.values()), len(found)


def test_law_15_generations_with_links_stay_as_small_on_every_hop(
    new_lab: Callable[[str], TrackedLab],
) -> None:
    """X4: with a list of names the newest generation arrives as a full second copy."""
    lab = with_second_hop(new_lab, tracked())
    away = lab.root / "mnt/nas/copies"
    for number in range(5):
        write(lab.source / f"week1/{number}", b"x" * 50_000)
    with lab.tracking():
        lab.full()
        lab.full("offsite")
        for week in (2, 3):
            older, newer = lab.source / f"week{week - 1}", lab.source / f"week{week}"
            newer.mkdir()
            for path in older.iterdir():
                (newer / path.name).hardlink_to(path)
            (newer / "0").unlink()
            write(newer / "0", b"y" * week)
            lab.incremental()
            report = lab.incremental("offsite")
            assert report.files <= 2
            assert differences(facts(away), facts(lab.source)) == {}
            assert used(away) == used(lab.disk) == used(lab.source)


def test_a_second_hop_carries_neither_state_nor_strangers(
    new_lab: Callable[[str], TrackedLab],
) -> None:
    lab = with_second_hop(new_lab, tracked(", deleted: {keep: 30d}"))
    away = lab.root / "mnt/nas/copies"
    fill(lab.source)
    write(lab.disk / "foreign/file")
    with lab.tracking():
        lab.full()
        lab.full("offsite")
        shutil.rmtree(lab.source / "a")
        write(lab.source / "b/new")
        lab.incremental()
        with open_journal(lab.places.journal_file) as journal:
            assert journal.waiting("offsite", "disk") > 0
        report = lab.incremental("offsite")
        assert report.left_out == (b"foreign",)
    assert tree(away) == tree(lab.source)


def test_what_a_failed_run_changed_reaches_the_second_hop(
    new_lab: Callable[[str], TrackedLab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = with_second_hop(new_lab, tracked())
    away = lab.root / "mnt/nas/copies"
    fill(lab.source)
    with lab.tracking():
        lab.full()
        lab.full("offsite")
        write(lab.source / "a/file", b"arrives")
        (lab.source / "stays").unlink()
        path = os.environ["PATH"]
        body = 'case "$*" in *--max-delete=1*) exit 11;; esac\nreal "$@"'
        monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
        assert lab.run().status is RunStatus.FAILED
        monkeypatch.setenv("PATH", path)
        lab.incremental("offsite")
        assert differences(facts(away), facts(lab.disk)) == {}
        assert (away / "a/file").read_bytes() == b"arrives"
        assert (away / "stays").exists()
        lab.incremental()
        lab.incremental("offsite")
        assert differences(facts(away), facts(lab.source)) == {}
