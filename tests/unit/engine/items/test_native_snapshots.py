"""What machines answer about snapshots that they take themselves.

Of btrfs what btrfs-progs 6.2 printed on a loop device. Of ZFS the form that zfs-list(8) describes
for scripts. Of a Synology names as they stand in what others have published: the names in a backup
runbook of a share (`GMT-05-2026.06.23-11.15.01`, taken at 16:15:01 UTC), a test that reads a NAS's
folders (`GMT+01-2026.11.01-00.00.06`, which is 2026-10-31 23:00:06 UTC), a NAS that runs in UTC
(`GMT-…-21.00.02`), `list` with a heading in two scripts that skip its first line, and the words of
`synoretentionconf --get` in an audit that reads them (`Policy type:`, `Advance Daily:`).
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.items.native_snapshots import (
    NativeSetting,
    NotUnderstood,
    counts_set,
    moment_in_name,
    questions,
    read_answers,
    read_setting,
)

SHOW = b"""\
copies
\tName: \t\t\tcopies
\tUUID: \t\t\t68c6d026-3cc2-ef40-ae81-3b0edd2039ab
\tParent UUID: \t\t-
\tReceived UUID: \t\t-
\tCreation time: \t\t2026-11-29 20:36:43 +0000
\tSubvolume ID: \t\t256
\tFlags: \t\t\t-
\tSnapshot(s):
\t\t\t\tcopies/.snapshots/a
"""
LINE = (
    b"ID %d gen 7 cgen 7 top level 256 otime 2026-11-%02d 20:36:44 "
    b"parent_uuid %s uuid 5cd00f78-9a8c-5444-bed6-b5f401d63c3d path %s\n"
)
OWN = b"68c6d026-3cc2-ef40-ae81-3b0edd2039ab"
OTHER = b"a4729f47-651b-47d0-8194-d9a2dfcce749"
LISTED = (
    LINE % (258, 29, OWN, b"copies/.snapshots/b c")
    + LINE % (257, 28, OWN, b".snapshots/a")
    + LINE % (300, 1, OTHER, b"home/1/snapshot")
)
SEALED = (
    b"ID 257 gen 7 cgen 7 top level 256 otime 2026-11-28 20:36:44 path .snapshots/a\n"
    b"ID 300 gen 7 cgen 7 top level 256 otime 2026-11-01 20:36:44 path home/1/snapshot\n"
)


def btrfs(listed: bytes = LISTED, sealed: bytes = SEALED, show: bytes = SHOW):
    said = {"subvolume": show, "list": listed, "sealed": sealed}
    return read_answers("btrfs", b"/srv/copies", said)


def test_snapshots_of_a_subvolume_are_told_from_others_by_their_parent() -> None:
    one, two = btrfs()
    assert (one.name, one.taken) == (b"a", datetime(2026, 11, 28, 20, 36, 44, tzinfo=UTC))
    assert (two.name, two.writable, one.writable) == (b"b c", True, False)


def test_no_snapshots_are_none() -> None:
    assert btrfs(b"", b"") == ()
    assert read_answers("zfs", b"tank", {"list": b""}) == ()
    assert read_answers("synology", b"Backup", {"list": b"", "locked": b""}) == ()


@pytest.mark.parametrize(
    ("listed", "show", "complaint"),
    [
        (LISTED, b"/\n", "which subvolume it is"),
        (LINE % (1, 2, OWN, b"x\ny"), SHOW, "'y', which names no snapshot"),
        (b"ERROR: something\n", SHOW, "names no snapshot"),
        (LINE % (1, 31, OWN, b"x"), SHOW, "is no time"),
        (
            LISTED.replace(b"2026-11-29 20:36:44", b"-"),
            SHOW,
            "when copies/.snapshots/b c was taken",
        ),
    ],
)
def test_a_list_that_says_something_else_is_not_read(
    listed: bytes, show: bytes, complaint: str
) -> None:
    with pytest.raises(NotUnderstood) as error:
        btrfs(listed, SEALED, show)
    assert complaint in str(error.value)


def test_the_number_of_a_line_that_lists_parents_is_read_as_well() -> None:
    """Older versions, and those that print `-p`."""
    line = LISTED.replace(b"cgen 7 top", b"cgen 7 parent 256 top")
    assert len(btrfs(line)) == 2


def test_zfs_answers_in_columns() -> None:
    listed = (
        b"tank/backup@auto-2026-11-29\t1764460800\t0\n"
        b"tank/backup@held here\t1764374400\t1\n"
        b"tank/backup/inner@auto-2026-11-29\t1764460800\t0\n"
    )
    one, two = read_answers("zfs", b"tank/backup", {"list": listed})
    assert (one.name, one.locked, two.locked) == (b"held here", True, False)
    assert two.taken == datetime(2025, 11, 30, tzinfo=UTC)
    for wrong in (
        b"tank@a 1764460800 0",
        b"tank@a\tFri Nov 28\t0",
        b"tank@a\t" + b"9" * 30 + b"\t0",
    ):
        with pytest.raises(NotUnderstood):
            read_answers("zfs", b"tank", {"list": wrong})


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        (b"GMT-05-2026.06.23-11.15.01", datetime(2026, 6, 23, 16, 15, 1, tzinfo=UTC)),
        (b"GMT+01-2026.11.01-00.00.06", datetime(2026, 10, 31, 23, 0, 6, tzinfo=UTC)),
        (b"GMT-2026.08.05-21.00.02", datetime(2026, 8, 5, 21, 0, 2, tzinfo=UTC)),
        (b"GMT+05.30-2026.08.05-05.00.00", datetime(2026, 8, 4, 23, 30, tzinfo=UTC)),
        (b"GMT+01-2026.13.01-00.00.06", None),
        (b"GMT+99-2026.12.01-00.00.06", None),
        (b"before-upgrade", None),
        (b"GMT+01-0001.01.01-00.00.00", None),
    ],
)
def test_a_synology_says_in_the_name_when_it_was(name: bytes, moment: datetime | None) -> None:
    assert moment_in_name(name) == moment


def test_a_list_of_a_synology_may_have_a_heading() -> None:
    listed = b"2 snapshots\nGMT+01-2026.11.01-00.00.06\n  GMT+02-2026.10.20-00.00.06 \n"
    said = {"list": listed, "locked": b"1 snapshots\nGMT+01-2026.11.01-00.00.06\n"}
    one, two = read_answers("synology", b"Backup", said)
    assert (one.name, one.locked) == (b"GMT+02-2026.10.20-00.00.06", False)
    assert (two.name, two.locked) == (b"GMT+01-2026.11.01-00.00.06", True)
    with pytest.raises(NotUnderstood):
        read_answers("synology", b"Backup", {"list": listed + b"moved\n", "locked": b""})


SETTING = b"""\
Policy type: Advance
Advance Hourly: 0
Advance Daily: 30
Advance Weekly: 12
Advance Monthly: 12
Advance Yearly: 2
Advance RetainDay: 7
Advance Minimum: 30
"""


def test_what_is_set_is_read_where_the_rules_by_period_are_in_force() -> None:
    setting = read_setting(SETTING)
    assert setting is not None
    assert counts_set(setting)["daily"] == 30
    other = read_setting(SETTING.replace(b"Policy type: Advance", b"Policy type: Retain by days"))
    assert other is not None
    assert counts_set(other) == {}


def test_that_nothing_is_set_is_told_from_silence() -> None:
    assert read_setting(b"Can't get policy info of [Share#] [Backup]") == NativeSetting(there=False)
    assert read_setting(b"sudo: a password is required") is None
    assert read_setting(b"") is None


def test_commands_ask_and_change_nothing() -> None:
    btrfs = questions("btrfs", b"/srv/a b", sudo=False)
    assert btrfs["list"][:1] == (b"env",)
    assert b"TZ=UTC" in btrfs["list"]
    assert btrfs["list"][-1] == b"/srv/a b"
    assert not any(b"sudo" in words for words in btrfs.values())
    synology = questions("synology", b"Backup", sudo=True)
    assert synology["setting"][4:] == (
        *(b"sudo", b"-n", b"/usr/syno/bin/synoretentionconf", b"--get", b"Share#", b"Backup"),
    )
    verbs = {word for one in (*btrfs.values(), *synology.values()) for word in one}
    assert not verbs & {b"delete", b"create", b"set", b"--set-policy", b"--remove"}
