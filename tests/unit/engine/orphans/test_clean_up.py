import pytest

from engine.orphans.clean_up import (
    Listing,
    Scope,
    compare_command,
    differences,
    look_rules,
    removal_command,
    removal_rules,
    same_account,
    there,
)
from engine.reach.targets import Target
from policy.parts import SshTarget
from policy.patterns import parse_path_pattern

HERE = Target(holder="disk", root=b"/mnt/disk", names=(b"x",))
THERE = Target(
    holder="nas", root=b"/volume", names=(b"y",), ssh=SshTarget(account="backup@nas.example.net")
)


def test_the_rules_name_the_orphan_and_nothing_else() -> None:
    kept = parse_path_pattern(b"a/b/*/keep")
    scope = Scope(paths=((b"a", b"b"), (b"c*",)), kept=(kept,))
    assert scope.parents == ((b"a",),)
    assert look_rules(scope) == (
        b"- .policyctl-*",
        b"- /a/b/*/keep/***",
        b"- /a/b/*/keep",
        b"+ /a/",
        b"+ /a/b/***",
        b"+ /a/b",
        b"+ /c[\\*]/***",
        b"+ /c[\\*]",
        b"- *",
    )
    rules = removal_rules(scope)
    assert rules[:2] == (b"P /a/b/*/keep/***", b"P /a/b/*/keep")
    assert rules.index(b"P .policyctl-*") < rules.index(b"R /a/b")
    assert rules[-1] == b"P *", "all that is not named stays"


def test_nothing_is_removed_beyond_a_number_and_nothing_written() -> None:
    argv = removal_command((b"--filter=merge r",), b"/run/parents", HERE, (), most=7)
    assert {b"--max-delete=7", b"--existing", b"--ignore-existing"} <= set(argv)
    assert argv[-2:] == (b"/run/parents/", b"/mnt/disk/x/")


def test_a_comparison_writes_nothing_and_runs_where_both_lie() -> None:
    argv = compare_command((), HERE, THERE, (b"--rsh=ssh",))
    assert argv[-2:] == (b"/mnt/disk/x/", b"backup@nas.example.net:/volume/y/")
    assert {b"--dry-run", b"--checksum"} <= set(argv)
    both = compare_command((), THERE, THERE, ())
    assert both[-2:] == (b"/volume/y/", b"/volume/y/")
    assert there(THERE, b"/run/ssh", both)[0] == b"ssh"


@pytest.mark.parametrize(
    ("one", "other", "same"), [(HERE, THERE, False), (THERE, THERE, True), (HERE, HERE, False)]
)
def test_one_account(one: Target, other: Target, same: bool) -> None:
    assert same_account(one, other) is same


def test_a_listing_is_counted_in_whatever_chunks_it_comes() -> None:
    text = (
        b"drwxr-xr-x          4,096 2026/11/25 18:00:00 .\n"
        b"drwxr-xr-x          4,096 2026/11/25 18:00:00 a\n"
        b"drwxr-xr-x          4,096 2026/11/25 18:00:00 a/b\n"
        b"-rw-r--r--          1,024 2026/11/25 18:00:00 a/b/new\\#012line\n"
        b"lrwxrwxrwx              5 2026/11/25 18:00:00 a/b/l -> x\n"
    )
    for size in (1, 7, len(text)):
        listing = Listing(parents=frozenset({b"a"}))
        for at in range(0, len(text), size):
            assert listing.feed(text[at : at + size]) == b""
        assert (listing.files, listing.size, listing.entries) == (2, 1024, 3)


def test_what_a_comparison_says() -> None:
    output = (
        b"cd+++++++++ photos/\n>fcs....... photos/a\\#012b\ncL+++++++++ photos/l\n"
        b'skipping non-regular file "photos/pipe"\n.d          ./\n'
    )
    found = [b"photos", b"photos/a\nb", b"photos/l", b"photos/pipe"]
    assert list(differences(output)) == found
    assert list(differences(b"")) == []
