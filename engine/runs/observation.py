"""What a run has seen before it touches anything: both ends of each feed, as data."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from engine.generations.names import Generation
from engine.reach.targets import Identity, Landing, Presence, Target
from engine.records.journal import JournalSeen
from engine.steps.modes import Forced
from policy.parts import Attribute, SshTarget
from policy.patterns import PathPattern
from policy.values import Percentage

if TYPE_CHECKING:
    from engine.dumps.record import DumpRecord
    from engine.dumps.servers import ServerSeen
    from engine.items.items import Inventory, Item
    from policy.sources import DumpedSource


SNAPSHOT = "snapshot"
"""What the row of preflight looked at that is about the snapshot which an item is read of."""


class Waiver(enum.Enum):
    """A guard that a person may waive for one run, as `run --allow` names it."""

    SMALLER_SOURCE = "smaller-source"
    OTHER_FILE_SYSTEM = "other-file-system"
    OTHER_SERVER = "other-server"
    DELETIONS = "deletions"
    ONE_NAME = "one-name"


class FilterState(enum.Enum):
    """The applied filter file of a feed, compared with what its plan renders to."""

    SAME = "as applied"
    MISSING = "missing"
    CHANGED = "changed by hand"
    NONE = "none: the leg needs no filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSeen:
    """What a feed reads, as it is now, and what was known of it before."""

    path: bytes
    presence: Presence
    identity: Identity
    file_system: str
    taken: tuple[bytes, ...] = ()
    """Top-level entries that the leg takes something of."""
    entries: int = 0
    counted_all: bool = True
    """False: counting stopped once there were surely enough."""
    mounts: tuple[bytes, ...] = ()
    """Mount points below it."""
    previous_entries: int | None = None
    previous_file_system: str | None = None
    previous_mounts: tuple[bytes, ...] = ()
    missing: tuple[bytes, ...] = ()
    """Paths that a `files` source lists, and that are not there."""
    mounted: tuple[Identity, ...] = ()
    """The mount points below it, as they are now."""
    holder: str = ""
    """The destination that it lies in, where it does: its disk must be the one that is recorded."""
    recorded: str | None = None
    found: str | None = None
    strangers: tuple[tuple[bytes, ...], ...] = ()
    """Paths in a destination that is read, which none of the legs that write there owns."""
    awaited: tuple[PathPattern, ...] = ()
    """What legs carry here since the last apply, and has not come yet."""
    keeping: tuple[tuple[bytes, ...], ...] = ()
    """Folders in it in which legs keep generations."""
    owned: frozenset[bytes] = frozenset()
    """Top-level entries that this leg has written or seen in a completed pass."""
    journal: JournalSeen | None = None
    """What the journal holds of it for this feed; None: nobody notes its changes."""
    tree: bytes = b""
    """Its path as the plan has it."""
    handed_over: bool = False
    """Whether no pass has succeeded since what lies at the destination, or the tree that is read,
    became this leg's: then it may hold what is nowhere else, and nothing goes by itself."""
    same_rules: bool = False
    """Whether the last full pass went by today's rules."""
    full_began: datetime | None = None
    """When the last full pass that succeeded here began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSeen:
    """Where a feed writes, as it is now."""

    target: Target
    unreachable: str = ""
    """Why the other side does not answer; empty where it does."""
    root: Presence = Presence.DIRECTORY
    recorded: str | None = None
    """Identity recorded at apply."""
    found: str | None = None
    """Identity found now."""
    identity_needed: bool = True
    another: bool = False
    """Whether what the last success left at the root is not there, on a machine that says so."""
    free: int | None = None
    total: int | None = None
    max_used: Percentage | None = None
    cannot_keep: tuple[Attribute, ...] = ()
    rsync: tuple[int, int, int] | None = None
    """Of the other side; None on this machine, or where it does not say."""
    commands: bool = True
    """Whether the other side runs other commands than rsync."""
    present: bool = False
    """Whether the directory of copies is there."""
    entries: tuple[bytes, ...] = ()
    """Top-level entries of the directory of copies."""
    directories: frozenset[bytes] = frozenset()
    """Those of them that are directories."""
    root_identity: Identity | None = None
    """The root directory as it is now; None on another machine."""
    astray: bytes = b""
    """A symlink on the way to the copies, or in the place of what is set aside."""
    twins: tuple[str, ...] = ()
    """Other destinations whose root is the same directory."""
    retired: tuple[tuple[bytes, ...], ...] = ()
    """Places in it whose legs have left the manifest: their copies are nobody's to delete."""
    read_on: bool = False
    """Whether a later leg reads these copies by the journal, and must be told what changes."""
    set_aside: tuple[bytes, ...] = ()
    """Runs whose deletions are still kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpedSeen:
    """What a leg dumps, and what the last dump that was verified holds of it."""

    source: DumpedSource
    server: ServerSeen
    before: DumpRecord | None
    vouched: bool
    """Whether `before` is of one that was verified; else it is of the newest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSeen:
    """One feed's two ends and its rules."""

    feed: str
    source: SourceSeen
    target: TargetSeen
    filter_path: bytes
    filter_state: FilterState
    landing: tuple[Landing, ...] = ()
    """What is mounted below the directory of copies, where this leg writes."""
    previous_landing: tuple[Landing, ...] | None = None
    """The same at the last success; None: not known."""
    swallowed: tuple[bytes, ...] = ()
    """Live data, or what is read, in the directory of copies: a mount or symlink leads there."""
    into_itself: bool = False
    """Whether the directory of copies lies in what is read, by whatever mount, and is taken."""
    meeting: tuple[tuple[bytes, ...], ...] = ()
    """Paths that it takes and that are one where the copies lie, which tells less names apart."""
    generations: tuple[Generation, ...] = ()
    """This leg's own, where it keeps any."""
    damaged: bool = False
    """Whether a comparison has found other content of the same size and time in the newest one."""
    device: SshTarget | None = None
    """What is read, where that is a device; then `source` says nothing."""
    fetched: tuple[tuple[bytes, int], ...] = ()
    """The files of the newest generation, with their bytes, where they are of a device."""
    lacks: tuple[str, ...] = ()
    """Programs that a run will need and that are not installed."""
    dumped: DumpedSeen | None = None
    """What is dumped, where that is a server or a program; then `source` says nothing."""
    item: Item | None = None
    """What is read, where that is one of several items; then `source` says where it will be seen.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that preflight and the steps know of the machine."""

    plan_host: str
    host: str | None
    """This machine's name; None below another root, where any machine will do."""
    rsync: tuple[int, int, int] | None
    feeds: tuple[FeedSeen, ...]
    inventories: tuple[Inventory, ...] = ()
    """Of sources that have items."""
    waived: frozenset[Waiver] = field(default_factory=frozenset)
    forced: Forced = Forced.NOTHING
    timezone: str = "UTC"
    """In which days and weeks are counted."""
