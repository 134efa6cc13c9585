"""LVM in the group `pve`, one expected command after the other, and a few lines of its reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from engine.items.lvm_commands import look_at_command, snapshot_command
from engine.items.thin_names import LvName, clone_name
from engine.items.thin_pool import OpenClone, ThinSnapshot, ThinVolume, read_member
from tests.fake_commands import FakeCommands
from tests.reports import Lv, report

MOMENT = datetime(2026, 11, 28, 3, tzinfo=UTC)
WEB = Lv(name="web")
SNAP = Lv(
    name="web.policyctl.2026-11-28T03-00-00Z",
    origin="web",
    tags="policyctl/nightly",
    attributes="Vri---tz-k",
    uuid="snap",
)
CLONE = Lv(
    name=clone_name(SNAP.name, "files"),
    origin=SNAP.name,
    tags="policyctl-open/files",
    attributes="Vwi---tz-k",
    uuid="clone",
)
SUSPENDED = replace(WEB, attributes="Vwi-sotz--")


def lv(line: Lv) -> LvName:
    return LvName(group="pve", volume=line.name)


def volume(line: Lv = WEB) -> ThinVolume:
    found = read_member(report(line).encode(), lv(line))
    assert isinstance(found, ThinVolume)
    return found


def snapshot(line: Lv = SNAP) -> ThinSnapshot:
    found = read_member(report(line).encode(), lv(line))
    assert isinstance(found, ThinSnapshot)
    return found


def clone(line: Lv = CLONE) -> OpenClone:
    found = read_member(report(line).encode(), lv(line))
    assert isinstance(found, OpenClone)
    return found


class FakeLvm:
    """LVM, one expected call after the other."""

    def __init__(self, commands: FakeCommands) -> None:
        self.commands = commands

    def seen(self, line: Lv, *found: Lv) -> None:
        self.commands.expect(look_at_command(lv(line)), out=report(*found))

    def take(self, *, code: int = 0, err: str = "", seconds: float = 0.0) -> None:
        argv = snapshot_command(lv(WEB), lv(SNAP), "nightly")
        self.commands.expect(argv, code=code, err=err, seconds=seconds)
