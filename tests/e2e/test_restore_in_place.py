"""`policyctl restore --in-place`: the old state is kept; nothing is done without a name typed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.databases import make
from tests.e2e.test_cli import CHECKOUT, Machine
from tests.e2e.test_restore import HOUSE, names_in
from tests.integration.lab import HOSTILE, at, tree, write

pytestmark = pytest.mark.tool("rsync")
ROOT = os.geteuid() == 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, HOUSE)
    assert found("apply").code == 0
    assert found("run", "nightly", "offsite").code == 0
    return found


def kept(folder: Path) -> Path:
    """Where the old state lies."""
    (found,) = folder.glob(".policyctl-before-*")
    return found


def test_a_file_comes_back_to_its_place_and_the_old_one_is_kept(machine: Machine) -> None:
    live = machine.root / "srv/data/a"
    (live / "file").write_text("broken")
    done = machine("restore", "/srv/data/a/file", "--in-place", "--yes", "file")
    assert done.code == 0, done.err
    assert (live / "file").read_text() == "one"
    assert (kept(live) / "file").read_text() == "broken"
    assert names_in(live) == [kept(live).name, "file"]
    assert f"lies in /srv/data/a/{kept(live).name}/file until you remove it" in done.out.replace(
        str(machine.root), ""
    )
    assert machine("run", "nightly").code == 0
    assert names_in(machine.root / "mnt/disk/data/a") == ["file"], "no leg takes what is kept"


def test_a_directory_comes_back_and_both_names_are_the_way_back(machine: Machine) -> None:
    live = machine.root / "srv/data"
    write(live / "a/newer", "since then")
    before = tree(live / "a")
    done = machine("restore", "/srv/data/a", "--in-place", "--yes", "a", "--json")
    assert done.code == 0, done.err
    assert tree(live / "a") == {b"file": ("file", b"one")}
    old = kept(live) / "a"
    assert done.json["kept"] == str(old)
    assert tree(old) == before
    shutil.rmtree(live / "a")
    old.rename(live / "a")
    assert tree(live / "a") == before


def test_what_is_gone_comes_back_to_its_place(machine: Machine) -> None:
    live = machine.root / "srv/data/a"
    (live / "file").unlink()
    done = machine("restore", "/srv/data/a/file", "--in-place", "--yes", "file")
    assert done.code == 0, done.err
    assert names_in(live) == ["file"]


def test_without_the_name_typed_nothing_is_changed(machine: Machine) -> None:
    before = tree(machine.root / "srv")
    unasked = machine("restore", "/srv/data/a/file", "--in-place")
    assert unasked.code == 5
    assert "nothing was changed: --yes file does it" in unasked.err
    wrong = machine("restore", "/srv/data/a/file", "--in-place", "--yes", "fill")
    assert wrong.code == 5
    assert "that is not its name, which is file" in wrong.err
    shown = machine("restore", "/srv/data/a/file", "--in-place", "--explain")
    assert shown.code == 0, shown.err
    assert "4. rename " in shown.out
    assert tree(machine.root / "srv") == before


@pytest.mark.parametrize(("typed", "code"), [("file", 0), ("fill", 5)])
def test_at_a_terminal_the_name_is_typed(machine: Machine, typed: str, code: int) -> None:
    (machine.root / "srv/data/a/file").write_text("broken")
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "policyctl.main", "restore", "-p", str(machine.manifest)]
    command += ["--root", str(machine.root), "/srv/data/a/file", "--in-place"]
    os.write(ours, typed.encode() + b"\n")
    done = subprocess.run(
        command, stdin=theirs, capture_output=True, cwd=CHECKOUT, check=False, timeout=60
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code, done.stderr
    assert b"type file to go on:" in done.stderr
    found = (machine.root / "srv/data/a/file").read_text()
    assert found == ("one" if code == 0 else "broken")


def test_a_root_is_refused_with_what_to_do(machine: Machine) -> None:
    done = machine("restore", "/srv/data", "--in-place", "--yes", "data")
    assert done.code == 5
    assert "restore what is in it one by one" in done.err


@pytest.mark.tool("unshare", "mount")
def test_a_directory_with_a_mount_point_in_it_is_not_set_aside(machine: Machine) -> None:
    inner = machine.root / "srv/data/a/disk"
    inner.mkdir()
    apart = ["unshare", "--mount", *([] if ROOT else ["--user", "--map-root-user"])]
    mount = 'mount -t tmpfs none "$0" && "$@"'
    command = [sys.executable, "-m", "policyctl.main", "restore", "/srv/data/a", "--in-place"]
    command += ["--yes", "a", "-p", str(machine.manifest), "--root", str(machine.root)]
    done = subprocess.run(
        [*apart, "sh", "-c", mount, str(inner), *command],
        capture_output=True,
        cwd=CHECKOUT,
        check=False,
    )
    assert done.returncode == 5, done.stdout
    assert b"is a mount point in /srv/data/a" in done.stderr
    assert list((machine.root / "srv/data").glob(".policyctl-*")) == []


def test_law_34_any_name_comes_back_to_its_place(machine: Machine) -> None:
    for name in HOSTILE:
        write(at(machine.root / "srv/data/odd", name), b"good")
    assert machine("run", "nightly", "offsite").code == 0
    for name in HOSTILE[::3]:
        at(machine.root / "srv/data/odd", name).write_bytes(b"bad")
        done = machine("restore", b"/srv/data/odd/" + name, "--in-place", "--yes", name)
        assert done.code == 0, (name, done.err)
        assert at(machine.root / "srv/data/odd", name).read_bytes() == b"good"


def test_law_41_a_symlink_on_the_way_is_not_followed(machine: Machine) -> None:
    elsewhere = machine.folder / "elsewhere"
    write(elsewhere / "file", "somebody's")
    shutil.rmtree(machine.root / "srv/data/a")
    (machine.root / "srv/data/a").symlink_to(elsewhere)
    done = machine("restore", "/srv/data/a/file", "--in-place", "--yes", "file")
    assert done.code == 5, done.out
    assert "in the place of a directory" in done.err
    assert tree(elsewhere) == {b"file": ("file", b"somebody's")}


def test_law_41_a_folder_that_somebody_else_has_made_is_not_fetched_into(
    machine: Machine,
) -> None:
    shown = machine("restore", "/srv/data/a/file", "--in-place", "--explain")
    name = shown.out.partition(".policyctl-restore-")[2][:12]
    trap = machine.root / f"srv/data/a/.policyctl-restore-{name}"
    trap.mkdir(mode=0o777)
    trap.chmod(0o777)
    done = machine("restore", "/srv/data/a/file", "--in-place", "--yes", "file")
    assert done.code == 5
    assert "is not ours alone" in done.err
    trap.rmdir()
    trap.symlink_to(machine.folder)
    assert machine("restore", "/srv/data/a/file", "--in-place", "--yes", "file").code == 5
    assert not (machine.folder / "tree").exists()


def test_a_doubtful_copy_does_not_take_the_place_of_what_is_there(machine: Machine) -> None:
    copy = machine.root / "mnt/disk/data/a/file"
    times = copy.stat()
    copy.write_text("onX")
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    (machine.root / "srv/data/a/file").write_text("live")
    done = machine("restore", "/srv/data/a/file", "--in-place", "--yes", "file")
    assert done.code == 5
    assert "its content is another one in the other copy" in done.err
    assert "nothing was changed; the next best: `policyctl restore" in done.err
    assert (machine.root / "srv/data/a/file").read_text() == "live"


def test_who_knows_which_copy_is_the_wrong_one_says_so(machine: Machine) -> None:
    copy = machine.root / "mnt/disk/data/a/file"
    times = copy.stat()
    copy.write_text("onX")
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    asked = ("restore", "/srv/data/a/file", "--in-place", "--yes", "file", "--from", "nas")
    done = machine(*asked)
    assert done.code == 5
    assert "where you know that the copy at disk is the wrong one: --despite disk" in done.err
    wrong = machine(*asked, "--despite", "nowhere")
    assert wrong.code == 5
    assert "--despite nowhere is no destination; there are: disk, nas" in wrong.err
    done = machine(*asked, "--despite", "disk")
    assert done.code == 0, done.err
    assert (machine.root / "srv/data/a/file").read_text() == "one"


def test_what_one_run_took_away_does_not_take_the_place_of_the_whole(machine: Machine) -> None:
    """It holds the old file alone: the others of that day have stayed where they were."""
    live = machine.root / "srv/data/a"
    write(live / "other", "stays")
    assert machine("run", "nightly").code == 0
    begun = datetime.now(UTC)
    time.sleep(1.1)  # of moments whole seconds are typed
    (live / "file").write_text("two")
    assert machine("run", "nightly").code == 0
    then = ("--as-of", begun.isoformat(), "--from", "disk")
    done = machine("restore", "/srv/data/a", "--in-place", "--yes", "a", *then)
    assert done.code == 5, done.out
    assert "holds only what one run took away of /srv/data/a" in done.err
    assert names_in(live) == ["file", "other"]
    shutil.rmtree(live)
    done = machine("restore", "/srv/data/a", "--in-place", "--yes", "a", *then)
    assert done.code == 0, done.err
    assert names_in(live) == ["file"], "nothing was there"


def test_sidecars_of_the_old_database_are_set_aside_with_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path, HOUSE)
    live = machine.root / "srv/data/a/app.db"
    live.parent.mkdir(parents=True, exist_ok=True)
    make(live, "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    live.write_bytes(b"broken")
    for end in ("-wal", "-shm"):
        write(live.with_name("app.db" + end), "stale")
    done = machine("restore", "/srv/data/a/app.db", "--in-place", "--yes", "app.db")
    assert done.code == 0, done.err
    assert names_in(live.parent)[1:] == ["app.db", "file"]
    assert names_in(kept(live.parent)) == ["app.db", "app.db-shm", "app.db-wal"]


def test_a_directory_whose_parts_ride_other_legs_takes_no_place(machine: Machine) -> None:
    """In its place it would lack them, and what is there of them would be set aside (law 28)."""
    write(machine.root / "srv/data/a/deep/other", "rode the same leg once")
    assert machine("run", "nightly").code == 0
    write(machine.root / "srv/data/a/deep/other", "rides another leg")
    text = machine.manifest.read_text()
    legs = '  second: {kind: mirror, to: "disk:/second", schedule: "03:00", timeout: 5m}\nroutes:'
    text = text.replace("routes:", legs) + "  /srv/data/a/deep: second\n"
    machine.manifest.write_text(text + '  /srv/data/a/cache: {none: "made anew"}\n')
    assert machine("apply").code == 0
    assert machine("run", "nightly", "second", "--allow", "deletions").code == 0
    before = tree(machine.root / "srv/data")
    done = machine("restore", "/srv/data/a", "--in-place", "--yes", "a")
    assert done.code == 5
    assert "/srv/data/a/deep (second)" in done.err
    assert "nothing was changed" in done.err
    assert tree(machine.root / "srv/data") == before
    into = machine("restore", "/srv/data/a")
    assert into.code == 0, into.err
    assert "/srv/data/a/deep rides second, and does not come" in into.out
    # Its copy of then is an orphan in the directory, and no state of now.
    assert (machine.root / "mnt/disk/data/a/deep/other").exists()
    assert names_in(machine.folder / "restored-from-disk/a") == ["file"]
    assert "/srv/data/a/cache is in no copy (made anew)" in into.out
    part = machine("restore", "/srv/data/a/deep", "--in-place", "--yes", "deep")
    assert part.code == 0, part.err


def test_of_a_file_with_several_names_the_others_are_spoken_of(tmp_path: Path) -> None:
    machine = Machine(tmp_path, HOUSE)
    live = machine.root / "srv/data/a"
    os.link(live / "file", live / "other")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    (live / "file").write_text("broken")
    words = ("restore", "/srv/data/a/file", "--in-place", "--yes", "file")
    done = machine(*words)
    assert done.code == 0, done.err
    assert "one file under 2 names (hard links): this one alone comes back" in done.out
    assert f"`find {machine.root}/srv/data -xdev -samefile {live}/file` names them" in done.out
    assert ((live / "file").read_text(), (live / "other").read_text()) == ("one", "broken")
    whole = machine("restore", "/srv/data/a", "--in-place", "--yes", "a")
    assert whole.code == 0, whole.err
    assert (live / "file").samefile(live / "other"), "all of them come as one"
    machine.write("srv/data/big/alone", "x")
    assert machine("run", "nightly", "--allow", "deletions").code == 0
    alone = machine("restore", "/srv/data/big/alone", "--in-place", "--yes", "alone")
    assert "hard links" not in alone.out
