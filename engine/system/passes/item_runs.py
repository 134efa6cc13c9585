"""Items while a run lasts: their snapshots are taken and removed, opened and closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.items.subvolumes import Subvolume, SubvolumeSnapshot
from engine.items.thin_pool import ThinSnapshot, ThinVolume
from engine.records.reports import RunStatus
from engine.steps.items import CloseItem, OpenItem
from engine.steps.snapshots import RemoveSnapshots, TakeSnapshot
from engine.system.host.mounted import Mount, NotMounted, check_mounted, with_mount
from engine.system.host.process import Command, Completed
from engine.system.items import subvolume_snapshots, thin_pool
from engine.system.items.failures import BtrfsFailed, LvmFailed, NotClosed, NotOpened
from engine.system.items.open_volume import opened
from engine.system.items.subvolume_snapshots import InUse, check_there
from engine.system.passes.feed_runs import FeedRuns, FeedStopped

_FAILED = (LvmFailed, BtrfsFailed, NotOpened, NotClosed)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command sees of an item while it is open."""

    mount: Mount
    check: Callable[[], None]
    """Raises where that is not there any more."""


@dataclass(slots=True)
class _Open:
    item: AbstractContextManager[Shown]
    shown: Shown


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
            match step.volume:
                case ThinVolume():
                    thin_pool.take_snapshot(step.volume, step.moment, step.leg)
                case Subvolume():
                    subvolume_snapshots.take_snapshot(step.volume, step.moment, step.leg)
        except _FAILED as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None

    def remove(self, step: RemoveSnapshots) -> None:
        """Remove what goes of one item. Raises `FeedStopped`."""
        for snapshot in step.snapshots:
            try:
                match snapshot:
                    case ThinSnapshot():
                        thin_pool.remove(snapshot)
                    case SubvolumeSnapshot():
                        subvolume_snapshots.remove(snapshot)
            except InUse as busy:
                self.feeds.note(step.feed, RunStatus.NOTED, str(busy))
                continue
            except _FAILED as error:
                raise FeedStopped(RunStatus.FAILED, str(error)) from None
            self.progress(f"{step.feed}: {snapshot.text} goes")

    # ── Reading ──────────────────────────────────────────────────────────────────────────────

    def open(self, step: OpenItem) -> None:
        """Open the snapshot of an item. Raises `FeedStopped`."""
        item = shown_item(step)
        try:
            shown = item.__enter__()  # until `close`: what reads it are steps of their own
        except _FAILED as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None
        self._open[step.feed] = _Open(item=item, shown=shown)
        report = self.feeds.report(step.feed)
        self.feeds.put(replace(report, data_as_of=step.snapshot.moment))

    def close(self, step: CloseItem) -> None:
        """Close it. Raises `FeedStopped`."""
        known = self._open.pop(step.feed, None)
        if known is None:
            return
        try:
            known.item.__exit__(None, None, None)
        except _FAILED as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None

    def close_all(self) -> None:
        """Close whatever is open still; what cannot be closed, the next run sweeps."""
        for feed in tuple(self._open):
            with suppress(FeedStopped):
                self.close(CloseItem(feed=feed))

    def seeing(self, feed: str, argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The same command where it sees the content of an item."""
        shown = self._open[feed].shown
        return with_mount(Command(argv=argv, timeout=0), shown.mount).argv

    def check(self, feed: str, told: Completed) -> None:
        """Tell a command that could not see it, or not to the end. Raises `FeedStopped`."""
        shown = self._open[feed].shown
        try:
            check_mounted(told, shown.mount)
            shown.check()
        except (NotMounted, *_FAILED) as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None


@contextmanager
def shown_item(step: OpenItem) -> Iterator[Shown]:
    """Open what a step names, for the length of the block."""
    Path(step.at.decode()).mkdir(mode=0o700, exist_ok=True)
    match step.snapshot:
        case ThinSnapshot():
            with opened(step.snapshot, step.reader, step.key_file) as volume:
                mount = Mount(source=volume.device, kind=volume.kind, at=step.at)
                yield Shown(mount, lambda: None)
        case SubvolumeSnapshot():
            with subvolume_snapshots.opened(step.snapshot) as found:
                mount = Mount(
                    source=step.snapshot.path,
                    kind="",
                    at=step.at,
                    identity=(found.device, found.inode),
                )
                yield Shown(mount, lambda: check_there(found))
