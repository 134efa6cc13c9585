"""What `migrate` does: find what can be renamed, and rename it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.orphans.migration import Move, Stay
from engine.system.host.lock import Locked
from engine.system.orphans.clean_up import Cleaner, NotCleaned, cleaning
from engine.system.orphans.contents import Looked
from engine.system.orphans.migrate import Migrated, Migrator
from engine.system.orphans.reach import Unreached
from engine.system.state.orphans import OrphanRecord
from policyctl.cleaning import named_orphans
from policyctl.running import Running


@dataclass(frozen=True, slots=True, kw_only=True)
class Movable:
    """An orphan, and what would become of each of its paths."""

    looked: Looked
    steps: tuple[Move | Stay, ...]

    @property
    def moves(self) -> tuple[Move, ...]:
        """What can be renamed."""
        return tuple(one for one in self.steps if isinstance(one, Move))

    @property
    def stays(self) -> tuple[Stay, ...]:
        """What cannot."""
        return tuple(one for one in self.steps if isinstance(one, Stay))


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one orphan."""

    record: OrphanRecord
    migrated: Migrated
    busy: bool = False
    """Whether nothing was tried, since a run writes there now."""

    @property
    def waits(self) -> bool:
        """Whether anything of it ought to be renamed, and could not."""
        return self.busy or any(one.belongs for one in self.migrated.stays)

    @property
    def of_note(self) -> bool:
        """Whether anything of it was renamed, or ought to be and could not."""
        return self.waits or bool(self.migrated.moved)


def list_moves(root: Path, names: Sequence[str]) -> tuple[Movable, ...]:
    """What can be renamed of all orphans, or of those named. Raises `Refused` and `Locked`."""
    running = Running.of_applied(root)
    with cleaning(running.plan, running.places, datetime.now(UTC)) as cleaner:
        known = _copies(cleaner, names)
        looked = [cleaner.look(one) for one in known]
        migrator = Migrator(cleaner)  # nothing is renamed, so one will do
        return tuple(
            Movable(looked=one, steps=migrator.planned(one)) for one in looked if not one.gone
        )


def migrate_orphans(
    root: Path, names: Sequence[str], say: Callable[[Move], None]
) -> tuple[Done, ...]:
    """Rename those orphans, or all that belong somewhere else. Raises `Refused` and `Locked`."""
    running = Running.of_applied(root)
    with cleaning(running.plan, running.places, datetime.now(UTC)) as cleaner:
        known = _copies(cleaner, names)
        done = [one for one in (_migrate(cleaner, one, say) for one in known) if one is not None]
        return tuple(one for one in done if names or one.of_note)


def _copies(cleaner: Cleaner, names: Sequence[str]) -> Sequence[OrphanRecord]:
    """The orphans that may be renamed: what was set aside belongs nowhere else."""
    known = [one for one in cleaner.state.orphans.all() if not one.orphan.is_set_aside]
    return named_orphans(known, names, "renamed")


def _migrate(cleaner: Cleaner, record: OrphanRecord, say: Callable[[Move], None]) -> Done | None:
    """None where nothing of it is there any more."""
    base = record.orphan.base
    try:
        with cleaner.holding(base.holder):
            # Looked at only now that no leg writes there.
            looked = cleaner.look(record)
            if looked.gone:
                if looked.absent:
                    Migrator(cleaner).settle(record)
                return None
            return Done(record=record, migrated=Migrator(cleaner).move(looked, say))
    except Locked as locked:
        why, busy = f"a run writes there now: {locked}", True
    except (NotCleaned, Unreached, OSError) as error:
        why, busy = str(error), False
    stay = Stay(names=(), old=base, why=why, belongs=True)
    return Done(record=record, migrated=Migrated(moved=(), stays=(stay,)), busy=busy)
