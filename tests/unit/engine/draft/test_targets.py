"""Where the copies of a draft go."""

from __future__ import annotations

from engine.draft.observation import Mounted
from engine.draft.targets import Target, Targets, choose_targets
from tests.machines import directory, disk, machine, rsync, share


def chosen(*mounts: Mounted, **more: object) -> Targets:
    return choose_targets(machine(mounts=mounts, **more))


def where(target: Target | None) -> tuple[str, str] | None:
    return None if target is None else (target.name, f"{target.account}:{target.path}")


def test_nothing_found_is_a_placeholder_that_says_so() -> None:
    found = chosen(disk("/"), disk("/home"))
    assert where(found.first) == ("disk", ":/mnt/backup")
    assert found.second is None
    assert "nothing was found" in found.first.why[0]


def test_a_disk_whose_name_says_so() -> None:
    found = chosen(disk("/mnt/backup"), disk("/mnt/films"))
    assert where(found.first) == ("disk", ":/mnt/backup")
    assert found.first.media == "hdd"
    assert found.second is None


def test_or_its_label() -> None:
    assert where(chosen(disk("/mnt/x", label="Backup-2")).first) == ("disk", ":/mnt/x")


def test_a_large_disk_is_none_for_being_large() -> None:
    full = [directory("/mnt/films", "a", "b")]
    assert chosen(disk("/mnt/films"), directories=full).first.path == "/mnt/backup"


def test_an_empty_disk_is_one() -> None:
    empty = [directory("/mnt/new", "lost+found")]
    found = chosen(disk("/mnt/new"), directories=empty)
    assert where(found.first) == ("disk", ":/mnt/new")


def test_where_a_job_writes_the_copies_get_a_folder_of_their_own() -> None:
    found = chosen(disk("/mnt/films"), jobs=[rsync("/srv", "/mnt/films/old/srv")])
    assert where(found.first) == ("disk", ":/mnt/films/policyctl")
    assert "/etc/cron.d/backup:3" in " ".join(found.first.why)


def test_what_a_job_reads_is_data() -> None:
    found = chosen(disk("/mnt/films"), jobs=[rsync("/mnt/films/a", "/mnt/films/b")])
    assert found.first.path == "/mnt/backup"


def test_an_account_is_the_second_hop_and_lies_beside_what_is_there() -> None:
    found = chosen(
        disk("/mnt/backup"), jobs=[rsync("/srv", "/volume1/b/srv", host="nas", user="me")]
    )
    assert where(found.first) == ("disk", ":/mnt/backup")
    assert where(found.second) == ("far", "me@nas:/volume1/b/policyctl")


def test_no_folder_lies_in_what_any_job_writes() -> None:
    jobs = [
        rsync("/srv", "/volume1/b/srv", host="nas"),
        rsync("/home", "/volume1/b", host="nas"),
    ]
    found = chosen(jobs=jobs)
    assert where(found.first) == ("nas", "root@nas:/volume1/policyctl")
    assert found.second is None, "from another machine nothing goes on"


def test_a_share_is_a_destination_where_its_name_says_so() -> None:
    found = chosen(share("/mnt/nas-backup", "cifs"), share("/mnt/films"))
    assert where(found.first) == ("nas", ":/mnt/nas-backup")
    assert len(found.first.cannot_keep) == 7
    assert any("/mnt/films" in one for one in found.left_out)


def test_a_disk_comes_before_a_share() -> None:
    found = chosen(share("/mnt/nas-backup"), disk("/mnt/backup"), disk("/media/me/backup2"))
    assert [where(found.first), where(found.second)] == [
        ("disk", ":/media/me/backup2"),
        ("share", ":/mnt/nas-backup"),
    ]
    assert any("/mnt/backup" in one for one in found.left_out)


def test_what_no_manifest_can_name_is_told() -> None:
    odd = Mounted(point=b"/mnt/backup\xff", kind="ext4", source=b"/dev/sdb1")
    found = chosen(odd)
    assert found.first.path == "/mnt/backup"
    assert any("no manifest can name it" in one for one in found.left_out)
