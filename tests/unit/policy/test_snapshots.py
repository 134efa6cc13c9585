"""What a destination says of the snapshots that it takes itself."""

from __future__ import annotations

from typing import Any

import pytest

from policy.checks import SnapshotsCheck
from policy.destinations import Destination
from policy.diagnostics import Diagnostic, Severity
from policy.parts import AlertSeverity, Keep, SshTarget
from policy.snapshots import DEFAULT_EVERY, DEFAULT_LIMIT, DEFAULT_SCHEDULE
from policy.values import Duration, parse_absolute_path
from tests.strategies import Manifest, checked, manifest, policy_of

NAS = {"ssh": "backup@nas", "path": "/volume1/Backup/lab", "media": "nas", "site": "away"}
LEAST = {"kind": "synology", "share": "Backup", "keep": {"within": "7d"}}


def text(snapshots: dict[str, Any], **more: Any) -> Manifest:
    place = {**NAS, **more, "snapshots": {**LEAST, **snapshots}}
    place = {key: value for key, value in place.items() if value is not None}
    legs = {"mirror": {"kind": "mirror", "to": "nas:/data", "schedule": "02:00"}}
    return manifest(destinations={"nas": place}, legs=legs)


def errors(content: Manifest) -> list[Diagnostic]:
    return [one for one in checked(content).findings if one.severity is Severity.ERROR]


def parsed(**snapshots: Any) -> Destination:
    (found,) = policy_of(text(snapshots)).destinations
    return found


def test_what_is_not_said_has_a_default() -> None:
    found = parsed().snapshots
    assert found is not None
    assert found.read is not None
    assert (found.keep, found.every) == (Keep(within=Duration(7 * 86_400)), DEFAULT_EVERY)
    assert (found.read.schedule, found.read.timeout) == (DEFAULT_SCHEDULE, DEFAULT_LIMIT)
    assert (found.read.ssh, found.read.sudo, found.unread) == (None, False, "")
    assert (found.names, found.at, found.top) == (None, None, None)


def test_law_29_what_is_declared_is_looked_at_without_another_word() -> None:
    (check,) = policy_of(text({})).checks
    assert isinstance(check, SnapshotsCheck)
    assert (check.name, check.destination) == ("nas-snapshots", "nas")
    assert check.runner is None
    assert check.schedule


def test_another_account_may_read_them_back() -> None:
    read = {
        "ssh": "root@nas",
        "port": 2222,
        "key": "/etc/key",
        "sudo": True,
        "schedule": "hourly",
        "timeout": "1m",
        "severity": "critical",
    }
    found = parsed(read=read).snapshots
    assert found is not None
    assert found.read is not None
    assert found.read.ssh == SshTarget(
        account="root@nas", port=2222, key=parse_absolute_path("/etc/key")
    )
    (check,) = policy_of(text({"read": read})).checks
    assert (check.timeout, check.severity) == (Duration(60), AlertSeverity.CRITICAL)
    assert check.at("schedule").line > 0


def test_that_nobody_reads_them_back_has_a_reason_and_is_told() -> None:
    without = text({"read": {"none": "the account may run rsync alone"}})
    assert policy_of(without).checks == ()
    told = [one for one in checked(without).findings if one.code == "snapshots-unread"]
    assert [one.message for one in told] == [
        "nobody looks whether 'nas' keeps the snapshots of 'Backup' that are declared: "
        "the account may run rsync alone"
    ]


@pytest.mark.parametrize(
    ("snapshots", "where", "complaint"),
    [
        ({"share": "a/b"}, {}, "is no name of a share"),
        ({"share": "-x"}, {}, "is no name of a share"),
        ({"kind": "zfs", "share": "/tank"}, {}, "is no data set"),
        ({"kind": "zfs", "share": "tank/a@b"}, {}, "is no data set"),
        ({"kind": "btrfs", "share": "Backup"}, {}, "the path of the subvolume"),
        ({"kind": "btrfs", "share": "/volume2"}, {}, "lies outside /volume2"),
        ({"at": "/volume1/Backup/snaps"}, {}, "ends in /#snapshot"),
        ({"at": "/volume2/#snapshot"}, {}, "lies outside /volume2"),
        ({"kind": "zfs", "share": "t", "at": "/volume1/snapshot"}, {}, "ends in /.zfs/snapshot"),
        ({"names": "a/*"}, {}, "is no pattern of one name"),
        ({"names": "[a"}, {}, "[a"),
    ],
)
def test_what_could_not_be_asked_is_an_error(
    snapshots: dict[str, Any], where: dict[str, Any], complaint: str
) -> None:
    (found,) = errors(text(snapshots, **where))
    assert (found.code, complaint in found.message) == ("bad-value", True), found.message


def test_a_rotated_disk_is_asked_on_no_schedule() -> None:
    more = {"ssh": None, "presence": "sometimes"}
    (found,) = errors(text({"kind": "btrfs", "share": "/volume1"}, **more))
    assert found.code == "snapshots-away"
    read = {"none": "it is looked at by hand"}
    assert not errors(text({"kind": "btrfs", "share": "/volume1", "read": read}, **more))


def test_what_each_shows_is_found_by_its_kind() -> None:
    tops = {
        "/volume1/Backup": parsed(at="/volume1/Backup/#snapshot"),
        "/volume1": parsed(kind="btrfs", share="/volume1", at="/volume1/.snapshots"),
        "/": parsed(kind="zfs", share="tank", at="/.zfs/snapshot"),
    }
    for top, one in tops.items():
        assert one.snapshots is not None
        assert one.snapshots.top == parse_absolute_path(top)


def test_no_check_of_the_manifest_takes_its_name() -> None:
    own = {"kind": "command", "run": ["/bin/true"], "schedule": "hourly"}
    place = {**NAS, "snapshots": LEAST}
    legs = {"mirror": {"kind": "mirror", "to": "nas:/data", "schedule": "02:00"}}
    twice = manifest(destinations={"nas": place}, legs=legs, checks={"nas-snapshots": own})
    (found,) = errors(twice)
    assert found.code == "name-twice"
    assert "the look at the snapshots of 'nas'" in found.message
