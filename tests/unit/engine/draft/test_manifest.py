"""A draft as people read it. Whoever changes a golden file has to judge each line of it."""

from __future__ import annotations

import zoneinfo

import pytest

from engine.check import check_manifest
from engine.draft.manifest import draft
from engine.draft.observation import Machine, PoolSeen, VolumeSeen
from engine.draft.servers import Listening
from tests.machines import directory, disk, machine, rsync, share
from tests.strategies import GOLDEN

SERVER = machine(
    mounts=(
        disk("/", source="/dev/mapper/pve-root"),
        disk("/mnt/backup"),
        disk("/mnt/films", "xfs", source="/dev/sdc1"),
        share("/srv/nas"),
    ),
    directories=(
        directory("/srv", "mail", "nas", "photos", "tmp"),
        directory("/home", "ann"),
        directory("/var/lib/libvirt/images", "vm.qcow2"),
        directory("/mnt/films", "a", "b"),
        directory("/etc", "fstab"),
        directory("/root", ".ssh"),
    ),
    pools=(
        PoolSeen(
            group="pve",
            name="data",
            volumes=(
                VolumeSeen(name="vm-100-disk-0", holds=""),
                VolumeSeen(name="vm-101-pvc-a", holds="ext4"),
            ),
        ),
    ),
    listening=(Listening(server="PostgreSQL", where="127.0.0.1:5432"),),
    jobs=(rsync("/srv", "/volume1/b/srv", "nas.example.net", "backup", "/root/.ssh/nas"),),
    not_seen=("subvolumes: none",),
)
BARE = Machine(host=None, timezone=None)
SUBVOLUMES = machine(
    mounts=(disk("/srv", "btrfs"), share("/mnt/backup", "cifs"), disk("/media/me/backup")),
    directories=(directory("/srv", "plain", subvolumes=("photos",)),),
)


@pytest.mark.parametrize(
    ("name", "seen"), [("server", SERVER), ("bare", BARE), ("subvolumes", SUBVOLUMES)]
)
def test_what_people_read(name: str, seen: Machine, update_golden: bool) -> None:
    found = draft(seen)
    file = GOLDEN / "init" / f"{name}.yaml"
    if update_golden:
        file.parent.mkdir(exist_ok=True)
        file.write_text(found.text)
    assert found.text == file.read_text()
    report = check_manifest(found.text.encode(), "draft.yaml")
    assert [one for one in report.findings if one.severity.value != "note"] == []
    assert report.proven


def test_every_guess_is_marked_and_counted() -> None:
    found = draft(BARE)
    assert found.guesses == found.text.count("GUESS: ") > 3
    assert found.sources == ("data",)
    assert found.destinations == ("disk",)


def test_what_stands_at_the_end_is_told_as_well() -> None:
    found = draft(SERVER)
    assert "subvolumes: none" in found.left_out
    assert any("libvirt" in one for one in found.left_out)


@pytest.mark.parametrize("zone", ["Europe/Sofia", "America/Santiago", "Africa/Cairo", "UTC"])
def test_no_time_is_one_that_some_day_lacks(zone: str) -> None:
    assert zone in zoneinfo.available_timezones()
    report = check_manifest(draft(machine(timezone=zone)).text.encode(), "draft.yaml")
    assert report.findings == ()
