"""Drills of copies on another machine, of generations, below a full disk."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.drill.outcome import Drilled, Status
from engine.plan.model import DrillPlan, Plan
from engine.records.measurement import DirectoryVolume, Measurement, Volume
from engine.system.drill import bring as checking
from engine.system.drill.bring import Batch, Checked
from engine.system.drill.pieces import Holding
from engine.system.drill.rehearse import Asked, Rehearsed, rehearse
from engine.system.drill.scratch import Private
from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.restore.carry_out import RestoreRun
from engine.system.runs.runner import run_leg
from engine.system.state.drills import Drills
from engine.system.state.measurements import Measurements
from engine.system.state.renames import follow_renames
from engine.system.state.state import open_state
from tests.integration.btrfs import mounted_btrfs, subvolume
from tests.integration.killing import die, killed
from tests.integration.lab import HOSTILE, at, compiled, install, tree, wrap_rsync, write
from tests.integration.sshd import Server, serving

pytestmark = pytest.mark.tool("rsync")
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: {top}/disk, media: hdd, site: home}}
{destinations}sources:
  data: {{{source}}}
legs:
{legs}{routes}drills:
  all: {{source: data, schedule: yearly, scratch: {top}/scratch{drill}}}
"""


class World:
    """One machine below a folder, its clock the real one."""

    def __init__(
        self,
        top: Path,
        *,
        destinations: str = "",
        source: str = "kind: tree, path: {top}/data",
        legs: str,
        routes: str = "",
        drill: str = "",
    ) -> None:
        self.top = top
        for name in ("data", "disk", "scratch"):
            (top / name).mkdir(parents=True, exist_ok=True)
        parts = (destinations, source, legs, routes, drill)
        filled = [one.replace("{top}", str(top)) for one in parts]
        names = ("destinations", "source", "legs", "routes", "drill")
        text = MANIFEST.format(
            host=socket.gethostname(), top=top, **dict(zip(names, filled, strict=True))
        )
        self.plan: Plan = compiled(text)
        self.places = Places(state=top / "state")
        install(self.plan, self.places, datetime.now(UTC))
        follow_renames(self.plan, self.places)
        self.said: list[str] = []

    @property
    def one(self) -> DrillPlan:
        return self.plan.drills[0]

    def run(self, *legs: str) -> None:
        time.sleep(0.1)  # what was written just now may be newer than the run, to the kernel
        for leg in legs:
            report = run_leg(self.plan, leg, places=self.places, clock=lambda: datetime.now(UTC))
            assert report.status.succeeded, report.reason

    def drill(self, place: str | None = None, *, keep: bool = False, seed: int = 1) -> Rehearsed:
        return rehearse(
            self.plan,
            self.one,
            Asked(seed=seed, place=place, keep=keep),
            places=self.places,
            clock=lambda: datetime.now(UTC),
            say=self.said.append,
        )

    def good(self, place: str | None = None) -> Drilled:
        found = self.drill(place).drilled
        assert found.status is Status.OK, found
        assert list((self.top / "scratch").iterdir()) == []
        return found

    def bad(self, place: str | None = None) -> Drilled:
        found = self.drill(place).drilled
        assert found.status is Status.FAILED, found
        assert list((self.top / "scratch").iterdir()) == []
        return found

    def refused(self, place: str | None = None) -> str:
        found = self.drill(place).drilled
        assert found.status is Status.REFUSED, found
        assert list((self.top / "scratch").iterdir()) == []
        return found.reason


def rot(path: Path) -> None:
    """Change a byte as a failing disk does: size and time stay."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


MIRROR = '  nightly: {kind: mirror, to: "disk:/", schedule: "02:00", timeout: 5m}\n'
ROUTES = "routes:\n  {top}/data: nightly\n"


@pytest.fixture
def mirrored(tmp_path: Path) -> World:
    world = World(tmp_path / "top", legs=MIRROR, routes=ROUTES)
    for number in range(5):
        write(world.top / f"data/inner/{number}", b"%d" % number)
    world.run("nightly")
    return world


# ── On another machine ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def away(tmp_path: Path) -> Iterator[tuple[World, Server]]:
    with serving(tmp_path / "server") as server:
        nas = f"  nas: {{path: {{top}}/nas, media: nas, site: away, {server.yaml()}}}\n"
        (tmp_path / "top/nas").mkdir(parents=True)
        world = World(
            tmp_path / "top",
            destinations=nas,
            legs='  offsite: {kind: mirror, to: "nas:/copies", schedule: "02:00", timeout: 5m}\n',
            routes="routes:\n  {top}/data: offsite\n",
            drill=", within: 1h",
        )
        for name in HOSTILE:
            write(at(world.top / "data", name, b"inner"), b"x" + name)
        world.run("offsite")
        yield world, server


@pytest.mark.tool("sshd", "ssh-keygen")
def test_law_34_any_name_comes_back_from_another_machine(away: tuple[World, Server]) -> None:
    world, _ = away
    found = world.good()
    assert (found.place, found.files, found.compared) == ("nas", len(HOSTILE), len(HOSTILE))
    done = world.drill(keep=True)
    kept = Path(os.fsdecode(done.kept)) / "0-offsite"
    assert tree(kept) == tree(world.top / "data")


@pytest.mark.tool("sshd", "ssh-keygen")
def test_a_byte_that_another_machine_has_lost_is_found(away: tuple[World, Server]) -> None:
    world, _ = away
    name = HOSTILE[0]
    rot(at(world.top / "nas/copies", name, b"inner"))
    found = world.bad()
    (fault,) = found.faults
    assert (fault.path, fault.place) == (name + b"/inner", "nas")
    assert "not that in the live data" in fault.what
    assert found.estimate is not None


@pytest.mark.tool("sshd", "ssh-keygen")
def test_without_live_data_nothing_can_be_compared_and_that_is_said(
    away: tuple[World, Server],
) -> None:
    world, _ = away
    (world.top / "data").rename(world.top / "gone")
    found = world.good()
    assert (found.files, found.compared) == (len(HOSTILE), 0)


@pytest.mark.tool("sshd", "ssh-keygen")
def test_a_machine_that_gives_no_answer_refuses_the_drill(away: tuple[World, Server]) -> None:
    world, server = away
    server.stop()
    said = world.refused()
    assert said.startswith("nothing of data can be restored from nas: it could not be looked at")
    assert "Connection refused" in said


@pytest.mark.tool("sshd", "ssh-keygen")
def test_what_nothing_here_can_vouch_for_is_compared_with_a_far_copy(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as server:
        (tmp_path / "top/nas").mkdir(parents=True)
        world = World(
            tmp_path / "top",
            destinations=f"  nas: {{path: {{top}}/nas, media: nas, site: away, {server.yaml()}}}\n",
            legs=MIRROR + '  offsite: {kind: mirror, from: disk, to: "nas:/all", schedule: "04:00",'
            " timeout: 5m}\n",
            routes=ROUTES,
        )
        for name in HOSTILE:
            write(at(world.top / "data", name, b"inner"), b"x" + name)
        world.run("nightly", "offsite")
        (world.top / "data").rename(world.top / "gone")
        found = world.good("disk")
        assert (found.files, found.compared) == (len(HOSTILE), len(HOSTILE))
        rot(at(world.top / "nas/all", HOSTILE[0], b"inner"))
        (fault,) = world.bad("disk").faults
        assert fault.path == HOSTILE[0] + b"/inner"
        assert "not that in nas, though both are of the same moment" in fault.what
        server.stop()
        assert world.good("disk").compared == 0, "who gives no answer says nothing of the disk"


# ── Generations ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def dated(tmp_path: Path) -> World:
    legs = (
        '  weekly: {kind: versions, from: data, to: "disk:/weeks", schedule: "Sun 02:00",'
        " keep: {last: 5}, timeout: 5m}\n"
    )
    world = World(tmp_path / "top", legs=legs)
    write(world.top / "data/file", b"first")
    write(world.top / "data/other", b"other")
    world.run("weekly")
    return world


def test_the_newest_generation_comes_back(dated: World) -> None:
    write(dated.top / "data/file", b"second")
    time.sleep(1.05)  # a generation has the name of its second
    dated.run("weekly")
    done = dated.drill(keep=True)
    assert done.drilled.status is Status.OK
    kept = Path(os.fsdecode(done.kept)) / "0-weekly"
    assert tree(kept) == {b"file": ("file", b"second"), b"other": ("file", b"other")}
    assert done.drilled.compared == 2


def test_a_damaged_generation_is_named_by_what_restore_takes(dated: World) -> None:
    (generation,) = (dated.top / "disk/weeks").glob("2*")
    rot(generation / "file")
    (fault,) = dated.bad().faults
    assert fault.place == f"disk:{generation.name}"
    assert fault.path == b"file"


@pytest.mark.root
@pytest.mark.tool("mkfs.btrfs", "btrfs", "mount")
def test_each_item_is_a_piece_of_its_own(tmp_path: Path) -> None:
    pool = tmp_path / "top/pool"
    pool.mkdir(parents=True)
    with mounted_btrfs(tmp_path, pool):
        for name in ("web", "mail"):
            subvolume(pool / name)
            write(pool / name / "file", name)
        world = World(
            tmp_path / "top",
            source='kind: btrfs, path: {top}/pool, subvolumes: "*"',
            legs='  snaps: {kind: snapshot, schedule: "00:00", keep: {last: 3}, timeout: 5m}\n'
            '  files: {kind: versions, from: snaps, to: "disk:/files", schedule: "05:00",'
            " keep: {last: 3}, timeout: 5m}\n",
            routes='routes:\n  "data:": snaps\n',
        )
        time.sleep(1.05)  # a snapshot has the moment of its name, in whole seconds
        world.run("snaps", "files")
        found = world.good()
        assert (found.files, found.compared) == (2, 2)
        (generation,) = (world.top / "disk/files/mail").glob("2*")
        rot(generation / "file")
        (fault,) = world.bad().faults
        assert (fault.item, fault.path) == ("mail", b"file")


# ── Runs beside it, room, and what somebody makes of names ───────────────────────────────────


def test_a_run_that_writes_the_copy_has_it_taken_once_more(
    mirrored: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy changes while it is restored, by a run that the records know of."""
    rot(mirrored.top / "disk/inner/3")
    began: list[str] = []
    real_check = checking.check

    def check(
        holding: Holding, batch: Batch, private: Private, checked: Checked, limit: float
    ) -> None:
        real_check(holding, batch, private, checked, limit)
        if not began:
            began.append("run")
            rot(mirrored.top / "disk/inner/3")
            mirrored.run("nightly")

    monkeypatch.setattr("engine.system.drill.rehearse.check", check)
    found = mirrored.good()
    assert found.files == 5
    assert any("nightly wrote at disk while it was restored" in one for one in mirrored.said)


def test_it_waits_for_a_run_that_goes_on(mirrored: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    with hold(mirrored.places.leg_lock("nightly")) as held:
        monkeypatch.setattr("engine.system.drill.rehearse.time.sleep", _letting_go(held, slept))
        mirrored.good()
    assert slept
    assert "all: waiting for nightly" in mirrored.said


def _letting_go(held: int, slept: list[float]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        slept.append(seconds)
        fcntl.flock(held, fcntl.LOCK_UN)

    return sleep


def test_law_41_a_symlink_in_a_copy_leads_nowhere(mirrored: World, tmp_path: Path) -> None:
    """What a directory was when it was listed, and is no more when it is fetched."""
    outside = tmp_path / "outside"
    write(outside / "3", b"secret of somebody else")
    body = (
        f'case "$*" in *--list-only*) real "$@"; mv {mirrored.top}/disk/inner '
        f"{mirrored.top}/disk/was; ln -s {outside} {mirrored.top}/disk/inner;; "
        '*) real "$@";; esac'
    )
    path = wrap_rsync(tmp_path / "bin", body)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", path)
        done = mirrored.drill(keep=True)
    assert done.drilled.status is Status.FAILED
    assert done.drilled.bytes == 0
    assert b"secret" not in b"".join(
        one.read_bytes() for one in (mirrored.top / "scratch").rglob("*") if one.is_file()
    )


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_a_scratch_disk_that_fills_up_leaves_nothing(mirrored: World, tmp_path: Path) -> None:
    scratch = mirrored.top / "scratch"
    write(mirrored.top / "data/large", os.urandom(6 << 20))
    mirrored.run("nightly")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(scratch)], check=True)
    try:
        fill = f"head -c 78M /dev/zero > {scratch}/others 2>/dev/null"
        body = f'case "$*" in *--list-only*) ;; *) {fill};; esac; real "$@"'
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PATH", wrap_rsync(tmp_path / "bin", body))
            done = mirrored.drill().drilled
        assert done.status is Status.FAILED
        assert "No space left on device" in done.reason
        assert done.reason.endswith("what came is removed")
        assert [one.name for one in scratch.iterdir()] == ["others"]
        refused = mirrored.drill().drilled
        assert refused.status is Status.REFUSED
        assert "bytes free" in refused.reason
        assert [one.name for one in scratch.iterdir()] == ["others"]
    finally:
        subprocess.run(["umount", str(scratch)], check=True)


@pytest.mark.parametrize("step", range(5))
def test_whatever_step_it_was_killed_before_the_next_one_clears_up(
    mirrored: World, step: int
) -> None:
    def patch() -> None:
        name = "_carry_out"
        real, count = getattr(RestoreRun, name), 0

        def counting(self: RestoreRun, *arguments: object) -> object:
            nonlocal count
            if count == step:
                die()
            count += 1
            return real(self, *arguments)

        setattr(RestoreRun, name, counting)  # in this process alone

    killed(mirrored.drill, patch)
    left = [one.name for one in (mirrored.top / "scratch").iterdir()]
    assert left == [".policyctl-drill-all"]
    with open_state(mirrored.places.state_file) as state:
        (begun,) = Drills(state.connection).of("all")
        assert (begun.status, begun.ended) == (None, None)
    mirrored.good()


def test_the_whole_is_as_much_as_was_measured(mirrored: World) -> None:
    assert mirrored.good().whole == 5, "what lies there, where nothing was measured"
    measured = Measurement(
        at=datetime.now(UTC),
        seconds=1.0,
        ignores="",
        rows=(DirectoryVolume(b"", 1, 95), DirectoryVolume(b"inner", 5, 5)),
        ignored=Volume(),
        unreadable=0,
    )
    with open_state(mirrored.places.state_file) as state:
        Measurements(state.connection).put("data", measured)
    found = mirrored.good()
    assert found.whole == 100
    assert found.estimate == pytest.approx(found.seconds * 20)
