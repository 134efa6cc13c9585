"""Steps: what they say, and the one judgement that waits for a count."""

from dataclasses import replace

from engine.modes import Mode, ModeChoice
from engine.selection import Selection
from engine.steps import (
    BeginPass,
    ClaimEntries,
    DeleteGone,
    DeletePass,
    EnsureDirectory,
    ExpireDeleted,
    GuardDeletions,
    HookStep,
    Identity,
    RecordProvenance,
    SelectChanges,
    SendChanges,
    Target,
    Transfer,
    WriteRules,
    explain_steps,
    show_command,
)
from policy.parts import SshTarget

CHOICE = ModeChoice(mode=Mode.INCREMENTAL, reason="3 changes in the journal")
HERE = Target(holder="disk", root=b"/mnt/disk", names=(b"photos", b"2026"))
AWAY = Target(holder="nas", root=b"/", names=(), ssh=SshTarget(account="u@nas"))


def test_targets_are_written_as_rsync_wants_them() -> None:
    assert HERE.argument == b"/mnt/disk/photos/2026/"
    assert AWAY.argument == b"u@nas:/"
    assert AWAY.path == b"/"


def test_every_step_is_explained() -> None:
    source = Identity(path=b"/srv", device=1, inode=2)
    sending = SendChanges(
        feed="data",
        files=(b"rsync", b"f"),
        others=(b"rsync", b"o"),
        trees=(b"/run/f", b"/run/o"),
        preserve=frozenset(),
        still=(),
    )
    gone = DeleteGone(
        feed="data", options=(), before=(), after=(), target=HERE, still=(), count_only=True
    )
    steps = (
        HookStep(run=("fsfreeze", "-f", "/a b"), timeout=5, always=False),
        BeginPass(feed="data", choice=CHOICE, upto=7, target=HERE),
        EnsureDirectory(feed="data", target=HERE),
        WriteRules(feed="data", path=b"/run/f", text=b"+ *\n"),
        WriteRules(feed="data", path=b"/run/x", text=b"P /a\nP /b\n", protects=True),
        ClaimEntries(
            feed="data",
            names=(b"a",),
            source=b"/srv/data",
            selection=Selection(lines=()),
            known=frozenset(),
        ),
        Transfer(feed="data", argv=(b"rsync", b"a\nb", b"bad\xff"), still=(), target=HERE),
        SelectChanges(
            feed="data",
            source=source,
            selection=Selection(lines=()),
            excluded=frozenset(),
            target=HERE,
        ),
        sending,
        gone,
        GuardDeletions(most=1234, smaller_source_allowed=False, deletions_allowed=False, feeds=()),
        DeletePass(feed="data", argv=(b"rsync", b"x"), still=(source,), target=HERE),
        replace(gone, count_only=False),
        replace(sending, replaced=True),
        RecordProvenance(
            feed="data",
            names=(b"a", b"b"),
            file_system="uuid:1",
            mounts=(),
            source=b"/srv/data",
            selection=Selection(lines=()),
            present=frozenset(),
            full_began=None,
            entries=None,
            full=True,
            upto=None,
            target=HERE,
        ),
        ExpireDeleted(feed="data", target=HERE, argv=(b"rsync", b"y"), run_ids=(b"r1", b"r2")),
        HookStep(run=("fsfreeze", "-u", "it's"), timeout=5, always=True),
    )
    assert explain_steps(steps) == (
        "first: fsfreeze -f '/a b'",
        "data: incremental pass: 3 changes in the journal",
        "data: make the directory /mnt/disk/photos/2026/ where it is missing",
        "data: take a copy of its filter, as applied",
        "data: protect 2 entries that this leg never wrote",
        "data: note 1 entry, and what is new by then, as this leg's own",
        "data: copy, and count deletions: rsync $'a\\nb' $'bad\\xff'",
        "data: look at what the journal names",
        "data: copy what changed: rsync f",
        "data: count what is to be deleted, should anything be gone",
        "stop here if more than 1,234 deletions are wanted",
        "data: delete what was counted, no more: rsync x",
        "data: delete what was counted, no more",
        "data: copy what lies now where directories were: rsync f",
        "data: remember 2 entries at the top as seen",
        "data: drop what was set aside by r1, r2: rsync y",
        "afterwards, whatever happens: fsfreeze -u 'it'\\''s'",
    )


def test_a_command_is_shown_so_that_it_can_be_typed() -> None:
    assert show_command((b"a", b"", b"-x=1", b"a'b\n")) == "a '' -x=1 $'a\\'b\\n'"


def test_a_deleting_command_carries_the_number_that_was_counted() -> None:
    source = Identity(path=b"/srv", device=1, inode=2)
    step = DeletePass(feed="data", argv=(b"rsync", b"x"), still=(source,), target=HERE)
    assert step.limited(7, everything_sent=True) == (b"rsync", b"--max-delete=7", b"x")
    quick = replace(step, alone=(b"rsync", b"--existing", b"x"))
    alone = (b"rsync", b"--max-delete=7", b"--existing", b"x")
    assert quick.limited(7, everything_sent=True) == alone
    assert quick.limited(7, everything_sent=False) == (b"rsync", b"--max-delete=7", b"x")
