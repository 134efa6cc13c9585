"""What is known under an old name goes with the thing to its new one; no byte moves."""

from __future__ import annotations

from engine.plan import Plan
from engine.readers import readers_of
from engine.system.journal import open_journal
from engine.system.places import Places
from engine.system.state import open_state, stream_of


def follow_renames(plan: Plan, places: Places) -> tuple[str, ...]:
    """Bring the state in step with an applied plan: renames, places that left, lapsed ownership.

    Asked again, there is nothing left to do.
    """
    with open_state(places.state_file) as state:
        told = (
            *(
                f"leg {one.name}: history and ownership of {one.leg.was} are its own"
                for one in plan.legs
                if one.leg.was and state.rename_leg(one.leg.was, one.name)
            ),
            *(
                f"source {one.name}: what was seen as {one.was} is known"
                for one in plan.sources
                if one.was and state.rename_source(one.was, one.name)
            ),
            *(
                f"destination {one.name}: the identity of {one.was} is its own"
                for one in plan.destinations
                if one.was and state.rename_destination(one.was, one.name)
            ),
        )
        feeds = [(leg, feed) for leg in plan.legs for feed in leg.feeds]
        state.keep_only(stream_of(plan, leg, feed, state) for leg, feed in feeds)
        state.set_places(feed.writes for _, feed in feeds if feed.writes is not None)
    _follow_in_journal(plan, places)
    return told


def _follow_in_journal(plan: Plan, places: Places) -> None:
    with open_journal(places.journal_file) as journal:
        for leg in plan.legs:
            if leg.leg.was:
                journal.rename_leg(leg.leg.was, leg.name)
        for one in (*plan.sources, *plan.destinations):
            if one.was:
                journal.rename_tree(one.was, one.name)
        readers = readers_of(plan)
        journal.keep_only(readers)
        journal.register(readers)
