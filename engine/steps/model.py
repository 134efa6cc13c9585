"""Steps: what a run will do, as data. A dry run explains the same steps that a run carries out.

Every decision is in them before the first one is carried out, save one: how much may be deleted
depends on what the transfer counts. `GuardDeletions` holds the limits, and the executor asks
`engine.runs.deletions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.plan.selection import Selection
from engine.reach.targets import Identity, Landing, Target
from engine.steps.dumps import DumpStep
from engine.steps.fetches import FetchFile
from engine.steps.generations import GenerationStep
from engine.steps.items import ItemStep
from engine.steps.modes import ModeChoice
from engine.steps.snapshots import SnapshotStep
from policy.parts import Attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class HookStep:
    """Run a command of the manifest, before or (`always`) after everything else."""

    run: tuple[str, ...]
    timeout: int
    always: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureDirectory:
    """Make the directory of copies, below a root that must be there already."""

    feed: str
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRules:
    """Write rules for this run alone, such as those that protect foreign entries."""

    feed: str
    path: bytes
    text: bytes
    protects: bool = False
    """Whether it is the list of what to keep; else the leg's filter, as applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEntries:
    """Note what this leg is about to create, before it does: a killed first pass owns its work."""

    feed: str
    names: tuple[bytes, ...]
    source: bytes
    """Looked at once more: what has appeared by then is about to be created as well."""
    selection: Selection
    known: frozenset[bytes]
    """What lay at the top of the copies before, whoever owns it, and what the leg leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareForeign:
    """See which foreign files at the top of the copies differ from what would be copied there."""

    feed: str
    names: tuple[bytes, ...]
    rules_path: bytes
    rules: bytes
    """Have nothing else compared."""
    argv: tuple[bytes, ...]
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginPass:
    """Say what this pass looks at, and mark in the journal that it has begun."""

    feed: str
    choice: ModeChoice
    upto: int | None
    """The pass takes what the journal holds up to here; None: there is no journal of its source."""
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectChanges:
    """Look at what the journal names, and announce it to who reads these copies further."""

    feed: str
    source: Identity
    selection: Selection
    excluded: frozenset[bytes]
    """Paths below the source that are nobody's, and not carried."""
    target: Target
    keeping: tuple[tuple[bytes, ...], ...] = ()
    """Folders below the source in which legs keep generations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendChanges:
    """Copy what changed: files by descriptors that are held open, so that no name leads astray."""

    feed: str
    files: tuple[bytes, ...]
    """The command for directories and regular files."""
    others: tuple[bytes, ...]
    """The command for symlinks and devices."""
    trees: tuple[bytes, bytes]
    """Where both are read."""
    preserve: frozenset[Attribute]
    still: tuple[Identity, ...]
    replaced: bool = False
    """Whether it is the turn of what lies where a directory was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """Where something is deleted: send what has come since the pass looked at the source.

    What was moved meanwhile is wanted gone under its old name, and would be nowhere until the next
    run if the new one were not sent.
    """

    feed: str
    above: int
    """What the journal held when the run began."""
    before: bool
    """Whether the deletions are still to come: they do not, where this fails."""
    select: SelectChanges
    claim: ClaimEntries
    send: SendChanges


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteGone:
    """Count what is gone, or (`count_only` off) delete as much as was counted."""

    feed: str
    options: tuple[bytes, ...]
    before: tuple[bytes, ...]
    """Rules that protect what is not this leg's; they come first."""
    after: tuple[bytes, ...]
    """The leg's own rules; they come last."""
    target: Target
    still: tuple[Identity, ...]
    count_only: bool

    def lot(self, directory: bytes, number: int) -> tuple[bytes, bytes]:
        """Where the tree and the rules of one lot lie."""
        base = directory + b"/gone-%s.%d" % (self.feed.encode(), number)
        return base, base + b".rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Copy everything, delete nothing, and count the deletions that are wanted."""

    feed: str
    argv: tuple[bytes, ...]
    still: tuple[Identity, ...]
    """Directories that must be the ones that were looked at."""
    target: Target
    previous_entries: int | None = None
    """What the last full pass saw: how much is to be expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionLimit:
    """How much one feed may lose in a run, and what it had before."""

    feed: str
    previous_entries: int | None
    """Entries seen by the last successful pass; None: there was none."""
    handed_over: bool = False
    """Whether what lies there became this leg's since: nothing goes unless a person allows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardDeletions:
    """Let the deletions of all feeds pass, or none."""

    most: int
    """Deletions allowed in one run."""
    smaller_source_allowed: bool
    deletions_allowed: bool
    feeds: tuple[DeletionLimit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePass:
    """Delete what was counted, and no more; the source must still be the one that was counted."""

    feed: str
    argv: tuple[bytes, ...]
    """Everything but the limit, which is the number counted. It copies before it deletes."""
    still: tuple[Identity, ...]
    """Directories that must still be the ones that were counted."""
    target: Target
    alone: tuple[bytes, ...] | None = None
    """The same without copying, for where the first pass brought everything to its place, and the
    tracker says what has come since. It takes half the time."""

    def limited(self, count: int, *, everything_sent: bool) -> tuple[bytes, ...]:
        """The command with its limit."""
        argv = self.alone if self.alone is not None and everything_sent else self.argv
        return (argv[0], b"--max-delete=%d" % count, *argv[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordProvenance:
    """Remember what a completed pass has seen in its source: what the leg owns from now on."""

    feed: str
    names: tuple[bytes, ...]
    file_system: str
    mounts: tuple[bytes, ...]
    landing: tuple[Landing, ...]
    source: bytes
    """Looked at once more: what appeared while the pass ran was written by it as well."""
    selection: Selection
    present: frozenset[bytes]
    """What lay at the top of the copies before the pass: never its own work."""
    full_began: datetime | None
    """When the last full pass began: this one, or the one before it."""
    entries: int | None
    """Of the last full pass, where this one is none; None: as this one counted."""
    full: bool
    upto: int | None
    """Up to where the journal was taken."""
    target: Target
    """What was written."""
    tree: bytes = b""
    """The path of what was read, as the plan has it."""
    commands: bool = True
    """Whether the other machine, where it is one, runs other commands than rsync."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireDeleted:
    """Drop what earlier runs set aside, where it is older than its time."""

    feed: str
    target: Target
    argv: tuple[bytes, ...]
    run_ids: tuple[bytes, ...]


Step = (
    GenerationStep
    | FetchFile
    | DumpStep
    | ItemStep
    | SnapshotStep
    | HookStep
    | EnsureDirectory
    | WriteRules
    | ClaimEntries
    | CompareForeign
    | BeginPass
    | SelectChanges
    | SendChanges
    | CatchUp
    | DeleteGone
    | Transfer
    | GuardDeletions
    | DeletePass
    | RecordProvenance
    | ExpireDeleted
)
