"""`policyctl gc` as a user meets it."""

import os
import pty
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.system.host.lock import hold
from engine.system.host.places import Places
from tests.e2e.test_cli import CHECKOUT, Done, Machine, policyctl

pytestmark = pytest.mark.tool("rsync")


class Cleaning(Machine):
    """A machine; `gc` reads no manifest."""

    def gc(self, *words: str) -> Done:
        return policyctl("gc", *words, "--root", str(self.root), cwd=self.folder)


@pytest.fixture
def machine(tmp_path: Path) -> Cleaning:
    machine = Cleaning(tmp_path)
    machine.write("srv/data/b/file", "two")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    assert machine("run", "direct").code == 0
    assert "no orphans" in machine.gc().out
    machine.edit("  /srv/data: nightly\n", "  /srv/data: nightly\n  /srv/data/a: direct\n")
    assert machine("apply").code == 0
    return machine


def test_it_lists_verifies_removes_and_remembers(machine: Cleaning) -> None:
    listed = machine.gc()
    assert (listed.code, listed.err) == (0, "")
    assert "disk:/a  3 B, 1 file, since " in listed.out
    assert "  routed to direct now; written by nightly\n" in listed.out
    assert "to be carried to nas:/data/a by direct, which has not succeeded since" in listed.out
    early = machine.gc("--verified")
    assert early.code == 5
    assert "disk:/a stays: nas:/data lacks or differs in: a" in early.out
    assert machine("status").out.splitlines()[-1].startswith("1 orphan, 3 B: `policyctl gc")
    assert machine("run", "direct").code == 0
    (one,) = machine.gc("--json").json["orphans"]
    assert (one["orphan"], one["path"], one["source_path"]) == ("disk:/a", "/a", "/a")
    assert (one["files"], one["bytes"], one["renewed"], one["error"]) == (1, 3, True, None)
    assert [(copy["destination"], copy["path"]) for copy in one["carried"]] == [("nas", "/data")]
    done = machine.gc("--verified", "--json")
    assert (done.code, done.err) == (0, "disk:/a: 2 entries go\n")
    assert [stone["orphan"] for stone in done.json["removed"]] == ["disk:/a"]
    assert done.json["removed"][0]["reason"] == "equal copies at nas:/data"
    assert not (machine.root / "mnt/disk/a").exists()
    assert (machine.root / "mnt/disk/b/file").read_text() == "two"
    assert "disk:/a  3 B, 1 file, removed; an orphan since" in machine.gc("--history").out
    assert " UTC  disk:/a" in machine.gc("--history").out
    machine.edit("timezone: UTC", "timezone: Pacific/Kiritimati")
    assert machine("apply").code == 0
    moment = datetime.fromisoformat(done.json["removed"][0]["removed"])
    there = f"{moment.astimezone(ZoneInfo('Pacific/Kiritimati')):%Y-%m-%d %H:%M} +14  disk:/a  "
    assert there in machine.gc("--history").out
    assert machine.gc("--json").json == {"orphans": []}
    assert machine("status", "--json").json["orphans"]["count"] == 0


def test_what_cannot_be_looked_at_is_no_success(machine: Cleaning) -> None:
    assert machine.gc().code == 0
    marker = machine.root / "mnt/disk/.policyctl-destination"
    marker.rename(marker.with_name("elsewhere"))
    listed = machine.gc()
    assert "it could not be looked at" in listed.out
    assert (listed.code, machine.gc("--json").code, machine.gc("disk:/a").code) == (5, 5, 5)
    assert policyctl("migrate", "--root", str(machine.root), cwd=machine.folder).code == 5


def test_a_typed_name_is_enough_and_a_wrong_one_removes_nothing(machine: Cleaning) -> None:
    for words in (("--remove",), ("--remove", "disk:/b"), ("--remove", "disk:/a", "disk:/no")):
        refused = machine.gc(*words)
        assert refused.code == 5
        assert "nothing was removed" in refused.err
    assert machine.gc("--remove", "--verified", "disk:/a").code == 2
    assert (machine.root / "mnt/disk/a/file").exists()
    assert machine.gc("disk:/a").out.splitlines()[-1] == "1 orphan, 3 B"
    ignored = machine.gc("--history", "disk:/a")
    assert ignored.code == 2
    assert "--history lists all that was removed, and takes no name" in ignored.err
    done = machine.gc("--remove", "disk:/a/")  # as `plan` writes a directory
    assert (done.code, done.out) == (0, "disk:/a is removed: 3 B, 1 file\n")
    assert not (machine.root / "mnt/disk/a").exists()


def test_a_run_that_writes_there_is_left_alone(machine: Cleaning) -> None:
    with hold(Places(root=machine.root).holder_lock("disk")):
        busy = machine.gc("--remove", "disk:/a")
    assert busy.code == 75
    assert "a run writes there now" in busy.out
    with hold(Places(root=machine.root).lock_dir / "gc.lock"):
        busy = machine.gc("--remove", "disk:/a")
    assert (busy.code, busy.out) == (75, "")
    assert (machine.root / "mnt/disk/a/file").exists()


def test_a_rollback_takes_the_orphan_back(machine: Cleaning) -> None:
    assert machine("apply", "--rollback").code == 0
    assert "no orphans" in machine.gc().out


def test_an_apply_that_died_after_the_plan_was_replaced_has_noted_it(tmp_path: Path) -> None:
    machine = Cleaning(tmp_path)
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    machine.edit("  /srv/data: nightly\n", "  /srv/data: nightly\n  /srv/data/a: direct\n")
    state = machine.root / "var/lib/policyctl/state.db"
    assert machine("apply").code == 0
    # A second apply of the same plan compares it with itself.
    assert state.exists()
    assert machine("apply").code == 0
    assert "disk:/a" in machine.gc().out


def test_a_list_forgets_no_orphan_that_it_cannot_see(machine: Cleaning) -> None:
    machine.write("srv/data/b/in/file", "four")
    assert machine("run", "nightly").code == 0
    machine.edit("  /srv/data: nightly\n", '  /srv/data: nightly\n  /srv/data/b/in: {none: "x"}\n')
    assert machine("apply", "--accept-removals").code == 0
    on_the_way, away = machine.root / "mnt/disk/b", machine.root / "away"
    on_the_way.rename(away)
    on_the_way.symlink_to("../../away")
    for words in ((), ("--verified",), ("--remove", "disk:/b/in"), ()):
        machine.gc(*words)
    (one,) = machine.gc("--json", "disk:/b/in").json["orphans"]
    assert one["error"] == "disk:/b: a symlink is in the place of a directory on the way"
    on_the_way.unlink()
    on_the_way.write_text("a file")
    listed = machine.gc("disk:/b/in").out
    assert "what lies there is not known as written by nightly" in listed
    assert "takes it from this list, and removes nothing" in listed
    on_the_way.unlink()
    away.rename(on_the_way)
    assert "disk:/b/in  4 B, 1 file" in machine.gc().out
    (on_the_way / "in").rename(away)
    assert "disk:/b/in" not in machine.gc().out
    away.rename(on_the_way / "in")
    assert "disk:/b/in" not in machine.gc().out, "it was certainly gone"


def test_a_name_takes_an_orphan_that_is_not_its_legs_from_the_list(machine: Cleaning) -> None:
    (machine.root / "mnt/disk/a/file").unlink()
    assert "disk:/a  0 B, 0 files" in machine.gc().out
    stays = machine.gc("--verified")
    assert (stays.code, "disk:/a stays: what lies there is not known" in stays.out) == (5, True)
    assert machine.gc("--remove", "disk:/a").code == 0
    assert "no orphans" in machine.gc().out
    assert (machine.root / "mnt/disk/a").exists()


@pytest.mark.parametrize("words", [("--verified",), ("--remove", "disk:/a")])
def test_what_another_apply_carries_again_meanwhile_stays(
    machine: Cleaning, words: tuple[str, ...]
) -> None:
    """The route goes back between the comparison, or the count, and the removal."""
    assert machine("run", "direct").code == 0
    machine.edit("  /srv/data/a: direct\n", "")
    root = machine.root
    bin_ = machine.folder / "bin"
    bin_.mkdir()
    real = shutil.which("rsync")
    (bin_ / "rsync").write_text(
        f'#!/bin/sh\n{real} "$@"; code=$?\n'
        f'case "$*" in *--checksum*|*--max-delete=0*) [ -e "{bin_}/done" ] || '
        f'{{ touch "{bin_}/done"; PYTHONPATH="{CHECKOUT}" "{sys.executable}" -m policyctl.main '
        f'apply -p "{machine.manifest}" --root "{root}" >"{bin_}/log" 2>&1; }};; '
        "esac\nexit $code\n"
    )
    (bin_ / "rsync").chmod(0o755)
    path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
    done = policyctl("gc", *words, "--root", str(root), cwd=machine.folder, PATH=path)
    assert (bin_ / "done").exists()
    assert done.code == 5, done
    assert "another plan was applied meanwhile, and a leg may carry it again" in done.out
    assert (root / "mnt/disk/a/file").read_text() == "one"
    assert "nas:/data/a" in machine.gc().out, "what the other leg has carried meanwhile"
    assert "nothing was ever removed" in machine.gc("--history").out


def test_on_a_terminal_it_asks_for_the_name(machine: Cleaning) -> None:
    mine, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "policyctl.main", "gc", "--remove", "--root", str(machine.root)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.write(mine, b"disk:/a\n")
    out, err = child.communicate(timeout=60)
    os.close(mine)
    os.close(theirs)
    assert (child.returncode, out) == (0, b"disk:/a is removed: 3 B, 1 file\n"), err
    assert b"the name of the orphan to remove" in err
