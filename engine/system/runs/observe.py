"""Looking at everything that a run depends on, before it touches anything."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from engine.legs.kind import Run
from engine.plan.model import Feed, LegPlan, Location, Plan, tree_root
from engine.plan.readers import is_itemised, read_place, reader_of, tree_read, writers_of
from engine.plan.selection import Selection, Verdict, is_reserved
from engine.plan.spots import below
from engine.reach.targets import Presence
from engine.records.journal import JournalSeen
from engine.rsync.filters import render_rules
from engine.rsync.output import parse_version
from engine.rsync.rules_digest import rules_digest
from engine.runs.observation import (
    FeedSeen,
    FilterState,
    Observation,
    SourceSeen,
    TargetSeen,
    Waiver,
)
from engine.steps.modes import Forced
from engine.system.host.directories import list_directory, look_at
from engine.system.host.file_systems import identity_of, mounts_below, read_mounts
from engine.system.host.landing import landing
from engine.system.host.loops import names_within
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, run
from engine.system.host.taken import carried, taken_entries
from engine.system.journal.journal import Journal
from engine.system.journal.look import look_into
from engine.system.runs.damage import is_damaged
from engine.system.runs.devices import device_of, nowhere
from engine.system.runs.name_folding import names_that_meet
from engine.system.runs.observe_target import NothingToRead, TargetLook
from engine.system.runs.products import product_seen
from engine.system.state.arrivals import there_by
from engine.system.state.disk_identity import find_identity
from engine.system.state.first_passes import FirstPass, FirstPasses
from engine.system.state.state import State, stream_of
from policy.destinations import Destination
from policy.legs import CopyingLeg, MirrorLeg, SqliteLeg, VersionsLeg
from policy.parts import SshTarget
from policy.patterns import PathPattern
from policy.sources import FilesSource

if TYPE_CHECKING:
    from engine.items.items import Inventory, Item

COUNT_LEAST = 1_000
COUNT_MOST = 5_000
"""Entries counted before a run; a source that holds more is judged by rsync's own count."""
_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})


def observe(
    plan: Plan,
    leg_plan: LegPlan,
    *,
    places: Places,
    state: State,
    this_run: Run,
    waived: frozenset[Waiver],
    journal: Journal,
    forced: Forced = Forced.NOTHING,
) -> Observation:
    """Look at both ends of each feed. Raises `NothingToRead`."""
    look = _Look(plan, leg_plan, places, state, this_run, journal)
    itemised = [feed for feed in leg_plan.feeds if is_itemised(plan, leg_plan, feed)]
    found = [(one, look.inventory(one)) for one in itemised]
    return Observation(
        plan_host=plan.host,
        host=None if places.staged or places.in_pod else socket.gethostname(),
        rsync=_rsync_here(),
        feeds=(
            *(look.feed(feed) for feed in leg_plan.feeds if feed not in itemised),
            *(
                look.item(feed, item)
                for feed, there in found
                if feed.writes is not None
                for item in there.items
            ),
        ),
        inventories=tuple(one for _, one in found),
        waived=waived,
        forced=forced,
        timezone=plan.timezone,
    )


def _rsync_here() -> tuple[int, int, int] | None:
    try:
        return parse_version(run(Command(argv=(b"rsync", b"--version"), timeout=30)).stdout)
    except CommandNotStarted:
        return None


def holder_of(leg_plan: LegPlan) -> str | None:
    """The one destination or source that a leg writes to."""
    return next((feed.writes.holder for feed in leg_plan.feeds if feed.writes), None)


def ssh_of(plan: Plan, leg_plan: LegPlan, places: Places) -> SshTarget | None:
    """The other machine that a leg writes to, or a device that it reads; None: all is here."""
    device = next((one for feed in leg_plan.feeds if (one := device_of(plan, feed))), None)
    if device is not None:
        return device
    destination = plan.destination(holder_of(leg_plan))
    if destination is None or not places.reaches_over_ssh(destination):
        return None
    return destination.ssh


class _Look(TargetLook):
    """One look at one leg."""

    def __init__(
        self,
        plan: Plan,
        leg_plan: LegPlan,
        places: Places,
        state: State,
        this_run: Run,
        journal: Journal,
    ) -> None:
        super().__init__(plan, places, state, this_run, journal)
        self.leg_plan = leg_plan
        self.mounts = read_mounts()

    def inventory(self, feed: Feed) -> Inventory:
        """What there is now of what a feed has several of."""
        from engine.system.items.inventory import inventory  # dear to load for all other legs

        return inventory(self.plan, self.leg_plan, feed, self.places, self.state, self.run.now)

    def feed(self, feed: Feed) -> FeedSeen:
        """Both ends of a feed, and its rules."""
        product = product_seen(self, self.leg_plan, feed)
        if product is not None:
            return product
        assert feed.selection is not None
        assert feed.writes is not None
        path = self.places.filter_file(self.leg_plan.name, feed.reads)
        target = self.target(feed.writes)
        stream = stream_of(self.plan, self.leg_plan, feed, self.state)
        source, before = self._source(feed, feed.selection), self.state.last_seen(stream)
        tops = {*source.taken, *source.owned}
        keeps = isinstance(self.leg_plan.leg, SqliteLeg | VersionsLeg)
        return FeedSeen(
            feed=feed.reads,
            source=source,
            target=target,
            landing=landing(target.target, tops, feed.selection, self.mounts),
            previous_landing=before.landing if before is not None else None,
            swallowed=self._swallowed(feed, target),
            into_itself=self._into_itself(feed, feed.selection, target),
            meeting=names_that_meet(self, feed, target, self._read_path(feed), self.mounts),
            generations=self.state.generations.among(stream, target.directories) if keeps else (),
            damaged=is_damaged(self.state, self.leg_plan, feed.reads),
            filter_path=os.fsencode(path),
            filter_state=_filter_state(os.fsencode(path), feed.selection)
            if isinstance(self.leg_plan.leg, CopyingLeg)
            else FilterState.NONE,
        )

    def _swallowed(self, feed: Feed, target: TargetSeen) -> tuple[bytes, ...]:
        """What no mirror may lie above: it would be deleted as if it were an old copy."""
        place = target.target
        if place.ssh is not None or self.plan.destination(place.holder) is None:
            return ()
        paths = dict.fromkeys((self._read_path(feed), *self._live_paths()))
        return tuple(one for one in paths if names_within(one, place.path, self.mounts) is not None)

    def _live_paths(self) -> Iterator[bytes]:
        for source in self.plan.sources:
            root = tree_root(source)
            listed = source.paths if isinstance(source, FilesSource) else (root,)
            yield from (self.places.below_root(path) for path in listed if path is not None)

    def _into_itself(self, feed: Feed, selection: Selection, target: TargetSeen) -> bool:
        place = target.target
        if place.ssh is not None or self.plan.destination(place.holder) is None:
            return False
        names = names_within(place.path, self._read_path(feed), self.mounts)
        # Where both are one directory, it is swallowed.
        return bool(names) and selection.decide(names or (), directory=True) is Verdict.TAKEN

    def item(self, feed: Feed, item: Item) -> FeedSeen:
        """An item, and the folder of its generations."""
        assert feed.writes is not None
        place = Location(holder=feed.writes.holder, names=feed.writes.names + item.names)
        own = Feed(reads=item.name, writes=place, selection=None)
        stream = stream_of(self.plan, self.leg_plan, own, self.state)
        target, before = self.target(place), self.state.last_seen(stream)
        at = self.run.directory + b"/item"
        return FeedSeen(
            feed=item.name,
            damaged=is_damaged(self.state, self.leg_plan, item.name),
            source=nowhere(at, before.entries if before is not None else None),
            target=target,
            filter_path=b"",
            filter_state=FilterState.NONE,
            generations=self.state.generations.among(stream, target.directories),
            item=item,
        )

    # ── Source ───────────────────────────────────────────────────────────────────────────────

    def _source(self, feed: Feed, selection: Selection) -> SourceSeen:
        path = self._read_path(feed)
        presence, identity = look_at(path)
        holder = self._read_destination(feed)
        # Before anything else is looked at: what changes from here on belongs to the next run.
        seen = self._journalled(feed)
        if presence is not Presence.DIRECTORY:
            return SourceSeen(path=path, presence=presence, identity=identity, file_system="none")
        stream = stream_of(self.plan, self.leg_plan, feed, self.state)
        before, tree = self.state.last_seen(stream), tree_read(self.plan, feed.reads)
        kept = before is not None and before.tree in {None, tree}
        rules = rules_digest(selection, self.leg_plan.leg)
        # An empty one says of this place what only the next full pass settles, whenever it is due.
        same_tree = before is not None and before.tree in {None, b"", tree}
        same_rules = same_tree and before is not None and before.rules == rules
        comparable = before is not None and before.rules.split(".")[0] == rules.split(".")[0]
        previous = before.entries if before and comparable else None
        enough = min(COUNT_MOST, max(COUNT_LEAST, (previous + 1) // 2 if previous else 0))
        strangers = tuple(self._strangers(feed, path))
        count, anything = 0, False
        for taken in carried(path, selection):
            count += 1
            anything |= taken
            if count > enough and anything:
                break
        file_system, mounts = identity_of(path, self.mounts), self._mounts(path, selection)
        begun = FirstPasses(self.state.connection).of(stream) if before is None else None
        now = FirstPass(tree=tree, file_system=file_system, mounts=mounts)
        kept = kept or (begun is not None and begun.goes_on(now))
        return SourceSeen(
            path=path,
            presence=presence,
            identity=identity,
            file_system=file_system,
            taken=tuple(one for one in taken_entries(path, selection) if (one,) not in strangers),
            missing=self._missing(feed),
            holder=holder.name if holder else "",
            recorded=self.state.destination_identity(holder.name) if holder else None,
            found=find_identity(holder, self.places) if holder else None,
            strangers=strangers,
            awaited=tuple(self._awaited(feed)),
            keeping=tuple(self._keeping(feed)),
            entries=count if anything else 0,
            counted_all=count <= enough,
            mounts=mounts,
            previous_entries=previous,
            previous_file_system=before.file_system if before else None,
            previous_mounts=self._carried_mounts(before.mounts, path, selection) if before else (),
            mounted=tuple(look_at(point)[1] for point in mounts),
            owned=self.state.owned(stream),
            journal=seen,
            tree=tree,
            handed_over=not kept and not self.state.is_adopted(stream),
            same_rules=same_rules,
            full_began=before.full_began if before else None,
        )

    def _journalled(self, feed: Feed) -> JournalSeen | None:
        reader = reader_of(self.plan, self.leg_plan, feed)
        if reader is None or not self.journal.knows(reader.leg, reader.reads):
            return None
        live = self.plan.source(feed.reads) is not None
        return look_into(self.journal, reader, self.places, live=live)

    def _read_destination(self, feed: Feed) -> Destination | None:
        """The destination that is read, whole or as the place of a leg's product."""
        if self.plan.source(feed.reads) is not None:
            return None
        location = read_place(self.plan, feed.reads)
        return self.plan.destination(location.holder) if location else None

    def _missing(self, feed: Feed) -> tuple[bytes, ...]:
        source = self.plan.source(feed.reads)
        listed = source.paths if isinstance(source, FilesSource) else ()
        there = ((path, self.places.below_root(path)) for path in listed)
        return tuple(path.text for path, here in there if not os.path.lexists(here))

    def _strangers(self, feed: Feed, path: bytes) -> Iterator[tuple[bytes, ...]]:
        """What lies where a later hop reads and belongs to none of the legs that it carries on.

        A mirror owns at the top of its copies what it has written, and a leg that keeps generations
        its own; legs that run elsewhere own their directories whole.
        """
        base = read_place(self.plan, feed.reads)
        for leg_plan, one in writers_of(self.plan, feed.reads):
            copies = (
                isinstance(leg_plan.leg, CopyingLeg | SqliteLeg) and leg_plan.leg.runner is None
            )
            if not copies or base is None or one.writes is None or one.selection is None:
                continue
            known = self.state.owned(stream_of(self.plan, leg_plan, one, self.state))
            if isinstance(leg_plan.leg, MirrorLeg):
                known |= self._living(one, one.selection)
            known |= {owner[0] for owner in one.selection.blocked if owner}
            inner = one.writes.names[len(base.names) :]
            folder = b"/".join((path.rstrip(b"/"), *inner))
            for name, directory in list_directory(folder):
                reserved = is_reserved((name,), directory=directory)
                if name not in known and not reserved:
                    yield (*inner, name)

    def _awaited(self, feed: Feed) -> Iterator[PathPattern]:
        """What has yet to come to what is read: its copy further on is no copy of nothing."""
        base = read_place(self.plan, feed.reads)
        there = there_by(self.plan, self.places)
        for one in self.state.awaited(there) if base is not None else ():
            if base is not None and one.place.holder == base.holder:
                inner = below(one.place.pattern, base.names)
                if inner is not None:
                    yield inner

    def _keeping(self, feed: Feed) -> Iterator[tuple[bytes, ...]]:
        """Folders in which legs keep generations, relative to what the feed reads."""
        base = read_place(self.plan, feed.reads)
        for leg_plan in self.plan.legs if base is not None else ():
            for one in leg_plan.feeds:
                if base is None or one.writes is None or isinstance(leg_plan.leg, MirrorLeg):
                    continue
                if base.contains(one.writes):
                    yield one.writes.names[len(base.names) :]

    def _read_path(self, feed: Feed) -> bytes:
        source = self.plan.source(feed.reads)
        if source is not None:
            root = tree_root(source)
            if root is None:
                raise NothingToRead(f"{feed.reads} is no directory of this machine")
            return self.places.below_root(root)
        location = read_place(self.plan, feed.reads)
        if location is None:
            raise NothingToRead(f"{feed.reads} has no single place to read")
        root_path, destination = self.root_of(location.holder)
        if destination is not None and self.places.reaches_over_ssh(destination):
            raise NothingToRead(f"{feed.reads} lies on another machine, and is only written to")
        return b"/".join((root_path.rstrip(b"/"), *location.names)) or b"/"

    def _mounts(self, path: bytes, selection: Selection) -> tuple[bytes, ...]:
        """Mount points below the source that the leg carries something of."""
        return self._carried_mounts(mounts_below(path, self.mounts), path, selection)

    def _living(self, feed: Feed, selection: Selection) -> frozenset[bytes]:
        """What a feed takes of live data now: its copies are its leg's, whoever made them."""
        source = self.plan.source(feed.reads)
        root = tree_root(source) if source is not None else None
        if root is None:
            return frozenset()
        return frozenset(taken_entries(self.places.below_root(root), selection))

    @staticmethod
    def _carried_mounts(
        points: Iterable[bytes], path: bytes, selection: Selection
    ) -> tuple[bytes, ...]:
        """Those of some mount points that the leg carries something of, by its rules today."""
        prefix = os.path.realpath(path).rstrip(b"/") + b"/"
        return tuple(
            point
            for point in points
            if point.startswith(prefix)
            and selection.decide(tuple(point[len(prefix) :].split(b"/")), directory=True)
            in _CARRIED
        )


# ── Single looks ─────────────────────────────────────────────────────────────────────────────


def _filter_state(path: bytes, selection: Selection) -> FilterState:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the path is bytes
            text = file.read()
    except OSError:
        return FilterState.MISSING
    return FilterState.SAME if text == render_rules(selection) else FilterState.CHANGED
