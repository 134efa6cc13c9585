"""`policyctl verify` as a user meets it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_cli import CHECKOUT, Done, Machine, policyctl
from tests.e2e.test_restore import HISTORY
from tests.integration.lab import wrap_rsync

pytestmark = pytest.mark.tool("rsync")


class Verifying(Machine):
    """A machine; `verify` reads no manifest."""

    def verify(self, *words: str) -> Done:
        return policyctl("verify", *words, "--root", str(self.root), cwd=self.folder)

    def rot(self, name: str) -> None:
        """Change a byte as a failing disk does: size and time stay."""
        path = self.root / name
        status, content = path.stat(), bytearray(path.read_bytes())
        content[0] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def machine(tmp_path: Path) -> Verifying:
    machine = Verifying(tmp_path)
    machine.write("srv/data/b/file", "two")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    return machine


def test_what_a_disk_has_lost_is_seen_until_it_is_right_again(machine: Verifying) -> None:
    fine = machine.verify("nightly", "--seed", "5")
    assert (fine.code, fine.err) == (
        0,
        "data: comparing 2 of 2 files\n".replace("2 of 2", "2 of 2"),
    )
    assert "verified: all as they should be" in fine.out
    assert "the sample's seed is 5" in fine.out
    machine.rot("mnt/disk/b/file")
    lost = machine.verify("nightly", "--full")
    assert lost.code == 6
    assert "1 damaged" in lost.out
    assert "    b/file\n" in lost.out
    assert "find out which side is right" in lost.err
    assert machine("run", "nightly", "--full").code == 0
    status = machine("status")
    assert "nightly (copies differ)" in status.out, "a run by size and time does not see it"
    (leg,) = [one for one in machine("status", "--json").json["legs"] if one["leg"] == "nightly"]
    assert leg["items"][0]["differing"] == 1
    machine.rot("mnt/disk/b/file")
    assert machine.verify("nightly", "--full").code == 0
    assert "copies differ" not in machine("status").out


def test_what_differs_is_taken_for_less_wherever_copies_are_judged(tmp_path: Path) -> None:
    """`status`, `show generations` and `restore` know what `verify` has found."""
    machine = Verifying(tmp_path, HISTORY)
    machine.write("srv/data/a/file", "one")
    assert machine("apply").code == 0
    assert machine("run", "nightly", "offsite").code == 0
    (generation,) = (machine.root / "mnt/disk/data").iterdir()
    before = machine("restore", "/srv/data/a/file", "--explain")
    assert f"takes     disk:{generation.name}" in before.out
    machine.rot(f"mnt/disk/data/{generation.name}/a/file")
    assert machine.verify("nightly", "--full").code == 6
    status = machine("status").out
    assert "at risk now: data" in status
    (source,) = machine("status", "--json").json["sources"]
    assert (source["limit"], source["fresh_copies"]) == ("the copy by nightly differs", 1)
    (line,) = [
        one for one in machine("show", "generations").out.split("\n") if generation.name in one
    ]
    assert "verified, but differed on" in line
    found = machine("restore", "/srv/data/a/file", "--explain")
    assert f"takes     nas:{generation.name}" in found.out
    assert "the same state, and doubted: a/file differed when compared on" in found.out
    asked = machine("restore", "/srv/data/a", "--from", "disk", "--explain")
    assert "this copy is damaged there, or what it was made of was" in asked.out


def test_one_path_is_compared_at_each_of_its_places(machine: Verifying) -> None:
    assert machine.verify("/srv/data/b").code == 0
    machine.rot("mnt/disk/b/file")
    found = machine.verify("/srv/data/b/file", "--json")
    assert found.code == 6
    (one,) = found.json["verified"]
    assert (one["leg"], one["compared_files"], one["counts"]["damaged"]) == ("nightly", 1, 1)
    assert one["found"] == [{"path": "b/file", "difference": "damaged"}]
    assert found.json["sound"] is False
    assert "copies differ" not in machine("status").out, "a path alone is no comparison of the leg"


def test_what_is_no_leg_and_no_path_of_one_is_refused(machine: Verifying) -> None:
    wrong = machine.verify("weekly")
    assert wrong.code != 0
    assert "weekly is neither a leg nor a path; the legs are: direct, " in wrong.err
    nowhere = machine.verify("/nowhere")
    assert nowhere.code != 0
    assert "carries /nowhere" in nowhere.err


def test_what_cannot_be_compared_ends_with_a_failure(machine: Verifying) -> None:
    never = machine.verify("direct")
    assert never.code == 5
    assert "not compared: no run of it has succeeded yet" in never.out


def test_somebody_may_end_it_at_any_time(machine: Verifying, tmp_path: Path) -> None:
    slow = wrap_rsync(
        tmp_path / "bin", 'case "$*" in *--checksum*) exec sleep 30;; esac; real "$@"'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "policyctl", "verify", "nightly", "--root", str(machine.root)],
        cwd=CHECKOUT,
        env={**os.environ, "PATH": slow},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "data: comparing 2 of 2 files\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.startswith("policyctl: ended by SIGINT; nothing was written to a copy")
    assert "Traceback" not in err


def test_a_path_in_generations_that_a_later_hop_carries_on_is_compared_there(
    tmp_path: Path,
) -> None:
    text = HISTORY.replace("cannot_keep: [owner, acls]", "cannot_keep: []")
    machine = Verifying(tmp_path, text)
    assert machine("apply").code == 0
    assert machine("run", "nightly", "offsite").code == 0
    done = machine.verify("/srv/data/a/file")
    assert done.code == 0, (done.out, done.err)
    assert done.out.count("1 of 1 files") == 2
    (copy,) = (machine.root / "@nas.example.net").rglob("2*/a/file")
    machine.rot(str(copy.relative_to(machine.root)))
    assert machine.verify("/srv/data/a/file").code == 6


def test_another_sample_does_not_make_good_what_differs(machine: Verifying) -> None:
    for number in range(30):
        machine.write(f"srv/data/b/{number}", "as it was")
    assert machine("run", "nightly").code == 0
    machine.rot("mnt/disk/b/file")
    assert machine.verify("nightly").code == 6
    for seed in range(3):
        again = machine.verify("nightly", "--sample", "1", "--seed", str(seed))
        assert again.code == 6, again.out
    for path in (machine.root / "srv/data").rglob("*"):
        path.chmod(0o750)
    nothing = machine.verify("nightly")
    assert "nothing could be compared" in nothing.out
    assert "nightly (copies differ)" in machine("status").out, "nobody has looked"
    assert machine("run", "nightly").code == 0
    machine.rot("mnt/disk/b/file")
    assert machine.verify("nightly", "--sample", "1", "--seed", "1").code == 0
    assert "copies differ" not in machine("status").out
