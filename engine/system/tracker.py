"""The tracker: watches the routed parts of tracked sources, and notes what changes in the journal.

Its lock tells that it lives. What it cannot see is a gap, noted before it begins and whenever
something is lost (law 37). Rows are written only after the watches that they need stand, so that
nothing falls between a directory's arrival and its first event.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from socket import socket

from engine.journal import Change, Consumer
from engine.plan import Plan
from engine.system import barrier
from engine.system.file_systems import mounts_below, read_mounts
from engine.system.inotify import limit
from engine.system.journal import Journal
from engine.system.places import Places
from engine.system.sd_notify import notify, watchdog_seconds
from engine.system.watched_tree import Node, WatchedTree, count_directories
from engine.system.watcher import Kind, NoMoreWatches, Seen, Watcher
from engine.tracking import Event, Judge, Tracked, tracked_sources

FLUSH_SECONDS = 0.5
FLUSH_ROWS = 20_000
LOOK_SECONDS = 1.0
"""Between two looks at roots, mounts and the applied plan."""
HEARTBEAT_SECONDS = 30.0
RETRY_SECONDS = 5.0
RETRY_WATCHES_SECONDS = 300.0
Say = Callable[[str], None]


@dataclass(slots=True)
class _Source:
    """One tracked source as it stands."""

    tracked: Tracked
    path: bytes
    judge: Judge
    tree: WatchedTree
    readers: dict[int, int] = field(default_factory=dict)
    """The journal's number of each reader."""
    standing: bool = False
    retry_at: float = 0.0
    mounts: tuple[bytes, ...] = ()
    events: int = 0


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
        self._owner: dict[int, tuple[WatchedTree, Node]] = {}
        self._sources: dict[str, _Source] = {}
        self._rows: dict[tuple[int, bytes], bool] = {}
        self._plan_stamp: object = None
        self._watchdog = watchdog_seconds()
        self._petted = 0.0

    # ── Life ─────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Watch for ever; an interruption leaves everything noted that was seen."""
        try:
            with barrier.listening(self._places) as server:
                self._follow_plan()
                notify("READY=1", f"STATUS={self._summary()}")
                self._loop(server)
        finally:
            self._flush()
            for source in self._sources.values():
                self._stand(source, standing=False, detail="it was stopped")
                source.tree.drop()
            notify("STOPPING=1")

    def _loop(self, server: socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._watcher.fileno(), selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            flush_at = look_at = beat_at = 0.0
            while True:
                selector.select(FLUSH_SECONDS if self._rows else LOOK_SECONDS)
                clients = barrier.questions(server)
                self._take(self._watcher.read())
                now = time.monotonic()
                if clients or now >= flush_at or len(self._rows) >= FLUSH_ROWS:
                    self._flush()
                    flush_at = now + FLUSH_SECONDS
                for client in clients:
                    barrier.answer(client)
                if now >= look_at:
                    self._look()
                    look_at = now + LOOK_SECONDS
                if now >= beat_at:
                    self._beat()
                    beat_at = now + HEARTBEAT_SECONDS
                self._breathe()

    # ── Events ───────────────────────────────────────────────────────────────────────────────

    def _take(self, events: list[Seen]) -> None:
        for event in events:
            if event.kind is Kind.OVERFLOW:
                self._overflow()
                return  # all watches are new: what is left of these events is in the gap
            self._one(event)

    def _one(self, event: Seen) -> None:
        owned = self._owner.get(event.watch)
        if owned is None:
            return  # given up already: a row that was noted since covers it
        tree, node = owned
        if event.kind is Kind.DROPPED:
            del self._owner[event.watch]
            return
        source = self._sources[tree.judge.tracked.source]
        source.events += 1
        if event.directory and event.kind is Kind.CAME:
            try:
                tree.came(node, event.name)
            except NoMoreWatches as error:
                self._exhausted(source, error)
                return
        elif event.directory and event.kind is Kind.WENT:
            tree.went(node, event.name)
        happened = Event(
            name=event.name,
            directory=event.directory,
            came_or_went=event.kind is not Kind.CHANGED,
        )
        for number, change in source.judge.changes(node.names(), happened):
            key = (source.readers[number], change.path)
            self._rows[key] = self._rows.get(key, False) or change.deep

    def _flush(self) -> None:
        if self._rows:
            rows = self._rows
            self._journal.record(
                (number, Change(path, deep)) for (number, path), deep in rows.items()
            )
            self._rows = {}

    # ── Sources ──────────────────────────────────────────────────────────────────────────────

    def _follow_plan(self) -> None:
        """Watch what the applied plan tracks; what is tracked as before goes on undisturbed."""
        stamp = self._stamp()
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

    def _new_source(self, tracked: Tracked) -> _Source:
        judge = Judge(tracked)
        tree = WatchedTree(judge, self._watcher, self._owner, self._breathe)
        path = self._places.below_root(tracked.root)
        return _Source(tracked=tracked, path=path, judge=judge, tree=tree)

    def _set_up(self, source: _Source, reason: str) -> None:
        """Set all watches anew. The gap comes first: until they stand anything may be missed."""
        name = source.tracked.source
        self._flush()
        source.tree.drop()
        self._stand(source, standing=False, detail="")
        self._journal.add_gap(name, reason, _now())
        legs = {one.leg: number for number, one in self._journal_readers(name)}
        source.readers = {
            at: legs[one.leg] for at, one in enumerate(source.tracked.readers) if one.leg in legs
        }
        source.mounts = self._mounts(source.path)
        try:
            source.tree.set_up(source.path)
        except NoMoreWatches as error:
            self._exhausted(source, error)
        except OSError as error:
            source.tree.drop()
            detail = f"{os.fsdecode(source.path)!r} cannot be watched: {error.strerror}"
            self._fail(source, detail, RETRY_SECONDS)
        else:
            self._take(self._watcher.read())
            self._flush()
            self._stand(source, standing=True, detail="")
            self._say(f"{name}: {source.tree.count:,} directories are watched")

    def _exhausted(self, source: _Source, error: NoMoreWatches) -> None:
        source.tree.drop()
        needed = len(self._owner) + count_directories(source.path, source.judge)
        granted = limit("max_user_watches")
        wanted = max(needed, granted or 0) * 5 // 4
        detail = (
            f"{error}: {needed:,} watches are needed, {granted or 0:,} are granted to all programs "
            f"of this user; as root: sysctl fs.inotify.max_user_watches={wanted}"
        )
        self._journal.add_gap(source.tracked.source, "not all watches could be set", _now())
        self._fail(source, detail, RETRY_WATCHES_SECONDS)

    def _fail(self, source: _Source, detail: str, retry: float) -> None:
        self._stand(source, standing=False, detail=detail)
        source.retry_at = time.monotonic() + retry
        self._say(f"{source.tracked.source}: {detail}")

    def _stand(self, source: _Source, *, standing: bool, detail: str) -> None:
        source.standing = standing
        self._journal.set_coverage(
            source.tracked.source,
            standing=standing,
            detail=detail,
            now=_now(),
            watches=source.tree.count,
        )

    def _overflow(self) -> None:
        for source in self._sources.values():
            if source.standing:
                self._set_up(source, "the kernel's queue of events overflowed")

    # ── Looking around ───────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        self._follow_plan()
        for source in self._sources.values():
            if not source.standing:
                if time.monotonic() >= source.retry_at and os.path.isdir(source.path):  # noqa: PTH112 - bytes
                    self._set_up(source, "its root was away")
            elif not self._same_root(source):
                self._journal.add_gap(source.tracked.source, "its root was replaced", _now())
                source.tree.drop()
                detail = f"{os.fsdecode(source.path)!r} is not what was watched any more"
                self._fail(source, detail, 0.0)
            elif self._mounts(source.path) != source.mounts:
                self._set_up(source, "something was mounted or unmounted in it")

    @staticmethod
    def _same_root(source: _Source) -> bool:
        try:
            status = os.stat(source.path)  # noqa: PTH116 - bytes
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == source.tree.identity()

    @staticmethod
    def _mounts(path: bytes) -> tuple[bytes, ...]:
        return tuple(sorted(mounts_below(path, read_mounts())))

    def _beat(self) -> None:
        for source in self._sources.values():
            self._journal.heartbeat(source.tracked.source, _now(), source.tree.count, source.events)
        notify(f"STATUS={self._summary()}")

    def _breathe(self) -> None:
        """Tell systemd's watchdog that all is well, also while a large tree is walked."""
        now = time.monotonic()
        if self._watchdog is not None and now >= self._petted + self._watchdog:
            notify("WATCHDOG=1")
            self._petted = now

    def _summary(self) -> str:
        standing = [one for one in self._sources.values() if one.standing]
        count = sum(one.tree.count for one in standing)
        return f"{len(standing)} of {len(self._sources)} sources, {count:,} directories"

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._places.plan_file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _journal_readers(self, tree: str) -> list[tuple[int, Consumer]]:
        self._journal.register(
            Consumer(leg=reader.leg, reads=tree, tree=tree)
            for reader in self._sources[tree].tracked.readers
        )
        return list(self._journal.consumers(tree))


def _now() -> datetime:
    return datetime.now(UTC)
