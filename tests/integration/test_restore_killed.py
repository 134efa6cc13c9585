"""A restore that is killed at any instant loses nothing, and the same command goes on."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from engine.system.restore import carry_out as carry_out_module
from engine.system.restore import staging
from engine.system.restore.carry_out import RestoreRun
from engine.system.restore.outcome import Restored
from policyctl.aiming import into_folder, into_place
from policyctl.asking import Wish
from policyctl.boundary import Refused
from policyctl.fetching import carry_out
from policyctl.forewarning import left_behind
from policyctl.opening import restoring
from tests.integration.killing import Patch, die, killed
from tests.integration.lab import Lab, manifest, tree, wrap_rsync, write

pytestmark = pytest.mark.tool("rsync")
PATH = "/srv/data/photos"
GOOD = {b"cat": ("file", b"good"), b"inner": ("directory", b""), b"inner/dog": ("file", b"good")}
BAD = {b"cat": ("file", b"bad")}


class House(Lab):
    """A lab whose photos are damaged after a run."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, manifest(", deleted: {keep: 30d}"))
        for name in ("cat", "inner/dog"):
            write(self.source / "photos" / name, b"good")
        self.run()
        write(self.source / "photos/cat", b"bad")
        (self.source / "photos/inner/dog").unlink()
        (self.source / "photos/inner").rmdir()
        self.manifest = root / "backup-policy.yaml"
        self.manifest.write_text(self.text)

    def restore(self, to: Path | None = None, *, pattern: str = "") -> Restored:
        with restoring(self.manifest, self.root) as work:
            asked = work.ask(pattern or PATH, glob=bool(pattern))
            found = work.find(asked, Wish())
            aim = (
                into_folder(work, found, to, anywhere=False)
                if to is not None
                else into_place(work, found.asked)
            )
            return carry_out(work, work.propose(found, aim), None)

    def everywhere(self) -> list[dict[bytes, tuple[str, bytes]]]:
        """All that is called `photos` in the source."""
        return [tree(one) for one in self.source.glob("**/photos") if one.is_dir()]


def before(number: int, *, name: str = "_carry_out") -> Patch:
    """Die before the n-th call of a method of the run."""

    def patch() -> None:
        real, count = getattr(RestoreRun, name), 0

        def counting(self: RestoreRun, *arguments: object) -> object:
            nonlocal count
            if count == number:
                die()
            count += 1
            return real(self, *arguments)

        setattr(RestoreRun, name, counting)  # in this process alone

    return patch


@pytest.mark.parametrize("step", range(6))
def test_in_place_whatever_step_it_was_killed_before(tmp_path: Path, step: int) -> None:
    house = House(tmp_path)
    killed(house.restore, before(step))
    assert BAD in house.everywhere(), "what was there is there, under one name or the other"
    house.restore()
    assert tree(house.source / "photos") == GOOD
    (kept,) = house.source.glob(".policyctl-before-*")
    assert tree(kept / "photos") == BAD
    assert list(house.source.glob(".policyctl-restore-*")) == []


@pytest.mark.parametrize("step", range(5))
def test_into_a_new_folder_whatever_step_it_was_killed_before(tmp_path: Path, step: int) -> None:
    house, to = House(tmp_path / "root"), tmp_path / "to"
    killed(lambda: house.restore(to), before(step))
    house.restore(to)
    assert tree(to / "photos") == GOOD
    assert [one.name for one in to.iterdir()] == ["photos"]


@pytest.mark.parametrize("body", ["kill -9 $PPID; sleep 1", 'real "$@"; kill -9 $PPID; sleep 1'])
def test_while_rsync_runs(tmp_path: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path / "root")
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", body.replace(' "$@"', "")))
        killed(house.restore, lambda: None)
    assert tree(house.source / "photos") == BAD
    house.restore()
    assert tree(house.source / "photos") == GOOD


def test_what_was_put_there_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    house = House(tmp_path)
    killed(house.restore, before(4))
    write(house.source / "photos/new", b"by somebody")
    with pytest.raises(Exception, match="something lies there already, and nothing is overwritten"):
        house.restore()
    assert tree(house.source / "photos") == {b"new": ("file", b"by somebody")}
    assert BAD in house.everywhere()


def damaged_anew(house: House) -> None:
    """Good photos, carried by a run; then other bad ones."""
    write(house.source / "photos/cat", b"a better one")
    house.run()
    write(house.source / "photos/cat", b"bad once more")


def test_what_came_before_a_later_run_is_not_taken_for_the_newest(tmp_path: Path) -> None:
    """All had come, nothing was renamed; days later the same command is typed again."""
    house = House(tmp_path)
    killed(house.restore, before(3))
    damaged_anew(house)
    house.restore()
    assert (house.source / "photos/cat").read_bytes() == b"a better one"


@pytest.mark.parametrize("gone", [False, True])
def test_a_restore_that_had_ended_but_for_its_folder_is_not_the_next_one(
    tmp_path: Path, gone: bool
) -> None:
    house = House(tmp_path)
    killed(house.restore, before(5))
    (house.source / "photos/cat").unlink()
    if gone:
        (house.source / "photos/inner/dog").unlink()
        (house.source / "photos/inner").rmdir()
        (house.source / "photos").rmdir()
    else:
        write(house.source / "photos/cat", b"bad again")
    house.restore()
    assert tree(house.source / "photos") == GOOD
    assert BAD in house.everywhere()


def test_a_pattern_that_was_cut_off_is_not_the_whole(tmp_path: Path) -> None:
    house, to = House(tmp_path / "root"), tmp_path / "to"
    killed(lambda: house.restore(to, pattern=PATH + "/c*"), before(3))
    assert not (to / "photos").exists()
    with pytest.raises(Refused, match="is not empty"):
        house.restore(to)
    killed(lambda: house.restore(tmp_path / "other", pattern=PATH + "/c*"), before(1))
    house.restore(tmp_path / "other", pattern=PATH + "/c*")
    assert tree(tmp_path / "other/photos") == {b"cat": ("file", b"good")}


def test_a_run_between_that_deletes_the_copy_takes_nothing_from_what_came(tmp_path: Path) -> None:
    """Between the two renames nothing lies at the path, and the next run believes that."""
    house = House(tmp_path)
    killed(house.restore, before(4))
    write(house.source / "another", b"an empty source would be refused")
    house.run()
    assert not (house.disk / "photos").exists(), "nobody can know"
    done = house.restore()
    assert tree(house.source / "photos") == GOOD
    assert done.instead.startswith("disk of ")


def test_where_no_copy_is_left_it_is_told_what_an_earlier_try_has_brought(tmp_path: Path) -> None:
    house = House(tmp_path)
    killed(house.restore, before(4))
    with restoring(house.manifest, house.root) as work:
        aim = into_place(work, work.ask(PATH))
        one, two = left_behind(aim)
        assert one.startswith(os.fsencode(house.source) + b"/.policyctl-before-")
        assert two.startswith(os.fsencode(house.source) + b"/.policyctl-restore-")
        assert tuple(left_behind(replace(aim, name=b"other"))) == ()
        assert tuple(left_behind(replace(aim, below=(b"away",)))) == ()


def test_what_came_before_it_was_cut_off_is_told_where_it_is_no_more_what_is_chosen(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    killed(house.restore, before(4))
    damaged_anew(house)
    (house.source / "photos/cat").unlink()
    (house.source / "photos").rmdir()
    done = house.restore()
    assert tree(house.source / "photos") == GOOD
    assert "disk" in done.instead
    assert house.restore().instead == ""
    assert (house.source / "photos/cat").read_bytes() == b"a better one"


@pytest.mark.parametrize("tries", [1, 2])
def test_what_came_before_the_machine_crashed_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """A file that was not on the disk yet has its size and time, and zeros in it."""
    house = House(tmp_path)
    killed(house.restore, before(2))
    (came,) = house.source.glob(".policyctl-restore-*/tree/photos/cat")
    times = came.stat()
    came.write_bytes(bytes(times.st_size))
    os.utime(came, ns=(times.st_atime_ns, times.st_mtime_ns))
    monkeypatch.setattr(carry_out_module, "this_boot", lambda: "another life")
    for _ in range(tries - 1):
        killed(house.restore, before(1))
    house.restore()
    assert tree(house.source / "photos") == GOOD


def test_two_at_once_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path / "root")
    monkeypatch.setattr(staging, "PATIENCE", 0.1)
    refused: list[str] = []
    real = RestoreRun._checked

    def meanwhile(self: RestoreRun) -> None:
        monkeypatch.setattr(RestoreRun, "_checked", real)
        try:
            house.restore()
        except Refused as error:
            refused.append(str(error))
        real(self)

    monkeypatch.setattr(RestoreRun, "_checked", meanwhile)
    house.restore()
    assert ["is being restored already" in one for one in refused] == [True]
    assert tree(house.source / "photos") == GOOD
    assert len(list(house.source.glob(".policyctl-before-*"))) == 1
