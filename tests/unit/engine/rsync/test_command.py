"""rsync's command line: of small trees, and where the other side is an rrsync."""

from dataclasses import replace

import pytest

from engine.reach.targets import Target
from engine.rsync.command import (
    changed_trees,
    connection_options,
    list_for_writer_command,
    mirror_options,
    send_command,
)
from policy.parts import Attribute, SshTarget
from policy.values import Duration
from tests.unit.engine.test_leg_kinds import LEG

AWAY = Target(
    holder="nas", root=b"/", names=(b"copies", b"data"), ssh=SshTarget(account="backup@nas")
)


@pytest.mark.parametrize(
    ("place", "aside"),
    [
        (AWAY, b"/copies/data/.policyctl-deleted/r1"),
        (replace(AWAY, names=()), b"/.policyctl-deleted/r1"),
        (replace(AWAY, root=b"/volume1/x", names=(b"y",)), b"/volume1/x/y/.policyctl-deleted/r1"),
    ],
)
def test_what_is_set_aside_lies_beside_the_copies(place: Target, aside: bytes) -> None:
    """rrsync takes a relative folder as one of its own directory, where nobody would drop it."""
    leg = replace(LEG, preserve=(Attribute.TIMES,), deleted_keep=Duration(60))
    free = mirror_options(leg, cannot_keep=(), run_id="r1")
    bound = mirror_options(leg, cannot_keep=(), run_id="r1", restricted=place)
    assert b"--backup-dir=.policyctl-deleted/r1" in free
    assert b"--backup-dir=" + aside in bound


def test_fractions_of_seconds_count_there_too() -> None:
    """rsync says `-@-1` to the other side, and no rrsync lets that pass."""
    leg = replace(LEG, preserve=(Attribute.TIMES,))
    options = mirror_options(leg, cannot_keep=(), run_id="r1", restricted=AWAY)
    assert b"--modify-window=-1" not in options
    assert b"--remote-option=--modify-window=-1" in options


def test_a_directory_is_listed_by_a_deletion_that_is_only_tried() -> None:
    connection = connection_options(AWAY, b"/run/c", commands=False)
    command = list_for_writer_command(b"/run/empty", AWAY, connection)
    assert b"--dry-run" in command
    assert command[-3:] == (b"--", b"/run/empty/", b"backup@nas:/copies/data/")


def test_of_what_changed_nothing_is_followed_but_the_engine_s_own_symlinks() -> None:
    here = replace(AWAY, ssh=None)
    options = mirror_options(LEG, cannot_keep=(), run_id="r1")
    files, others = changed_trees(b"/run", "data")
    followed = send_command(options, files, here, follow=True)
    assert b"--copy-links" in followed
    assert b"--links" not in followed
    plain = send_command(options, others, here, follow=False)
    assert b"--copy-links" not in plain
    assert b"--links" in plain
    for command in (followed, plain):
        assert not [word for word in command if b"--delete" in word]
        assert command[-1] == b"/copies/data/"
    assert (followed[-2], plain[-2]) == (files + b"/", others + b"/")
    assert not (files + b"/").startswith(others + b"/")
