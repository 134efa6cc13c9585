"""Reading back what rsync prints."""

import pytest

from engine.rsync.output import (
    Figures,
    deletions_wanted,
    only_lacks_room_for_types,
    only_unreadable,
    parse_figures,
    parse_file,
    parse_listing,
    parse_version,
    parse_wanted,
)

STATS = b"""
Number of files: 1,204 (reg: 1,200, dir: 4)
Number of created files: 3 (reg: 3)
Number of deleted files: 2 (reg: 1, dir: 1)
Number of regular files transferred: 7
Total file size: 300000 bytes
Total transferred file size: 1500 bytes
Literal data: 300000 bytes
"""
LIMIT = b"Deletions stopped due to --max-delete limit (%d skipped)\n"
END = b"rsync error: the --max-delete limit stopped deletions (code 25) at main.c(1394)\n"


def test_figures_are_read() -> None:
    assert parse_figures(STATS) == Figures(
        entries=1204, files=7, bytes_sent=1500, deleted=2, created=3, size=300_000
    )


def test_figures_that_are_not_there_are_unknown() -> None:
    assert parse_figures(b"\xff rsync was killed") == Figures()


def test_no_limit_reached_means_no_deletions() -> None:
    # A directory whose content a filter protects is named on each pass, and never deleted.
    assert deletions_wanted(b"cannot delete non-empty directory: kept\n", b"") == 0


def test_topmost_directories_are_added_to_what_was_skipped() -> None:
    out = b"cannot delete non-empty directory: d/e\ncannot delete non-empty directory: d\n"
    assert deletions_wanted(out, LIMIT % 4 + END) == 5


def test_names_that_only_begin_alike_are_no_ancestors() -> None:
    out = b"cannot delete non-empty directory: d\ncannot delete non-empty directory: d2/e\n"
    assert deletions_wanted(out, LIMIT % 4 + END) == 6


def test_a_directory_in_the_way_of_a_file_is_no_deletion() -> None:
    out = b"cannot delete non-empty directory: t/sub\ncannot delete non-empty directory: t\n"
    errors = b"could not make way for new regular file: t\n" + LIMIT % 3
    assert deletions_wanted(out, errors) == 3


def test_code_23_for_want_of_deletions_is_told_from_others() -> None:
    way = b"could not make way for new symlink: t\n" + LIMIT % 3
    end = b"rsync error: some files/attrs were not transferred (code 23) at main.c(1)\n"
    assert only_lacks_room_for_types(way + end)
    assert not only_lacks_room_for_types(end)
    unreadable = b'rsync: [sender] opendir "/a" failed: Permission denied (13)\n'
    assert not only_lacks_room_for_types(way + unreadable + end)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'rsync: [sender] opendir "/a" failed: Permission denied (13)', True),
        (b'rsync: [sender] send_files failed to open "/a": Permission denied (13)', True),
        (b"IO error encountered -- skipping file deletion", True),
        (b'rsync: [sender] readlink_stat("/a") failed: Input/output error (5)', False),
        (b'rsync: [generator] chown "/b" failed: Operation not permitted (1)', False),
        (b'rsync: [receiver] mkstemp "/b" failed: Permission denied (13)', False),
    ],
)
def test_only_what_this_side_may_not_read_is_unreadable(line: bytes, expected: bool) -> None:
    end = b"\nrsync error: some files/attrs were not transferred (code 23) at main.c(1)\n"
    assert only_unreadable(line + end) is expected


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (b"rsync  version 3.5.0  protocol version 32\n", (3, 5, 0)),
        (b"rsync  version v3.2.7  protocol version 31\n", (3, 2, 7)),
        (b"rsync version 3.4\n", (3, 4, 0)),
        (b"openrsync: protocol version 29\nrsync is not here\n", None),
        (b"", None),
    ],
)
def test_versions(text: bytes, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


def test_a_listing_gives_names_as_bytes() -> None:
    listing = (
        b"drwxr-xr-x        4096 2026/11/22 22:38:30 .\n"
        b"-rw-r--r--           0 2026/11/22 22:38:30  sp\n"
        b"-rw-r--r--           0 2026/11/22 22:38:30 \\#134#012\n"
        b"lrwxrwxrwx           4 2026/11/22 22:38:30 a -> b\n"
        b"-rw-r--r--           0 2026/11/22 22:38:30 nl\\#012x\n"
        b"-rw-r--r--           0 2026/11/22 22:38:30 \xff\n"
        b"drwxr-xr-x        4096 2026/11/22 22:38:30 d\n"
    )
    assert parse_listing(listing) == (
        (b" sp", False),
        (b"\\#012", False),
        (b"a -> b", False),
        (b"nl\nx", False),
        (b"\xff", False),
        (b"d", True),
    )


def test_what_a_tried_deletion_would_take_is_a_listing() -> None:
    output = (
        b"*deleting   empty/\n"
        b"cannot delete non-empty directory: full\n"
        b"*deleting     spaces \n"
        b"*deleting   new\\#012line\n"
        b"cannot delete non-empty directory: *deleting   x/\n"
        b"cd+++++++++ ./\n"
    )
    assert parse_wanted(output) == (
        (b"empty", True),
        (b"  spaces ", False),
        (b"new\nline", False),
        (b"full", True),
        (b"*deleting   x/", True),
    )
    assert parse_wanted(b"") == ()
    assert parse_wanted(b"created directory /proc/self/fd/4/copies\ncd+++++++++ ./\n") is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"-rw-r--r--        12345 2026/11/29 08:34:44 a/b", (b"a/b", 12345)),
        (b"-rw-r--r--+      12,345 2026/11/29 08:34:44  sp ", (b" sp ", 12345)),
        (rb"-rw-r--r--            0 2026/11/29 08:34:44 a\#134#012\#012", (b"a\\#012\n", 0)),
        (b"drwxr-xr-x         4096 2026/11/29 08:34:44 a", None),
        (b"lrwxrwxrwx            4 2026/11/29 08:34:44 a -> b", None),
        (b"rsync: anything else", None),
        (b"", None),
    ],
)
def test_a_line_of_a_listing_is_a_file_with_its_size(
    line: bytes, found: tuple[bytes, int] | None
) -> None:
    assert parse_file(line) == found
