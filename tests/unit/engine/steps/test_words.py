"""What steps say: `run --explain` shows the steps that a run carries out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.generations.names import Generation, Standing
from engine.generations.reasons import Expired, Outrun, Rule
from engine.generations.retention import Decision, Verdict
from engine.plan.selection import Selection
from engine.reach.targets import Identity, Target
from engine.steps.generations import (
    CompleteGeneration,
    CopyDatabases,
    CopyGeneration,
    PruneGenerations,
    StageGeneration,
)
from engine.steps.items import CloseItem, OpenItem
from engine.steps.model import (
    BeginPass,
    ClaimEntries,
    DeleteGone,
    DeletePass,
    EnsureDirectory,
    ExpireDeleted,
    GuardDeletions,
    HookStep,
    RecordProvenance,
    SelectChanges,
    SendChanges,
    Transfer,
    WriteRules,
)
from engine.steps.modes import Mode, ModeChoice
from engine.steps.snapshots import RemoveSnapshots, TakeSnapshot
from engine.steps.words import explain_steps
from policy.values import Duration
from tests.fake_lvm import snapshot, volume

CHOICE = ModeChoice(mode=Mode.INCREMENTAL, reason="3 changes in the journal")
HERE = Target(holder="disk", root=b"/mnt/disk", names=(b"photos", b"2026"))
NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)


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
            landing=(),
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


def gone(days: int, *reasons: Expired | Outrun) -> Decision:
    generation = Generation(moment=NOW - timedelta(days=days), standing=Standing.VERIFIED)
    return Decision(generation=generation, verdict=Verdict.PRUNE, reasons=reasons)


def test_steps_of_generations_are_explained() -> None:
    full = ModeChoice(mode=Mode.FULL, reason="linked to 2026-11-27T03-00-00Z")
    pruned = (
        gone(9, Expired(within=Duration(7 * 86400)), Outrun(rule=Rule.LAST, limit=2, period="x")),
        gone(8, Outrun(rule=Rule.DAILY, limit=2, period="2026-11-20")),
    )
    steps = (
        StageGeneration(feed="data", choice=full, target=HERE),
        CopyGeneration(feed="data", argv=(b"rsync", b"a b"), still=(), target=HERE),
        CopyDatabases(
            feed="data",
            silence=90.0,
            arguments=(b"-m", b"worker"),
            still=(),
            target=HERE,
            selection=None,
        ),
        CompleteGeneration(
            feed="data",
            target=HERE,
            name=b"2026-11-28T03-00-00Z",
            kept=(),
            file_system="uuid:1",
            mounts=(),
        ),
        PruneGenerations(feed="data", target=HERE, decisions=pruned),
    )
    assert explain_steps(steps) == (
        "data: a new generation, linked to 2026-11-27T03-00-00Z: written aside first",
        "data: copy, and link what has not changed: rsync 'a b'",
        "data: copy each database, and verify the copy: python -m worker",
        "data: call it 2026-11-28T03-00-00Z",
        "data: remove 2026-11-19T03-00-00Z (more than 7d older than the newest, last: 2 are newer);"
        " 2026-11-20T03-00-00Z (daily: 2 later ones than 2026-11-20)",
    )


def test_steps_of_items_are_explained() -> None:
    decision = gone(0, Outrun(rule=Rule.LAST, limit=2, period="x"))
    steps = (
        OpenItem(feed="web", snapshot=snapshot(), reader="files", key_file=None, at=b"/run/at"),
        CloseItem(feed="web"),
        TakeSnapshot(feed="web", volume=volume(), moment=NOW, leg="nightly"),
        RemoveSnapshots(feed="web", snapshots=(snapshot(),), decisions=(decision,)),
    )
    assert explain_steps(steps) == (
        "web: open its snapshot pve/web.policyctl.2026-11-28T03-00-00Z",
        "web: close it, whatever became of it",
        "web: take the snapshot web.policyctl.2026-11-28T03-00-00Z",
        "web: remove 2026-11-28T03-00-00Z (last: 2 are newer)",
    )
