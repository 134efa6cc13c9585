"""Accepted shortfalls, and since when: read for `plan` and `status`, noted by `apply`."""

from __future__ import annotations

from datetime import datetime

from engine.changes.renames import Renames
from engine.moves.acceptances import Acceptance, acceptances, noted_from_now, notes_renamed
from engine.promises.chains import Chains
from engine.system.host.places import Places
from engine.system.state.acceptances import Acceptances
from engine.system.state.state import State, open_state


def read_acceptances(
    applied: Chains | None,
    plan: Chains,
    names: Renames,
    state: State | None,
    applied_at: datetime | None,
) -> tuple[Acceptance, ...]:
    """What both plans accept, with its date as far as one is noted under a former name."""
    noted = notes_renamed(Acceptances(state.connection).all(), names) if state is not None else {}
    return acceptances(applied, plan, noted, applied_at)


def note_acceptances(found: tuple[Acceptance, ...], places: Places, now: datetime) -> None:
    """Note what is accepted from now on, once the plan that does so is applied."""
    with open_state(places.state_file) as state:
        Acceptances(state.connection).replace(noted_from_now(found, now))
