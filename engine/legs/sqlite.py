"""`sqlite`: every SQLite database that is found, copied whole through its own interface.

A file that is copied while it is written is no database. Each copy is made by SQLite, compared with
what it was made from, and checked (law 18); the folder with all of them is one generation. A copy
that is equal to the one in the generation before becomes a hard link to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.legs.generation_frame import Frame
from engine.legs.hooks import hooks_after, hooks_before
from engine.legs.kind import Run
from engine.plan.model import LegPlan
from engine.plan.selection import Selection
from engine.runs.observation import Observation, Waiver
from engine.sqlite.copies import CopyRules, worker_arguments
from engine.steps.generations import CopyDatabases
from engine.steps.model import Step
from policy.legs import SqliteLeg

_TO_BEGIN = 180.0
"""Seconds for what comes before the first database: a busy disk takes two minutes to be mounted."""


class SqliteKind:
    """The kind `sqlite` as `engine.legs.kind_of` gives it."""

    def steps(
        self, leg_plan: LegPlan, observation: Observation, run: Run, feeds: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Copy all databases of each feed, complete a generation, then prune."""
        leg = leg_plan.leg
        assert isinstance(leg, SqliteLeg)
        zone = ZoneInfo(observation.timezone)
        selections = {one.reads: one.selection for one in leg_plan.feeds}
        frames = [Frame(s, leg.keep, run, zone) for s in observation.feeds if s.feed in feeds]
        return (
            *hooks_before(leg),
            *(
                step
                for one in frames
                for step in _steps(
                    leg,
                    one,
                    selections.get(one.seen.feed),
                    smaller_allowed=Waiver.SMALLER_SOURCE in observation.waived,
                )
            ),
            *hooks_after(leg),
        )


def _steps(
    leg: SqliteLeg, frame: Frame, selection: Selection | None, *, smaller_allowed: bool
) -> Iterator[Step]:
    whole = leg.limits.whole.seconds
    each = leg.limits.each.seconds if leg.limits.each is not None else whole
    frozen = frame.seen.item is not None
    yield from frame.opening(leg.name)
    linked = f", linked to {frame.base.decode()} where equal" if frame.base is not None else ""
    yield from frame.begin(f"every database whole{linked}")
    yield CopyDatabases(
        feed=frame.seen.feed,
        arguments=worker_arguments(
            frame.seen.source.path,
            frame.staging.path,
            CopyRules(frozen=frozen, each=each, all=whole, former=frame.base or b""),
        ),
        silence=each + _TO_BEGIN,
        still=frame.still,
        target=frame.target,
        selection=selection,
        previous_entries=None if smaller_allowed else frame.seen.source.previous_entries,
        from_item=frozen,
    )
    yield from frame.closing()
    yield from frame.end()
