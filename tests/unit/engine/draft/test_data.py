"""What a draft keeps, and what it leaves out and why."""

from __future__ import annotations

from engine.draft.data import Data, choose_data
from engine.draft.observation import Machine
from engine.draft.targets import choose_targets
from tests.machines import directory, disk, machine, rsync, share

BACKUP = disk("/mnt/backup")


def kept(seen: Machine) -> Data:
    return choose_data(seen, choose_targets(seen))


def paths(found: Data) -> list[str]:
    return [one.path for one in found.trees]


def test_trees_and_files_of_the_system() -> None:
    seen = [directory("/srv", "a"), directory("/home", "ann"), directory("/etc", "x")]
    found = kept(machine(directories=[*seen, directory("/opt")]))
    assert paths(found) == ["/srv", "/home"]
    assert found.files == ("/etc",)


def test_an_empty_directory_is_no_source_since_a_run_would_refuse_it() -> None:
    found = kept(machine(directories=[directory("/srv"), directory("/home", "lost+found")]))
    assert paths(found) == ["/srv/data"]
    assert "nothing was found" in found.trees[0].why[0]
    assert any(one.startswith("/srv: empty") for one in found.left_out)


def test_a_disk_with_data_is_a_source() -> None:
    seen = [directory("/mnt/films", "a"), directory("/srv", "b")]
    found = kept(machine(mounts=[disk("/mnt/films"), BACKUP], directories=seen))
    assert paths(found) == ["/srv", "/mnt/films"]
    assert found.trees[1].name == "films"


def test_copies_inside_a_tree_are_not_copied_again() -> None:
    seen = [directory("/srv", "a", "backup"), directory("/srv/backup", "old")]
    found = kept(machine(mounts=[disk("/srv/backup")], directories=seen))
    assert found.trees[0].left == (("/srv/backup", "the copies themselves"),)


def test_a_tree_with_nothing_but_copies_in_it_is_none() -> None:
    seen = [directory("/srv", "backup"), directory("/home", "ann")]
    found = kept(machine(mounts=[disk("/srv/backup")], directories=seen))
    assert paths(found) == ["/home"]


def test_shares_and_snapshots_of_others_in_a_tree_are_left() -> None:
    seen = [directory("/srv", "a", "nas", ".snapshots")]
    found = kept(machine(mounts=[BACKUP, share("/srv/nas")], directories=seen))
    assert [path for path, _ in found.trees[0].left] == ["/srv/.snapshots", "/srv/nas"]


def test_a_share_among_the_files_of_the_system_is_left() -> None:
    seen = [directory("/root", "nas", "x"), directory("/srv", "a")]
    found = kept(machine(mounts=[BACKUP, share("/root/nas")], directories=seen))
    assert [path for path, _ in found.files_left] == ["/root/nas"]


def test_a_disk_for_copies_that_is_not_chosen_is_no_data_either() -> None:
    seen = [directory("/srv", "a", "backup-old")]
    mounts = [BACKUP, disk("/media/backup"), disk("/srv/backup-old")]
    found = kept(machine(mounts=mounts, directories=seen))
    assert [path for path, _ in found.trees[0].left] == ["/srv/backup-old"]


def test_old_copies_are_no_source() -> None:
    seen = [directory("/mnt/x", "old"), directory("/srv", "a")]
    found = kept(
        machine(mounts=[disk("/mnt/x")], directories=seen, jobs=[rsync("/srv", "/mnt/x/old")])
    )
    assert paths(found) == ["/srv"]
