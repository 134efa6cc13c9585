"""Each command of LVM, and the look after it; the real LVM is asked in tests/lab/test_thin.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.items.lvm_commands import (
    activate_command,
    clone_command,
    look_command,
    remove_command,
    resume_command,
    retag_command,
)
from engine.items.thin_names import LvName
from engine.system.host.signals import Interrupted
from engine.system.items import thin_pool
from engine.system.items.failures import LvmFailed
from tests.fake_commands import fake_commands
from tests.fake_lvm import (
    CLONE,
    MOMENT,
    SNAP,
    SUSPENDED,
    WEB,
    FakeLvm,
    clone,
    lv,
    snapshot,
    volume,
)
from tests.reports import POOL, Lv, report


@pytest.fixture
def lvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLvm]:
    with fake_commands(tmp_path / "bin", monkeypatch) as commands:
        yield FakeLvm(commands)


def test_a_pool_is_looked_at(lvm: FakeLvm) -> None:
    lvm.commands.expect(look_command("pve"), out=report(POOL, WEB, SNAP), err="  WARNING: thin\n")
    found = thin_pool.look(LvName(group="pve", volume="data"))
    assert [one.of for one in found.snapshots] == ["web"]
    (call,) = lvm.commands.calls
    assert call["env"]["LC_ALL"] == "C"
    assert call["env"]["LVM_SUPPRESS_FD_WARNINGS"] == "1"


def test_law_33_a_look_that_failed_is_no_empty_pool(lvm: FakeLvm) -> None:
    argv = look_command("pve")
    err = '  WARNING: x\n  Volume group "pve" not found\n  Cannot process volume group pve\n'
    lvm.commands.expect(argv, code=5, err=err)
    with pytest.raises(LvmFailed, match=r'^lvs: Volume group "pve" not found; Cannot process'):
        thin_pool.look(LvName(group="pve", volume="data"))
    lvm.commands.expect(argv, out=report(WEB))
    with pytest.raises(LvmFailed, match="lvs about pve/data: the group pve has no thin pool data"):
        thin_pool.look(LvName(group="pve", volume="data"))
    lvm.commands.expect(argv, out="")
    with pytest.raises(LvmFailed, match="no JSON"):
        thin_pool.look(LvName(group="pve", volume="data"))


def test_a_missing_lvm_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LvmFailed, match="lvs cannot be run: No such file"):
        thin_pool.look(LvName(group="pve", volume="data"))


def test_a_snapshot_is_taken_and_looked_for(lvm: FakeLvm) -> None:
    lvm.seen(WEB, WEB)
    lvm.take()
    lvm.seen(SNAP, SNAP)
    found = thin_pool.take_snapshot(volume(), MOMENT, "nightly")
    assert (found.of, found.moment, found.leg) == ("web", MOMENT, "nightly")


@pytest.mark.parametrize(
    "after",
    [
        (),
        (replace(SNAP, tags=""),),
        (replace(SNAP, tags="policyctl/other"),),
        (replace(SNAP, origin="other"),),
    ],
)
def test_law_14_a_snapshot_that_is_not_there_was_not_taken(
    lvm: FakeLvm, after: tuple[Lv, ...]
) -> None:
    lvm.seen(WEB, WEB)
    lvm.take()
    lvm.seen(SNAP, *after)
    with pytest.raises(LvmFailed, match="lvcreate has succeeded, but"):
        thin_pool.take_snapshot(volume(), MOMENT, "nightly")


@pytest.mark.parametrize("now", [(), (replace(WEB, uuid="other"),)])
def test_law_24_another_volume_of_the_name_is_not_taken(lvm: FakeLvm, now: tuple[Lv, ...]) -> None:
    lvm.seen(WEB, *now)
    with pytest.raises(LvmFailed, match="not the volume any more"):
        thin_pool.take_snapshot(volume(), MOMENT, "nightly")


def test_a_suspended_volume_goes_on_before_its_snapshot(lvm: FakeLvm) -> None:
    """LVM would put the pool out of order otherwise."""
    lvm.seen(WEB, SUSPENDED)
    lvm.commands.expect(resume_command(volume()))
    lvm.seen(WEB, WEB)
    lvm.take()
    lvm.seen(SNAP, SNAP)
    thin_pool.take_snapshot(volume(), MOMENT, "nightly")


def test_a_volume_that_cannot_go_on_gets_no_snapshot(lvm: FakeLvm) -> None:
    lvm.seen(WEB, SUSPENDED)
    lvm.commands.expect(resume_command(volume()))
    lvm.seen(WEB, SUSPENDED)
    with pytest.raises(LvmFailed, match="still suspended"):
        thin_pool.take_snapshot(volume(), MOMENT, "nightly")


def test_after_a_failure_no_volume_stays_suspended(lvm: FakeLvm) -> None:
    lvm.seen(WEB, WEB)
    lvm.take(code=5, err="  WARNING: sizes\n  device-mapper: message ioctl failed\n")
    lvm.seen(WEB, SUSPENDED)
    lvm.commands.expect(resume_command(volume()))
    lvm.seen(WEB, WEB)
    with pytest.raises(LvmFailed, match=r"^lvcreate: device-mapper: message ioctl failed$"):
        thin_pool.take_snapshot(volume(), MOMENT, "nightly")


def test_nor_after_a_command_that_did_not_end(
    lvm: FakeLvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thin_pool, "_CHANGE_SECONDS", 2.0)
    lvm.seen(WEB, WEB)
    lvm.take(seconds=60)
    lvm.seen(WEB, WEB)
    with pytest.raises(LvmFailed, match="lvcreate did not end in time"):
        thin_pool.take_snapshot(volume(), MOMENT, "nightly")


def test_nor_after_a_signal(lvm: FakeLvm, monkeypatch: pytest.MonkeyPatch) -> None:
    lvm.seen(WEB, WEB)
    lvm.seen(WEB, WEB)

    def interrupted(arguments: object) -> None:
        raise Interrupted(15)

    monkeypatch.setattr(thin_pool, "_change", interrupted)
    with pytest.raises(Interrupted):
        thin_pool.take_snapshot(volume(), MOMENT, "nightly")


def test_a_name_that_lvm_would_choke_on_is_refused_before_it_is_asked(lvm: FakeLvm) -> None:
    long = Lv(name="a" * 110)
    with pytest.raises(LvmFailed, match="more than 124 characters"):
        thin_pool.take_snapshot(volume(long), MOMENT, "nightly")


def test_a_clone_is_made_and_activated(lvm: FakeLvm) -> None:
    lvm.commands.expect(clone_command(lv(SNAP), lv(CLONE), "files"))
    lvm.seen(CLONE, CLONE)
    made = thin_pool.make_clone(snapshot(), "files")
    assert made == clone()
    lvm.commands.expect(activate_command(lv(CLONE)))
    lvm.seen(CLONE, replace(CLONE, attributes="Vwi-a-tz-k"))
    thin_pool.activate(made.volume.name)
    lvm.commands.expect(activate_command(lv(CLONE)))
    lvm.seen(CLONE, CLONE)
    with pytest.raises(LvmFailed, match="is not active"):
        thin_pool.activate(made.volume.name)


def test_a_clone_of_something_else_is_none(lvm: FakeLvm) -> None:
    lvm.commands.expect(clone_command(lv(SNAP), lv(CLONE), "files"))
    lvm.seen(CLONE, replace(CLONE, origin="web"))
    with pytest.raises(LvmFailed, match="is no clone of"):
        thin_pool.make_clone(snapshot(), "files")


def test_what_is_removed_is_gone(lvm: FakeLvm) -> None:
    lvm.commands.expect(remove_command(snapshot()))
    lvm.seen(SNAP)
    thin_pool.remove(snapshot())


def test_what_is_gone_already_is_no_failure(lvm: FakeLvm) -> None:
    lvm.commands.expect(remove_command(snapshot()), code=5, err="  Failed to find logical volume\n")
    lvm.seen(SNAP)
    thin_pool.remove(snapshot())


def test_what_is_still_there_was_not_removed(lvm: FakeLvm) -> None:
    lvm.commands.expect(remove_command(clone()), code=5, err="  It contains a filesystem in use.\n")
    lvm.seen(CLONE, CLONE)
    with pytest.raises(LvmFailed, match="is not removed: It contains a filesystem in use"):
        thin_pool.remove(clone())
    lvm.commands.expect(remove_command(snapshot()))  # LVM succeeds where nothing is selected
    lvm.seen(SNAP, replace(SNAP, uuid="another"))
    with pytest.raises(LvmFailed, match="is not removed: it is another one now"):
        thin_pool.remove(snapshot())


def test_a_renamed_leg_takes_its_snapshots_along(lvm: FakeLvm) -> None:
    lvm.commands.expect(retag_command(snapshot(), "hourly"))
    lvm.seen(SNAP, replace(SNAP, tags="policyctl/hourly"))
    assert thin_pool.retag(snapshot(), "hourly").leg == "hourly"
    lvm.commands.expect(retag_command(snapshot(), "hourly"))
    lvm.seen(SNAP, SNAP)
    with pytest.raises(LvmFailed, match="has not its tag"):
        thin_pool.retag(snapshot(), "hourly")
