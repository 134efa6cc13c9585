"""LVM's command lines. That LVM takes them and does so is tried in tests/lab/test_thin.py."""

from engine.items.lvm_commands import (
    activate_command,
    clone_command,
    deactivate_command,
    look_at_command,
    look_command,
    remove_command,
    rename_command,
    resume_command,
    retag_command,
    skip_command,
    snapshot_command,
    successor_command,
    tag_command,
)
from engine.items.thin_names import LvName
from engine.items.thin_pool import OpenClone, ThinSnapshot, ThinVolume, read_member
from tests.reports import UUID, Lv, report

SNAP = "web.policyctl.2026-11-28T03-00-00Z"
CLONE = "policyctl-open.0123456789abcdef"


def lv(volume: str) -> LvName:
    return LvName(group="pve", volume=volume)


def member(line: Lv) -> ThinVolume | ThinSnapshot | OpenClone:
    found = read_member(report(line).encode(), lv(line.name))
    assert isinstance(found, ThinVolume | ThinSnapshot | OpenClone)
    return found


OURS = member(Lv(name=SNAP, origin="web", tags="policyctl/nightly"))
OPEN = member(Lv(name=CLONE, origin=SNAP, tags="policyctl-open/files"))


def test_a_snapshot_has_no_size_and_is_never_active_or_written() -> None:
    assert snapshot_command(lv("web"), lv(SNAP), "nightly") == tuple(
        b"lvcreate --yes --snapshot --permission r --setactivationskip y --activate n "
        b"--addtag policyctl/nightly --name web.policyctl.2026-11-28T03-00-00Z pve/web".split()
    )


def test_a_clone_may_be_written_and_is_skipped_at_boot() -> None:
    assert clone_command(lv(SNAP), lv(CLONE), "files") == tuple(
        b"lvcreate --yes --snapshot --permission rw --setactivationskip y --activate n "
        b"--config backup/archive=0 --addtag policyctl-open/files "
        b"--name policyctl-open.0123456789abcdef pve/web.policyctl.2026-11-28T03-00-00Z".split()
    )
    assert activate_command(lv(CLONE)) == tuple(
        b"lvchange --activate y --ignoreactivationskip pve/policyctl-open.0123456789abcdef".split()
    )


def test_what_is_removed_is_named_in_full_and_must_still_be_what_it_was() -> None:
    assert isinstance(OURS, ThinSnapshot)
    assert isinstance(OPEN, OpenClone)
    assert remove_command(OURS) == (
        *(b"lvremove", b"--yes", b"--select"),
        f'lv_uuid="{UUID}" && lv_tags={{"policyctl/nightly"}} && origin="web"'.encode(),
        b"pve/" + SNAP.encode(),
    )
    assert remove_command(OPEN) == (
        *(b"lvremove", b"--yes", b"--config", b"backup/archive=0", b"--select"),
        f'lv_uuid="{UUID}" && lv_tags={{"policyctl-open/files"}} && origin="{SNAP}"'.encode(),
        b"pve/" + CLONE.encode(),
    )


def test_looking_asks_for_what_is_read_and_for_nothing_that_settings_change() -> None:
    whole, one = look_command("pve"), look_at_command(lv("web"))
    assert whole[0] == one[0] == b"lvs"
    assert whole[-1] == one[-1] == b"pve"
    assert one[-3:-1] == (b"--select", b'lv_name="web"')
    assert set(whole) <= set(one)
    assert b'report{list_item_separator="," binary_values_as_numeric=0}' in whole


def test_the_others() -> None:
    web = member(Lv(name="web"))
    assert isinstance(web, ThinVolume)
    assert resume_command(web) == (b"lvchange", b"--refresh", b"pve/web")
    assert isinstance(OURS, ThinSnapshot)
    assert retag_command(OURS, "hourly") == (
        *(b"lvchange", b"--addtag", b"policyctl/hourly", b"--deltag", b"policyctl/nightly"),
        b"pve/" + SNAP.encode(),
    )


def test_what_a_rollback_makes_is_skipped_until_it_has_the_name() -> None:
    assert successor_command(lv(SNAP), lv("web.new"), {"theirs", "a"}) == tuple(
        b"lvcreate --yes --snapshot --permission rw --setactivationskip y --activate n "
        b"--addtag a --addtag theirs --name web.new "
        b"pve/web.policyctl.2026-11-28T03-00-00Z".split()
    )


def test_a_volume_is_closed_renamed_and_tagged() -> None:
    assert deactivate_command(lv("web")) == tuple(b"lvchange --activate n pve/web".split())
    assert rename_command(lv("web"), lv("old")) == tuple(b"lvrename pve web old".split())
    for skip, letter in ((True, b"y"), (False, b"n")):
        wanted = (b"lvchange", b"--setactivationskip", letter, b"pve/web")
        assert skip_command(lv("web"), skip=skip) == wanted
    for tagged, how in ((True, b"--addtag"), (False, b"--deltag")):
        found = tag_command((lv("web"), lv(SNAP)), "a/b", tagged=tagged)
        assert found == (b"lvchange", how, b"a/b", b"pve/web", b"pve/" + SNAP.encode())
