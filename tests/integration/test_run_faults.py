"""What goes wrong with a destination: told in a sentence, the copies intact, the next run whole.

Real file systems, mounted in a mount namespace of the test.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pytest

from tests.integration.lab import manifest, tree, wrap_rsync, write
from tests.integration.mounts import CHECKOUT, MountNamespace, mount_namespace
from tests.processes import proc_files

pytestmark = [pytest.mark.tool("rsync", "unshare", "nsenter", "mount"), pytest.mark.root]
MARK = b".policyctl-destination"
LEFT = b".policyctl-plan.json"


class LastRun(TypedDict):
    status: str
    reason: str


class Leg(TypedDict):
    health: str
    last_run: LastRun
    last_success: str | None


@dataclass
class Machine:
    """A staged machine whose disk is a file system of its own."""

    root: Path
    space: MountNamespace

    @property
    def source(self) -> Path:
        return self.root / "srv/data"

    @property
    def disk(self) -> Path:
        return self.root / "mnt/disk"

    def copies(self) -> dict[bytes, tuple[str, bytes]]:
        found = tree(self.space.seen(self.disk))
        return {name: one for name, one in found.items() if name not in {MARK, LEFT}}

    def __call__(self, *words: str, code: int = 0, **variables: str) -> str:
        command, *rest = words
        policy = ("-p", self.root / "policy.yaml") if command in {"apply", "status"} else ()
        got, out, err = self.space.policyctl(
            command, *policy, "--root", self.root, *rest, **variables
        )
        assert got == code, out + err
        return out

    def leg(self) -> Leg:
        healthy = self.space.policyctl(
            *("status", "--json", "-p", self.root / "policy.yaml", "--root", self.root)
        )
        leg: Leg = json.loads(healthy[1])["legs"][0]
        return leg

    def free(self) -> int:
        """The room at the disk as `status` knows it."""
        told = self.space.policyctl(
            *("status", "--json", "-p", self.root / "policy.yaml", "--root", self.root)
        )
        free: int = json.loads(told[1])["destinations"][0]["free_bytes"]
        return free

    def mount(self, size: str) -> None:
        self.space("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.disk)

    def apply(self, options: str = "") -> None:
        (self.root / "policy.yaml").write_text(manifest(options))
        self("apply")

    def started(self, **variables: str) -> Run:
        return Run(self.space, self.root, variables)


class Run:
    """A run that goes on beside the test."""

    def __init__(self, space: MountNamespace, root: Path, variables: dict[str, str]) -> None:
        words = ("run", "nightly", "--json", "--root", root)
        self.process = space.popen(*words, **variables)

    def end(self) -> tuple[int, str]:
        out, err = self.process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return self.process.returncode, json.loads(out)["reason"] if out else ""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with mount_namespace() as space:
        found = Machine(tmp_path, space)
        found.source.mkdir(parents=True)
        found.disk.mkdir(parents=True)
        yield found


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def test_a_generation_that_does_not_fit_leaves_the_disk_to_others(machine: Machine) -> None:
    machine.mount("8m")
    (machine.root / "policy.yaml").write_text(
        manifest(", keep: {last: 2}").replace("kind: mirror", "kind: versions")
    )
    machine("apply")
    write(machine.source / "small", os.urandom(100_000))
    machine("run", "nightly")
    before = machine.copies()
    write(machine.source / "film", os.urandom(12_000_000))
    time.sleep(1.05)  # a generation has the name of its second
    said = machine("run", "nightly", code=5)
    assert "No space left on device" in said
    assert "the disk is full: what was written of the new generation is removed" in said
    assert machine.copies() == before
    (machine.source / "film").unlink()
    time.sleep(1.05)
    machine("run", "nightly")
    assert len(machine.copies()) == 2 * len(before)


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        (".", "srv/data lies in {disk}/, by a mount or symlink: it would be overwritten"),
        ("data", "srv/data lies in {disk}/, by a mount or symlink: it would be overwritten"),
        ("data/inner", "{disk}/ lies in {source}, by a mount or symlink: it would be copied into"),
    ],
)
def test_law_01_no_bind_mount_makes_a_copy_of_itself(
    machine: Machine, bound: str, said: str
) -> None:
    write(machine.source / "data/file")
    write(machine.source / "inner/file")
    live = tree(machine.source)
    machine.space("mount", "--bind", machine.source.parent / bound, machine.disk)
    machine.apply()
    told = machine("run", "nightly", code=5)
    assert said.format(disk=machine.disk, source=machine.source) in told
    found = {name for name in tree(machine.source) if b".policyctl-dest" not in name}
    assert found == set(live)


def test_law_01_another_disk_below_the_copies_is_not_taken_for_them(machine: Machine) -> None:
    machine.apply()
    write(machine.source / "photos/one")
    write(machine.source / "kept")
    machine("run", "nightly")
    photos = machine.disk / "photos"
    theirs = machine.space.seen(photos / "theirs")
    machine.space("mount", "-t", "tmpfs", "tmpfs", photos)
    write(theirs)
    told = machine("run", "nightly", code=5)
    assert f"is mounted at {photos}, and nothing at the last success" in told
    assert theirs.exists()
    machine.space("umount", photos)
    machine("run", "nightly")
    # Where nothing is this leg's, others may mount what they like.
    (machine.disk / "other").mkdir()
    machine.space("mount", "-t", "tmpfs", "tmpfs", machine.disk / "other")
    machine("run", "nightly")
    # What was there at the last success may stay, and must.
    machine.space("mount", "-t", "tmpfs", "tmpfs", photos)
    machine("run", "nightly", "--allow", "other-file-system")
    machine("run", "nightly")
    machine.space("umount", photos)
    assert f"nothing is mounted at {photos}" in machine("run", "nightly", code=5)


def test_a_full_disk_is_told_and_what_it_left_blocks_nothing(machine: Machine) -> None:
    machine.mount("8m")
    machine.apply()
    write(machine.source / "kept/old", os.urandom(100_000))
    machine("run", "nightly")
    before = machine.copies()
    success = machine.leg()["last_success"]
    write(machine.source / "kept/film", os.urandom(12_000_000))
    machine("run", "nightly", code=5)
    leg = machine.leg()
    assert leg["last_run"]["status"] == "failed"
    assert "No space left on device" in leg["last_run"]["reason"]
    assert (leg["health"], leg["last_success"]) == ("failing", success)
    assert machine.free() < 2_000_000, "the room is that of after the run"
    found = machine.copies()
    assert {name: found[name] for name in before} == before
    left = machine.space.seen(machine.disk / "kept/.policyctl-partial/film")
    assert left.stat().st_size > 6_000_000, "it fills the disk"
    # The cause is gone, the half of the film is not: that must not keep the disk full for ever.
    (machine.source / "kept/film").unlink()
    write(machine.source / "kept/more", os.urandom(4_000_000))
    machine("run", "nightly")
    assert machine.copies() == tree(machine.source)
    assert machine.leg()["health"] == "fresh"


def test_half_a_file_whose_source_has_gone_does_not_stay(machine: Machine) -> None:
    """Also where there is room: rsync itself never looks at it again."""
    machine.mount("64m")
    machine.apply(", bandwidth: 2M")
    write(machine.source / "kept/old")
    write(machine.source / "film", os.urandom(12_000_000))
    run = machine.started()
    disk = machine.space.seen(machine.disk)
    wait_until(lambda: any(one.stat().st_size for one in disk.glob(".film.*")))
    stranger = machine.space.seen(machine.disk / "stranger/.policyctl-partial/theirs")
    write(stranger)
    run.process.terminate()
    assert run.end() == (143, "ended by SIGTERM")
    assert (disk / ".policyctl-partial/film").stat().st_size > 0
    (machine.source / "film").unlink()
    for _ in range(2):  # until a pass has succeeded nothing is swept
        machine("run", "nightly")
    assert {name for name in machine.copies() if b".policyctl-partial" in name} == {
        b"stranger/.policyctl-partial",
        b"stranger/.policyctl-partial/theirs",
    }


def test_a_read_only_disk_is_told_and_is_written_once_it_is_writable(machine: Machine) -> None:
    machine.mount("8m")
    machine.apply()
    write(machine.source / "a")
    machine("run", "nightly")
    before = machine.copies()
    write(machine.source / "b")
    (machine.source / "a").unlink()
    machine.space("mount", "-o", "remount,ro", machine.disk)
    machine("run", "nightly", code=6)
    leg = machine.leg()
    assert (leg["last_run"]["status"], leg["health"]) == ("degraded", "failing")
    assert "Read-only file system" in leg["last_run"]["reason"]
    assert machine.copies() == before
    machine.space("mount", "-o", "remount,rw", machine.disk)
    machine("run", "nightly")
    assert machine.copies() == tree(machine.source)


def test_law_11_a_disk_unmounted_in_the_middle_gets_nothing_beside_it(machine: Machine) -> None:
    """What rsync has open it writes on; nothing is deleted, and nothing is called a success."""
    machine.mount("64m")
    machine.apply(", bandwidth: 4M")
    for name in ("gone", "kept"):
        write(machine.source / name)
    machine("run", "nightly")
    before = machine.copies()
    (machine.source / "gone").unlink()
    write(machine.source / "large", os.urandom(4_000_000))
    run = machine.started()
    disk = machine.space.seen(machine.disk)
    wait_until(lambda: list(disk.glob(".large.*")))
    machine.space("mount", "--bind", machine.disk, machine.root / "srv")  # to look at it later
    machine.space("umount", "--lazy", machine.disk)
    code, reason = run.end()
    assert code == 5
    assert "is not what it was when the run began: was it unmounted?" in reason
    assert machine.copies() == {}, "the directory below the mount point stays empty"
    found = tree(machine.space.seen(machine.root / "srv"))
    assert {name: found[name] for name in before} == before
    assert machine.leg()["health"] == "failing"
    machine("run", "nightly", code=5)
    assert "is it mounted?" in machine.leg()["last_run"]["reason"]
    machine.space("mount", "--move", machine.root / "srv", machine.disk)
    machine("run", "nightly")
    assert machine.copies() == tree(machine.source)


def test_a_killed_rsync_is_told_and_the_next_run_goes_on(machine: Machine, tmp_path: Path) -> None:
    machine.mount("64m")
    machine.apply(", bandwidth: 2M")
    write(machine.source / "a")
    write(machine.source / "large", os.urandom(3_000_000))
    program = tmp_path / "bin"
    path = wrap_rsync(program, f'echo $$ > {tmp_path}/rsync.pid; exec {shutil.which("rsync")} "$@"')
    run = machine.started(PATH=path)
    disk = machine.space.seen(machine.disk)
    wait_until(lambda: any(one.stat().st_size for one in disk.glob(".large.*")))
    os.kill(int((tmp_path / "rsync.pid").read_text()), signal.SIGKILL)
    code, reason = run.end()
    assert code == 5
    assert reason.startswith("data: rsync was killed by signal 9")
    assert machine.leg()["last_run"]["status"] == "failed"
    machine("run", "nightly")
    assert machine.copies() == tree(machine.source)


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "SIGINT"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_law_06_a_signal_to_the_whole_group_is_told(
    machine: Machine, number: signal.Signals, code: int, word: str
) -> None:
    """What Ctrl-C sends, and what systemd sends, goes to all processes of the run at once."""
    machine.mount("64m")
    machine.apply(", bandwidth: 2M")
    write(machine.source / "large", os.urandom(3_000_000))
    run = machine.started()
    disk = machine.space.seen(machine.disk)
    wait_until(lambda: any(one.stat().st_size for one in disk.glob(".large.*")))
    for process in _below(run.process.pid):
        os.kill(process, number)
    assert run.end() == (code, f"ended by {word}")
    leg = machine.leg()
    assert (leg["last_run"]["status"], leg["last_success"]) == ("interrupted", None)
    machine("run", "nightly")
    assert machine.copies() == tree(machine.source)


def _below(process: int) -> list[int]:
    """A process and all that it has started."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in children for one in _below(int(child)))]


def test_law_06_a_run_that_was_killed_is_said_to_be(machine: Machine) -> None:
    machine.mount("64m")
    machine.apply(", bandwidth: 40K")  # longer than it takes to ask twice, whatever else goes on
    write(machine.source / "large", os.urandom(3_000_000))
    run = machine.started()
    disk = machine.space.seen(machine.disk)
    wait_until(lambda: any(one.stat().st_size for one in disk.glob(".large.*")))
    assert machine.leg()["last_run"]["status"] is None
    assert machine.leg()["health"] == "waiting for its first run"
    run.process.kill()
    assert run.end() == (-signal.SIGKILL, "")
    wait_until(lambda: not _rsyncs(machine.disk))
    leg = machine.leg()
    assert leg["last_run"]["status"] == "killed"
    assert leg["last_run"]["reason"] == "it ended without telling: killed, or a power cut"
    assert (leg["health"], leg["last_success"]) == ("stale", None)
    machine.apply()
    machine("run", "nightly")
    assert machine.copies() == tree(machine.source)


def test_law_07_what_a_killed_run_has_started_keeps_its_locks(
    machine: Machine, tmp_path: Path
) -> None:
    """Its rsync may write for a moment more: until then nobody else may."""
    machine.mount("64m")
    machine.apply()
    write(machine.source / "file")
    body = (
        f'trap "" TERM; case "$*" in *--version) real "$@"; exit;; esac; echo $$ > {tmp_path}/pid'
    )
    path = wrap_rsync(tmp_path / "bin", f"{body}; while [ ! -e {tmp_path}/go ]; do sleep 0.1; done")
    run = machine.started(PATH=path)
    wait_until((tmp_path / "pid").exists)
    run.process.kill()
    assert run.end() == (-signal.SIGKILL, "")
    machine("run", "nightly", code=75)
    assert machine.leg()["last_run"]["status"] is None, "it goes on, as far as the disk can tell"
    (tmp_path / "go").touch()
    wait_until(lambda: machine.leg()["last_run"]["status"] == "killed")
    machine("run", "nightly")
    assert machine.copies() == tree(machine.source)


def _rsyncs(place: Path) -> list[bytes]:
    lines = (line for _, line in proc_files("cmdline"))
    return [line for line in lines if line.startswith(b"rsync") and bytes(place) in line]


# ── The source, the destination, and what only looks like them ───────────────────────────────


def test_law_11_an_unmounted_empty_or_renamed_source_leaves_the_copies_alone(
    machine: Machine,
) -> None:
    """An unmounted source is an empty one, and a mirror of it would be empty too."""
    machine.space("mount", "-t", "tmpfs", "tmpfs", machine.source)
    machine.mount("64m")
    machine.apply()
    source = machine.space.seen(machine.source)
    for number in range(40):
        write(source / f"{number % 4}/{number}")
    machine("run", "nightly")
    before, success = machine.copies(), machine.leg()["last_success"]
    data, away = machine.root / "srv/data", machine.root / "srv/away"
    changes: tuple[tuple[list[str | Path], list[str | Path], str], ...] = (
        (["umount", data], [], "nothing that this leg takes is in it: is it mounted?"),
        ([], [], "nothing that this leg takes is in it: is it mounted?"),
        (["mv", data, away], ["mv", away, data], "there is nothing (is it mounted?)"),
    )
    for make, mend, reason in changes:
        if make:
            machine.space(*make)
        machine("run", "nightly", code=5)
        leg = machine.leg()
        assert leg["last_run"]["status"] == "refused"
        assert reason in leg["last_run"]["reason"]
        assert (leg["health"], leg["last_success"]) == ("failing", success)
        assert machine.copies() == before
        if mend:
            machine.space(*mend)
    # Somebody writes a file into the directory below the mount point: no longer empty, not right.
    for number in range(40):
        write(machine.source / f"{number % 4}/{number}", "not the data")
    machine("run", "nightly", code=5)
    assert "at the last success" in machine.leg()["last_run"]["reason"]
    assert machine.copies() == before


IDENTITY = """\
import sys
from datetime import UTC, datetime
from pathlib import Path
from engine.system.host.places import Places
from engine.system.runs.runner import run_leg
from tests.integration.lab import compiled, install
plan = compiled(Path(sys.argv[1]).read_text())
places = Places(root=Path("/"), state=Path(sys.argv[2]))
if sys.argv[3] == "apply":
    print(*(one.sentence for one in install(plan, places, datetime.now(UTC))))
else:
    report = run_leg(plan, "nightly", places=places)
    print(report.status.value, report.reason)
"""


def test_law_11_a_bind_mount_of_an_empty_folder_is_not_the_disk(machine: Machine) -> None:
    """No root but `/`: file systems are told apart by what the kernel says, not by a marker.

    A unit with `ReadWritePaths=` makes such a mount, so `mountpoint` says yes with no disk there.
    """
    text = manifest()
    for path in ("/mnt/disk", "/srv/data"):
        text = text.replace(f" {path}", f" {machine.root}{path}")
    text = text.replace("media: hdd", "mount: required, media: hdd")
    policy, state = machine.root / "policy.yaml", machine.root / "state"
    policy.write_text(text)

    def act(what: str) -> str:
        command = [sys.executable, "-c", IDENTITY, str(policy), str(state), what]
        done = subprocess.run(
            [*machine.space.prefix(), *command],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    write(machine.source / "a")
    assert "is not mounted; mount it, then" in act("apply")
    machine.mount("64m")
    assert act("apply").startswith("recorded as tmpfs:tmpfs:")
    assert act("run") == "ok"
    machine.space("umount", machine.disk)
    for _ in range(2):
        outcome = act("run")
        assert outcome.startswith("refused data: destination disk: identity: ")
        assert "was recorded: is it mounted?" in outcome
        assert list(machine.space.seen(machine.disk).iterdir()) == []
        machine.space("mount", "--bind", machine.disk, machine.disk)
        machine.space("mountpoint", machine.disk)
    machine.space("umount", machine.disk)
    machine.space("umount", machine.disk)
    # Another disk in its place is not the disk either.
    machine.mount("64m")
    assert act("run").startswith("refused data: destination disk: identity: ")
