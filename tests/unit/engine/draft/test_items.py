"""Sources of a draft that have items."""

from __future__ import annotations

from engine.draft.data import Data, choose_data
from engine.draft.observation import Machine, PoolSeen, VolumeSeen
from engine.draft.targets import choose_targets
from tests.machines import directory, disk, machine, rsync

BACKUP = disk("/mnt/backup")


def kept(seen: Machine) -> Data:
    return choose_data(seen, choose_targets(seen))


def pool(*volumes: VolumeSeen, name: str = "data") -> PoolSeen:
    return PoolSeen(group="pve", name=name, volumes=volumes)


def test_volumes_with_a_file_system_are_snapshotted_and_the_others_told() -> None:
    volumes = [
        VolumeSeen(name="app", holds="ext4"),
        VolumeSeen(name="luks", holds="crypto_LUKS"),
        VolumeSeen(name="vm-100-disk-0", holds=""),
        VolumeSeen(name="root", holds="ext4", mounted=(b"/",)),
    ]
    found = kept(machine(mounts=[BACKUP], pools=[pool(*volumes)]))
    (items,) = found.items
    assert dict(items.settings) == {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "*"}
    assert [name for name, _ in items.left] == ["luks", "vm-100-disk-0", "root"]


def test_a_pool_of_disks_of_virtual_machines_is_told_and_not_drafted() -> None:
    found = kept(machine(mounts=[BACKUP], pools=[pool(VolumeSeen(name="vm-1", holds=""))]))
    assert found.items == ()
    assert any("pve/data" in one for one in found.left_out)


def test_without_a_disk_here_nothing_can_be_copied_of_snapshots() -> None:
    volumes = pool(VolumeSeen(name="app", holds="ext4"))
    found = kept(machine(pools=[volumes], jobs=[rsync("/srv", "/b/x", host="nas")]))
    assert found.items == ()
    assert any("a disk of this machine only" in one for one in found.left_out)


def test_subvolumes_ride_by_themselves_and_the_rest_with_the_tree() -> None:
    seen = [directory("/srv", "plain", subvolumes=("photos", ".snapshots"))]
    found = kept(machine(mounts=[BACKUP, disk("/srv", "btrfs")], directories=seen))
    (items,) = found.items
    assert items.name == "srv-subvolumes"
    assert [name for name, _ in items.left] == [".snapshots"]
    assert [path for path, _ in found.trees[0].left] == ["/srv/.snapshots", "/srv/photos"]


def test_a_tree_of_subvolumes_alone_is_none() -> None:
    seen = [directory("/srv", subvolumes=("photos",)), directory("/etc", "x")]
    found = kept(machine(mounts=[BACKUP, disk("/srv", "btrfs")], directories=seen))
    assert found.trees == ()
    assert any("kept by itself" in one for one in found.left_out)
