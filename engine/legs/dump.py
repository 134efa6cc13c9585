"""`dump`: what a server, or a program, exports of itself; all artefacts are one generation.

An artefact that cannot be made is told, and the others are kept: what is of one database is of use
without the others. Of such a dump nobody says that it was verified, so that nothing goes for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.dumps.dialects import dialect_of
from engine.dumps.judgement import Limits
from engine.legs.generation_frame import Frame
from engine.legs.hooks import hooks_after, hooks_before
from engine.legs.kind import Run
from engine.plan.model import LegPlan
from engine.runs.observation import Observation, Waiver
from engine.steps.dumps import JudgeDump, MakeArtefact
from engine.steps.model import Step
from policy.legs import DumpLeg


class DumpKind:
    """The kind `dump` as `engine.legs.kind_of` gives it."""

    def steps(
        self, leg_plan: LegPlan, observation: Observation, run: Run, feeds: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Make each artefact, judge them together, complete a generation, then prune."""
        leg = leg_plan.leg
        assert isinstance(leg, DumpLeg)
        zone = ZoneInfo(observation.timezone)
        frames = [Frame(s, leg.keep, run, zone) for s in observation.feeds if s.feed in feeds]
        return (
            *hooks_before(leg),
            *(step for one in frames for step in _steps(leg, one, run, observation.waived)),
            *hooks_after(leg),
        )


def _steps(leg: DumpLeg, frame: Frame, run: Run, waived: frozenset[Waiver]) -> Iterator[Step]:
    dumped = frame.seen.dumped
    assert dumped is not None
    dialect = dialect_of(dumped.source, per_database=leg.per_database)
    artefacts = dialect.artefacts(leg, dumped.server)
    yield from frame.begin(f"a dump of {dumped.server.server}")
    for artefact in artefacts:
        yield MakeArtefact(
            feed=frame.seen.feed,
            artefact=artefact,
            target=frame.target,
            encryption=leg.encryption,
            former=frame.base if leg.encryption is None else None,
        )
    yield JudgeDump(
        feed=frame.seen.feed,
        target=frame.target,
        server=dumped.server,
        began=run.now,
        before=dumped.before,
        vouched=dumped.vouched,
        record_lost=dumped.vouched and dumped.before is None,
        limits=Limits(max_shrink=leg.max_shrink, changes_within=leg.changes_within),
        smaller_allowed=Waiver.SMALLER_SOURCE in waived,
        other_allowed=Waiver.OTHER_SERVER in waived,
    )
    yield from frame.end()
