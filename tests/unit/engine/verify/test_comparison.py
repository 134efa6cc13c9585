import pytest

from engine.reach.targets import Target
from engine.rsync.command import merge_rules, transfer_command
from engine.verify.comparison import (
    Comparison,
    Difference,
    Found,
    comparing,
    difference_of,
    nul_separated,
)

FULL = transfer_command(
    (
        *(b"--recursive", b"--links", b"--times", b"--bwlimit=5B", b"--backup"),
        *(b"--backup-dir=.policyctl-deleted/1", b"--partial-dir=.policyctl-partial"),
        *(b"--timeout=600", b"--info=stats2"),
    ),
    (merge_rules(b"/rules"),),
    b"/live",
    Target(holder="disk", root=b"/copies", names=()),
)


def test_the_command_writes_nothing_and_goes_by_the_same_rules() -> None:
    assert comparing(FULL, None) == (
        *(b"rsync", b"--recursive", b"--links", b"--times", b"--info=stats2", b"--delete"),
        *(b"--filter=merge /rules", b"--dry-run", b"--checksum", b"--8-bit-output"),
        *(b"--out-format=%i %n", b"--", b"/live/", b"/copies/"),
    )


def test_a_list_says_nothing_of_what_is_too_much() -> None:
    argv = comparing(FULL, b"/list")
    assert b"--delete" not in argv
    assert {b"--from0", b"--files-from=/list", b"--dry-run"} <= set(argv)


@pytest.mark.parametrize(
    ("item", "difference"),
    [
        (b">f+++++++++", Difference.MISSING),
        (b"<f+++++++++", Difference.MISSING),
        (b"cd+++++++++", Difference.MISSING),
        (b"cL+++++++++", Difference.MISSING),
        (b"hf+++++++++", Difference.MISSING),
        (b"*deleting  ", Difference.EXTRA),
        (b">fc........", Difference.DAMAGED),
        (b"<fc..p.....", Difference.DAMAGED),
        (b">fcst......", Difference.DIFFERENT),
        (b">fc.t......", Difference.DIFFERENT),
        (b">fcs.......", Difference.DIFFERENT),
        (b">fc.T......", Difference.DIFFERENT),
        (b"cLc.t......", Difference.DIFFERENT),
        (b".f...p.....", Difference.ATTRIBUTES),
        (b".f..t......", Difference.ATTRIBUTES),
        (b".d....og...", Difference.ATTRIBUTES),
        (b"hf         ", Difference.ATTRIBUTES),
        (b".d..t......", None),
        (b".f         ", None),
    ],
)
def test_what_a_line_says(item: bytes, difference: Difference | None) -> None:
    found = difference_of(item, b"a/b")
    assert found == (difference and Found(path=b"a/b", difference=difference))


def test_the_root_itself_is_nothing_that_differs() -> None:
    assert difference_of(b".d...p.....", b"./") is None


def test_what_is_cut_anywhere_is_read_alike() -> None:
    output = b">f+++++++++ a\\#012b\n*deleting   c/\n.d..t...... d/\nTotal file size: 3 bytes\n"
    wanted = [
        Found(path=b"a\nb", difference=Difference.MISSING),
        Found(path=b"c", difference=Difference.EXTRA),
    ]
    for cut in range(len(output)):
        comparison = Comparison()
        kept = comparison.feed(output[:cut]) + comparison.feed(output[cut:])
        assert comparison.found == wanted
        assert kept == b"Total file size: 3 bytes\n"


def test_very_many_differences_are_counted_and_the_first_are_listed() -> None:
    comparison = Comparison()
    comparison.feed(b"".join(b">f+++++++++ %d\n" % number for number in range(1_500)))
    assert (len(comparison.found), comparison.more) == (1_000, 500)


def test_law_34_a_list_has_nothing_but_names() -> None:
    assert nul_separated((b"#a", b"new\nline")) == b"./#a\0./new\nline\0"
