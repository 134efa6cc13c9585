"""The tracker: watches the routed parts of tracked sources, and notes what changes in the journal.

Its lock tells that it lives. What it cannot see is a gap, noted before it begins and whenever
something is lost (law 37). Rows are written only after the watches that they need stand, so that
nothing falls between a directory's arrival and its first event.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from socket import socket

from engine.plan.model import Plan
from engine.records.journal import Consumer
from engine.runs.tracking import Event, Judge, Tracked, tracked_sources
from engine.system.host.places import Places
from engine.system.host.sd_notify import notify, watchdog_seconds
from engine.system.host.signals import Interrupted
from engine.system.journal import barrier
from engine.system.journal.journal import Journal, JournalUnusable
from engine.system.tracker.followed import Followed
from engine.system.tracker.inotify import limit
from engine.system.tracker.watched_tree import Node, Owners, WatchedTree, count_directories
from engine.system.tracker.watcher import Kind, NoMoreWatches, Seen, Watcher

FLUSH_SECONDS = 0.5
FLUSH_ROWS = 20_000
LOOK_SECONDS = 1.0
"""Between two looks at roots, mounts and the applied plan."""
HEARTBEAT_SECONDS = 30.0
RETRY_SECONDS = 5.0
RETRY_WATCHES_SECONDS = 300.0
MOST_WAITING = 1_000_000
"""Events that may wait while a tree is walked; more are an overflow as the kernel's own."""
_OVERFLOWED = "the kernel's queue of events overflowed"
_MOUNTED = "something was mounted or unmounted in it"
_REPLACED = "its root was replaced"
_READERS = "its readers have changed"
Names = tuple[bytes, ...]
Say = Callable[[str], None]


class Tracker:
    """Follows the sources of the applied plan until it is interrupted."""

    def __init__(
        self, places: Places, journal: Journal, watcher: Watcher, load: Callable[[], Plan], say: Say
    ) -> None:
        self._places = places
        self._journal = journal
        self._watcher = watcher
        self._load = load
        self._say = say
        self._owner: Owners = {}
        self._waiting: deque[Seen] = deque()
        self._sources: dict[str, Followed] = {}
        self._rows: dict[tuple[int, bytes], bool] = {}
        self._plan_stamp: object = None
        self._journal_inode = _inode(places.journal_file)
        self._since = time.time()
        """Whatever is told from now on happened later than this."""
        self._watchdog = watchdog_seconds()
        self._petted = self._look_at = self._beat_at = 0.0

    # ── Life ─────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Watch for ever; an interruption leaves everything noted that was seen."""
        try:
            with barrier.listening(self._places) as server:
                self._follow_plan()
                notify("READY=1", f"STATUS={self._summary()}")
                self._loop(server)
        except Interrupted:
            self._take()
            raise
        finally:
            notify("STOPPING=1")
            self._flush()
            for source in self._sources.values():
                self._stand(source, standing=False, detail="it was stopped")
                source.tree.drop()

    def _loop(self, server: socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._watcher.fileno(), selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            flush_at = 0.0
            while True:
                pause = FLUSH_SECONDS if self._rows else LOOK_SECONDS
                selector.select(0 if self._waiting else pause)
                clients = barrier.questions(server)
                self._take()
                now = time.monotonic()
                if clients:
                    self._retry()
                if clients or now >= self._look_at:
                    self._look_at = now + LOOK_SECONDS
                    self._look()
                if clients or now >= flush_at or len(self._rows) >= FLUSH_ROWS:
                    self._flush()
                    flush_at = now + FLUSH_SECONDS
                for client in clients:
                    barrier.answer(client)
                self._breathe()

    # ── Events ───────────────────────────────────────────────────────────────────────────────

    def _take(self) -> None:
        """See to what the kernel has told up to now, in order."""
        began = time.time()
        self._waiting.extend(self._watcher.read())
        while self._waiting:
            event = self._waiting[0]  # it stays until it is done, should a signal come in between
            if event.kind is Kind.OVERFLOW:
                self._overflow()
                return  # all watches are to be set anew: what is left of these events is in the gap
            for tree, node in self._owner.get(event.watch, ()):
                if any(one[1] is node for one in self._owner.get(event.watch, ())):
                    self._one(tree, node, event)
            if self._waiting[0] is event:
                self._waiting.popleft()
        self._since = began

    def _one(self, tree: WatchedTree, node: Node, event: Seen) -> None:
        source = self._source_of(tree)
        if event.kind is Kind.UNMOUNTED:
            self._lose(source, _MOUNTED)
        elif event.kind is Kind.DROPPED and node is tree.top:
            self._lose(source, _REPLACED)
        elif event.kind is Kind.DROPPED:
            tree.lost(node)
        else:
            source.events += 1
            happened = Event(
                name=event.name,
                directory=event.directory,
                came_or_went=event.kind is not Kind.CHANGED,
            )
            if self._follow(source, node, happened):
                self._note(source, node.names(), happened)
                if not event.directory and event.kind is not Kind.WENT:
                    self._note_linked(source, node, event)

    def _follow(self, source: Followed, node: Node, event: Event) -> bool:
        """Keep in step with what happened to a name; False where that cannot be."""
        if event.directory and event.came_or_went:
            return self._watching(source, partial(source.tree.came, node, event.name))
        if event.directory and source.tree.refused:
            names = (*node.names(), event.name)
            return self._watching(source, partial(self._retry_below, source, names))
        return True

    def _watching(self, source: Followed, act: Callable[[], None]) -> bool:
        """Change the watches of a source; False where that cannot be, which is a gap."""
        try:
            act()
        except NoMoreWatches as error:
            self._exhausted(source, error)
        except OSError as error:
            self._unwatchable(source, error)
        else:
            return True
        return False

    def _note(self, source: Followed, parent: Names, event: Event) -> None:
        for number, change in source.judge.changes(parent, event):
            key = (source.readers[number], change.path)
            self._rows[key] = self._rows.get(key, False) or change.deep

    def _note_linked(self, source: Followed, parent: Node, event: Seen) -> None:
        """A file with several names was written by one: every reader may carry another one."""
        came = event.kind is Kind.CAME
        path = source.tree.several_names(parent, event.name, came=came, since=self._since)
        if path is not None:
            for number in source.readers.values():
                self._rows.setdefault((number, path), False)

    def _retry(self) -> None:
        """Directories that could not be looked into before may be readable by now."""
        for source in self._sources.values():
            self._watching(source, partial(self._retry_below, source, ()))

    def _retry_below(self, source: Followed, names: Names) -> None:
        for found in source.tree.retry(names):
            event = Event(name=found[-1], directory=True, came_or_went=True)
            self._note(source, found[:-1], event)

    def _flush(self) -> None:
        for source in self._sources.values():
            source.tree.looked.clear()
        if self._rows:
            rows = self._rows
            gone = self._journal.record(
                (number, path, deep) for (number, path), deep in rows.items()
            )
            self._rows = {}
            for source in self._sources.values():
                if gone.intersection(source.readers.values()):
                    self._lose(source, _READERS)

    # ── Sources ──────────────────────────────────────────────────────────────────────────────

    def _follow_plan(self) -> None:
        """Watch what the applied plan tracks; what is tracked as before goes on undisturbed."""
        stamp = _stamp(self._places.plan_file)
        if stamp == self._plan_stamp:
            return
        first = self._plan_stamp is None
        self._plan_stamp = stamp
        plan = self._load()
        wanted = {one.source: one for one in tracked_sources(plan)}
        for name, source in list(self._sources.items()):
            if wanted.get(name) != source.tracked:
                self._flush()
                self._stand(source, standing=False, detail="what is tracked has changed")
                source.tree.drop()
                del self._sources[name]
        reason = "the tracker was started" if first else "what is tracked has changed"
        for name, tracked in wanted.items():
            if name not in self._sources:
                self._sources[name] = self._new_source(tracked)
                self._set_up(self._sources[name], reason)

    def _new_source(self, tracked: Tracked) -> Followed:
        judge = Judge(tracked)
        tree = WatchedTree(judge, self._watcher, self._owner, self._breathe)
        path = self._places.below_root(tracked.root)
        return Followed(tracked=tracked, path=path, judge=judge, tree=tree)

    def _set_up(self, source: Followed, reason: str) -> None:
        """Set all watches anew. The gap comes first: until they stand anything may be missed."""
        name = source.tracked.source
        self._flush()
        source.tree.drop()
        self._stand(source, standing=False, detail="")
        self._journal.add_gap(name, reason, _now())
        self._journal.register(
            Consumer(leg=one.leg, reads=name, tree=name) for one in source.tracked.readers
        )
        legs = {one.leg: number for number, one in self._journal.consumers(name)}
        source.readers = {
            at: legs[one.leg] for at, one in enumerate(source.tracked.readers) if one.leg in legs
        }
        if len(source.readers) < len(source.tracked.readers):  # an apply has just come in between
            self._lose(source, _READERS, retry=LOOK_SECONDS)
            return
        source.mounts = source.mounts_now()
        if self._watching(source, partial(source.tree.set_up, source.path)):
            # What has come meanwhile may be that the queue overflowed.
            self._take()
            self._flush()
            if source.tree.top is not None:
                source.needed = 0
                self._stand(source, standing=True, detail="")
                self._say(f"{name}: {source.tree.count:,} directories are watched")

    def _exhausted(self, source: Followed, error: NoMoreWatches) -> None:
        granted = limit("max_user_watches") or 0
        others = max(0, granted - len(self._owner))
        source.tree.drop()
        with suppress(OSError):
            source.needed = count_directories(source.path, source.judge, self._breathe)
        needed = len(self._owner) + sum(one.needed for one in self._sources.values())
        wanted = (others + needed) * 5 // 4
        detail = (
            f"{error}: {needed:,} watches are needed, {granted:,} are granted to all programs "
            f"of this user; as root: sysctl fs.inotify.max_user_watches={wanted}"
        )
        self._lose(source, "not all watches could be set", detail, RETRY_WATCHES_SECONDS)

    def _unwatchable(self, source: Followed, error: OSError) -> None:
        detail = f"{os.fsdecode(source.path)!r} cannot be watched: {error.strerror}"
        there = os.path.isdir(source.path)  # noqa: PTH112 - bytes
        walked = source.tree.top is not None
        retry = RETRY_WATCHES_SECONDS if walked else RETRY_SECONDS if there else 0.0
        self._lose(source, "its root was away", detail, retry)

    def _lose(self, source: Followed, reason: str, detail: str = "", retry: float = 0.0) -> None:
        """Note that changes are missed from now on, until all watches have been set anew."""
        self._journal.add_gap(source.tracked.source, reason, _now())
        source.tree.drop()
        self._stand(source, standing=False, detail=detail)
        source.reason = reason
        source.retry_at = time.monotonic() + retry
        self._look_at = 0.0
        self._say(f"{source.tracked.source}: {detail or reason}")

    def _stand(self, source: Followed, *, standing: bool, detail: str) -> None:
        source.standing = standing
        self._journal.set_coverage(
            source.tracked.source,
            standing=standing,
            detail=detail,
            now=_now(),
            watches=source.tree.count,
        )

    def _overflow(self) -> None:
        """Events of any directory may be lost, also those that say where new watches belong."""
        self._waiting.clear()
        for source in self._sources.values():
            if source.tree.top is not None:
                self._lose(source, _OVERFLOWED)

    # ── Looking around ───────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        if _inode(self._places.journal_file) != self._journal_inode:
            told = f"{self._places.journal_file} is not the file any more that was opened"
            raise JournalUnusable(f"{told}: start the tracker again, it begins with a full pass")
        self._follow_plan()
        for source in self._sources.values():
            if not source.standing:
                there = os.path.isdir(source.path)  # noqa: PTH112 - bytes
                if there and time.monotonic() >= source.retry_at:
                    self._set_up(source, source.reason)
            elif not source.tree.stands_where_it_was:
                detail = f"{os.fsdecode(source.path)!r} is not what was watched any more"
                self._lose(source, _REPLACED, detail)
            elif source.mounts_now() != source.mounts:
                self._set_up(source, _MOUNTED)

    def _beat(self) -> None:
        for source in self._sources.values():
            self._journal.heartbeat(source.tracked.source, _now(), source.tree.count, source.events)
        notify(f"STATUS={self._summary()}")

    def _breathe(self) -> None:
        """See to what cannot wait while a large tree is walked: the kernel's queue, and systemd."""
        self._waiting.extend(one for one in self._watcher.read() if self._matters(one))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.clear()
            self._waiting.append(Seen(-1, Kind.OVERFLOW))
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + HEARTBEAT_SECONDS
            self._beat()
        if self._watchdog is not None and now >= self._petted + self._watchdog:
            notify("WATCHDOG=1")
            self._petted = now

    def _matters(self, event: Seen) -> bool:
        """While its watches are being set a source has a gap: only its directories matter then."""
        if event.directory or event.kind in {Kind.OVERFLOW, Kind.UNMOUNTED, Kind.DROPPED}:
            return True
        owners = self._owner.get(event.watch, ())
        return any(self._source_of(tree).standing for tree, _ in owners)

    def _source_of(self, tree: WatchedTree) -> Followed:
        return self._sources[tree.judge.tracked.source]

    def _summary(self) -> str:
        standing = [one for one in self._sources.values() if one.standing]
        count = sum(one.tree.count for one in standing)
        return f"{len(standing)} of {len(self._sources)} sources, {count:,} directories"


def _stamp(path: Path) -> tuple[int, int] | None:
    """Tells whether a file is another one now, or was written."""
    with suppress(OSError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns
    return None


def _inode(path: Path) -> int | None:
    stamp = _stamp(path)
    return stamp[0] if stamp else None


def _now() -> datetime:
    return datetime.now(UTC)
