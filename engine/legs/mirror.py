"""`mirror`: copies, counts what would be deleted, and only then deletes.

A full pass compares everything; an incremental one does the same with small trees that hold only
what the journal names.

A leg deletes what it owns and nothing else (law 1). At the top of its copies it owns what a
completed pass has seen in the source, and what it is about to create itself; anything else there
is foreign: protected by a rule of its own, and reported.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from engine.legs.hooks import hooks_after, hooks_before
from engine.legs.kind import Run
from engine.legs.mirrored_entries import in_the_way, left_alone, remembered, strangers, unowned
from engine.plan.model import LegPlan
from engine.records.journal import Coverage
from engine.rsync.command import (
    SWEEP,
    TELLING,
    changed_trees,
    compare_command,
    connection_options,
    delete_command,
    expire_command,
    merge_rules,
    mirror_options,
    send_command,
    transfer_command,
)
from engine.rsync.filters import (
    among_rules,
    exclude_rule,
    path_rules,
    protect_inside_rule,
    protect_rule,
    render_rules,
)
from engine.rsync.set_aside import SET_ASIDE, expired_runs
from engine.runs.deletions import most_deletions
from engine.runs.observation import FeedSeen, Observation, Waiver
from engine.steps.model import (
    BeginPass,
    CatchUp,
    ClaimEntries,
    CompareForeign,
    DeleteGone,
    DeletePass,
    DeletionLimit,
    EnsureDirectory,
    ExpireDeleted,
    GuardDeletions,
    RecordProvenance,
    SelectChanges,
    SendChanges,
    Step,
    Transfer,
    WriteRules,
)
from engine.steps.modes import Forced, Mode, ModeChoice, choose_mode
from policy.legs import MirrorLeg
from policy.patterns import PathPattern
from policy.values import Duration


class MirrorKind:
    """The kind `mirror` as `engine.legs.kind_of` gives it."""

    def steps(
        self, leg_plan: LegPlan, observation: Observation, run: Run, feeds: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Copy all feeds, judge the deletions of all together, then delete feed by feed."""
        leg = leg_plan.leg
        assert isinstance(leg, MirrorLeg)
        seen = [one for one in observation.feeds if one.feed in feeds]
        passes = [_pass_of(leg, leg_plan, one, run, observation.forced) for one in seen]
        return (
            *hooks_before(leg),
            *(step for one in passes for step in one.copy()),
            _guard(leg, seen, observation.waived),
            *(step for one in passes for step in one.before_deleting()),
            *(step for one in passes for step in one.finish()),
            *hooks_after(leg),
        )


def mode_of(leg: MirrorLeg, seen: FeedSeen, forced: Forced, now: datetime) -> ModeChoice:
    """What the pass of one feed looks at, and why."""
    return choose_mode(
        leg,
        journal=seen.source.journal,
        full_began=seen.source.full_began,
        same_rules=seen.source.same_rules,
        forced=forced,
        now=now,
    )


def _pass_of(leg: MirrorLeg, leg_plan: LegPlan, seen: FeedSeen, run: Run, forced: Forced) -> _Pass:
    choice = mode_of(leg, seen, forced, run.now)
    kind = _FullPass if choice.mode is Mode.FULL else _IncrementalPass
    return kind(leg, leg_plan, seen, run, choice)


class _Pass(ABC):
    """What the passes of one feed share."""

    def __init__(
        self, leg: MirrorLeg, leg_plan: LegPlan, seen: FeedSeen, run: Run, choice: ModeChoice
    ) -> None:
        self.leg = leg
        self.choice = choice
        self.seen = seen
        self.run = run
        self.target = seen.target.target
        selection = next(one.selection for one in leg_plan.feeds if one.reads == seen.feed)
        assert selection is not None
        self.selection = selection
        self.left_alone = left_alone(seen, selection)
        self.guarded = (
            *(exclude_rule((name,)) for name in self.left_alone),
            *(
                protect_rule((name,))
                for name in strangers(seen, selection)
                if name not in self.left_alone
            ),
            *(protect_inside_rule((name,)) for name in unowned(seen)),
            *(protect_inside_rule(names) for names in seen.target.retired),
            *(exclude_rule(names) for names in seen.source.strangers),
            *(rule for one in seen.source.awaited for rule in awaited_rules(one)),
        )
        self.connection = connection_options(
            self.target, run.control, commands=seen.target.commands
        )
        self.options = self.connection + mirror_options(
            leg,
            cannot_keep=seen.target.cannot_keep,
            run_id=run.run_id,
            restricted=None if seen.target.commands else self.target,
        )
        self.rules_path = run.directory + b"/protect-" + seen.feed.encode()
        self.filter_path = run.directory + b"/filter-" + seen.feed.encode()
        target = seen.target.root_identity
        self.still = (
            seen.source.identity,
            *seen.source.mounted,
            *((target,) if target is not None else ()),
        )

    def copy(self) -> Iterator[Step]:
        """Everything up to the count of the deletions that are wanted."""
        feed, seen = self.seen.feed, self.seen
        upto = seen.source.journal.upto if seen.source.journal else None
        yield BeginPass(feed=feed, choice=self.choice, upto=upto, target=self.target)
        if seen.target.commands and not seen.target.present:
            yield EnsureDirectory(feed=feed, target=self.target)
        # A copy of its own: an apply in the middle of a run must not change what the run does.
        yield WriteRules(feed=feed, path=self.filter_path, text=render_rules(self.selection))
        if self.guarded:
            text = b"".join(rule + b"\n" for rule in self.guarded)
            yield WriteRules(feed=feed, path=self.rules_path, text=text, protects=True)
        yield from self._transfer()
        yield from self._compare_foreign()

    def before_deleting(self) -> Iterator[Step]:
        """What has to be done in all feeds before the first of them deletes."""
        return iter(())

    def finish(self) -> Iterator[Step]:
        """Everything from the deletions on."""
        yield from self._delete()
        yield self._record()
        if self.leg.deleted_keep is not None:
            yield from self._expire(self.leg.deleted_keep)

    def _claim(self) -> ClaimEntries:
        seen = self.seen
        known = set(seen.target.entries)
        left_out = {names[0] for names in seen.source.strangers if len(names) == 1}
        return ClaimEntries(
            feed=seen.feed,
            names=tuple(sorted(set(seen.source.taken) - known)),
            source=seen.source.path,
            selection=self.selection,
            known=frozenset(known | left_out),
        )

    def _compare_foreign(self) -> Iterator[Step]:
        names = in_the_way(self.seen)
        if names:
            path = self.run.directory + b"/foreign-" + self.seen.feed.encode()
            ends = (self.seen.source.path, self.target)
            yield CompareForeign(
                feed=self.seen.feed,
                names=names,
                rules_path=path,
                rules=b"".join(rule + b"\n" for rule in among_rules(names)),
                argv=compare_command(self.options, (merge_rules(path),), *ends),
                target=self.target,
            )

    @abstractmethod
    def _transfer(self) -> Iterator[Step]:
        """Claim what is new, copy, and count what is to be deleted."""

    @abstractmethod
    def _delete(self) -> Iterator[Step]:
        """Delete what was counted."""

    def _record(self) -> RecordProvenance:
        seen, source = self.seen, self.seen.source
        full = self.choice.mode is Mode.FULL
        return RecordProvenance(
            feed=seen.feed,
            names=remembered(seen, self.selection),
            file_system=source.file_system,
            mounts=source.mounts,
            landing=seen.landing,
            source=source.path,
            selection=self.selection,
            present=frozenset(seen.target.entries),
            full_began=self.run.now if full else source.full_began,
            entries=None if full else source.previous_entries,
            full=full,
            upto=source.journal.upto if source.journal else None,
            target=self.target,
            tree=source.tree,
            commands=seen.target.commands,
        )

    def _select(self) -> SelectChanges:
        return SelectChanges(
            feed=self.seen.feed,
            source=self.seen.source.identity,
            selection=self.selection,
            excluded=frozenset(b"/".join(names) for names in self.seen.source.strangers)
            | frozenset(self.left_alone),
            target=self.target,
            keeping=self.seen.source.keeping,
        )

    def _send(self, *, replaced: bool = False) -> SendChanges:
        trees = changed_trees(self.run.directory, self.seen.feed)
        return SendChanges(
            feed=self.seen.feed,
            files=send_command(self.options, trees[0], self.target, follow=True),
            others=send_command(self.options, trees[1], self.target, follow=False),
            trees=trees,
            preserve=frozenset(self.leg.preserve),
            still=self.still,
            replaced=replaced,
        )

    @property
    def _is_followed(self) -> bool:
        """Whether the tracker notes what changes in the source while this pass runs."""
        source = self.seen.source
        seen = source.journal
        return seen is not None and seen.coverage is Coverage.FOLLOWED and not source.holder

    def _catch_up(self, *, before: bool) -> Iterator[Step]:
        journal = self.seen.source.journal
        if journal is not None and self._is_followed:
            yield CatchUp(
                feed=self.seen.feed,
                above=journal.upto,
                before=before,
                select=self._select(),
                claim=self._claim(),
                send=self._send(),
            )

    @property
    def _protection(self) -> tuple[bytes, ...]:
        """Rules that come first: rsync obeys the first one that matches."""
        return (merge_rules(self.rules_path),) if self.guarded else ()

    @property
    def _own_rules(self) -> tuple[bytes, ...]:
        return (merge_rules(self.filter_path),)

    def _expire(self, keep: Duration) -> Iterator[Step]:
        old = expired_runs(self.seen.target.set_aside, keep, self.run.now)
        if old:
            place = replace(self.target, names=(*self.target.names, SET_ASIDE))
            argv = expire_command(self.run.empty, place, old, self.connection)
            yield ExpireDeleted(feed=self.seen.feed, target=place, argv=argv, run_ids=old)


class _FullPass(_Pass):
    """Compares everything."""

    def _transfer(self) -> Iterator[Step]:
        rules = (*self._protection, *self._sweep, *self._own_rules)
        options = self.options + self._telling
        yield self._claim()
        argv = transfer_command(options, rules, self.seen.source.path, self.target)
        yield Transfer(
            feed=self.seen.feed,
            argv=argv,
            still=self.still,
            target=self.target,
            previous_entries=self.seen.source.previous_entries,
        )

    def _delete(self) -> Iterator[Step]:
        rules = (*self._protection, *self._sweep, *self._own_rules)
        options = self.options + self._telling
        source = self.seen.source
        ends = (source.path, self.target)
        alone = delete_command(options, rules, *ends, sending=False)
        yield from self._catch_up(before=True)
        yield DeletePass(
            feed=self.seen.feed,
            argv=delete_command(options, rules, *ends, sending=True),
            still=self.still,
            target=self.target,
            alone=alone if self._is_followed else None,
        )
        yield from self._catch_up(before=False)

    @property
    def _sweep(self) -> tuple[bytes, ...]:
        """Parts of files that earlier runs have left go; where every deletion is asked about, not.

        They would be counted like copies. The next pass finds what is left of them.
        """
        return () if self.seen.source.handed_over else (SWEEP,)

    @property
    def _telling(self) -> tuple[bytes, ...]:
        """What is changed is told name by name, where somebody reads it."""
        return TELLING if self.seen.target.read_on else ()


class _IncrementalPass(_Pass):
    """Looks only at what the journal names."""

    def _transfer(self) -> Iterator[Step]:
        yield self._select()
        yield self._claim()
        yield self._send()
        yield self._gone(count_only=True)

    def before_deleting(self) -> Iterator[Step]:
        """What is gone has been listed by now: wherever it went, that is in the journal."""
        return self._catch_up(before=True)

    def _delete(self) -> Iterator[Step]:
        yield self._gone(count_only=False)
        yield self._send(replaced=True)

    def _gone(self, *, count_only: bool) -> DeleteGone:
        return DeleteGone(
            feed=self.seen.feed,
            options=self.options,
            before=self._protection,
            after=self._own_rules,
            target=self.target,
            still=self.still,
            count_only=count_only,
        )


def awaited_rules(pattern: PathPattern) -> tuple[bytes, ...]:
    """Rules that keep the copies of what has yet to come to where it is read.

    A route went back to a leg before this one: its copy here is the only one off-site, perhaps,
    until that leg has run.
    """
    return path_rules(b"P", pattern.components) if pattern.components else (b"P *",)


def _guard(leg: MirrorLeg, seen: list[FeedSeen], waived: frozenset[Waiver]) -> GuardDeletions:
    before = [one.source.previous_entries or 0 for one in seen]
    return GuardDeletions(
        most=most_deletions(leg, sum(before)),
        smaller_source_allowed=Waiver.SMALLER_SOURCE in waived,
        deletions_allowed=Waiver.DELETIONS in waived,
        feeds=tuple(
            DeletionLimit(
                feed=one.feed,
                previous_entries=one.source.previous_entries,
                handed_over=one.source.handed_over,
            )
            for one in seen
        ),
    )
