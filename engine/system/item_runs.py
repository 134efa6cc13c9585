"""Items while a run lasts: their snapshots are taken and removed, opened and closed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.item_steps import CloseItem, OpenItem
from engine.reports import RunStatus
from engine.snapshot_steps import RemoveSnapshots, TakeSnapshot
from engine.system.feed_runs import FeedRuns, FeedStopped
from engine.system.mounted import Mount, NotMounted, check_mounted, with_mount
from engine.system.open_volume import NotClosed, NotOpened, OpenVolume, opened
from engine.system.process import Command, Completed
from engine.system.thin_pool import LvmFailed, remove, take_snapshot


@dataclass(slots=True)
class _Open:
    volume: AbstractContextManager[OpenVolume]
    mount: Mount


@dataclass(slots=True)
class ItemRuns:
    """The items of one run."""

    feeds: FeedRuns
    progress: Callable[[str], None]
    _open: dict[str, _Open] = field(default_factory=dict)

    # ── Snapshots ────────────────────────────────────────────────────────────────────────────

    def take(self, step: TakeSnapshot) -> None:
        """Take the snapshot of one item. Raises `FeedStopped`."""
        try:
            take_snapshot(step.volume, step.moment, step.leg)
        except LvmFailed as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None

    def remove(self, step: RemoveSnapshots) -> None:
        """Remove what goes of one item. Raises `FeedStopped`."""
        for snapshot in step.snapshots:
            try:
                remove(snapshot)
            except LvmFailed as error:
                raise FeedStopped(RunStatus.FAILED, str(error)) from None
            self.progress(f"{step.feed}: {snapshot.volume.name.text} goes")

    # ── Reading ──────────────────────────────────────────────────────────────────────────────

    def open(self, step: OpenItem) -> None:
        """Open the snapshot of an item. Raises `FeedStopped`."""
        Path(step.at.decode()).mkdir(mode=0o700, exist_ok=True)
        volume = opened(step.snapshot, step.reader, step.key_file)
        try:
            found = volume.__enter__()  # until `close`: what reads it are steps of their own
        except (LvmFailed, NotOpened, NotClosed) as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None
        mount = Mount(source=found.device, kind=found.kind, at=step.at)
        self._open[step.feed] = _Open(volume=volume, mount=mount)
        report = self.feeds.report(step.feed)
        self.feeds.put(replace(report, data_as_of=step.snapshot.moment))

    def close(self, step: CloseItem) -> None:
        """Close it. Raises `FeedStopped`."""
        known = self._open.pop(step.feed, None)
        if known is None:
            return
        try:
            known.volume.__exit__(None, None, None)
        except (LvmFailed, NotClosed) as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None

    def close_all(self) -> None:
        """Close whatever is open still; what cannot be closed, the next run sweeps."""
        for feed in tuple(self._open):
            with suppress(FeedStopped):
                self.close(CloseItem(feed=feed))

    def seeing(self, feed: str, argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The same command where it sees the content of an item."""
        mount = self._open[feed].mount
        return with_mount(Command(argv=argv, timeout=0), mount).argv

    def check(self, feed: str, told: Completed) -> None:
        """Tell a command that could not see it from one that failed. Raises `FeedStopped`."""
        try:
            check_mounted(told, self._open[feed].mount)
        except NotMounted as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None
