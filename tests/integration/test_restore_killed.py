"""A restore that is killed at any instant loses nothing, and the same command goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.system.restore.carry_out import RestoreRun
from policyctl.fetching import carry_out
from policyctl.opening import restoring
from tests.integration.killing import Patch, die, killed
from tests.integration.lab import Lab, tree, wrap_rsync, write

pytestmark = pytest.mark.tool("rsync")
PATH = "/srv/data/photos"
GOOD = {b"cat": ("file", b"good"), b"inner": ("directory", b""), b"inner/dog": ("file", b"good")}
BAD = {b"cat": ("file", b"bad")}


class House(Lab):
    """A lab whose photos are damaged after a run."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        for name in ("cat", "inner/dog"):
            write(self.source / "photos" / name, b"good")
        self.run()
        write(self.source / "photos/cat", b"bad")
        (self.source / "photos/inner/dog").unlink()
        (self.source / "photos/inner").rmdir()
        self.manifest = root / "backup-policy.yaml"
        self.manifest.write_text(self.text)

    def restore(self, to: Path | None = None) -> None:
        with restoring(self.manifest, self.root) as work:
            found = work.find(work.ask(PATH), as_of=None, place=None)
            aim = (
                work.into_folder(found, to, anywhere=False)
                if to is not None
                else work.into_place(found.asked)
            )
            carry_out(work, work.propose(found, aim), None)

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
