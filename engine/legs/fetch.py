"""`fetch`: the output of commands on a device, one file each, all of them one generation.

A run that cannot get one of them whole makes no generation: a restore wants files of one moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.legs.generation_frame import Frame
from engine.legs.hooks import hooks_after, hooks_before
from engine.legs.kind import Run
from engine.plan.model import LegPlan
from engine.reach.ssh_command import ssh_command
from engine.runs.observation import Observation, Waiver
from engine.steps.fetches import FetchFile
from engine.steps.model import Step
from policy.legs import FetchLeg
from policy.legs.fetch import FetchedFile


class FetchKind:
    """The kind `fetch` as `engine.legs.kind_of` gives it."""

    def steps(
        self, leg_plan: LegPlan, observation: Observation, run: Run, feeds: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Get each file of each feed, complete a generation, then prune."""
        leg = leg_plan.leg
        assert isinstance(leg, FetchLeg)
        zone = ZoneInfo(observation.timezone)
        frames = [Frame(s, leg.keep, run, zone) for s in observation.feeds if s.feed in feeds]
        smaller = Waiver.SMALLER_SOURCE in observation.waived
        return (
            *hooks_before(leg),
            *(step for one in frames for step in _steps(leg, one, run, smaller_allowed=smaller)),
            *hooks_after(leg),
        )


def _steps(leg: FetchLeg, frame: Frame, run: Run, *, smaller_allowed: bool) -> Iterator[Step]:
    yield from frame.begin(_amount(leg))
    for one in leg.files:
        kept = leg.kept_as(one).encode()
        before = None if smaller_allowed else dict(frame.seen.fetched).get(kept)
        yield _fetch(leg, frame, run, one, before)
    yield from frame.end()


def _amount(leg: FetchLeg) -> str:
    return f"{len(leg.files):,} files of the device" if len(leg.files) != 1 else "one file of it"


def _fetch(
    leg: FetchLeg, frame: Frame, run: Run, file: FetchedFile, before: int | None
) -> FetchFile:
    device = frame.seen.device
    assert device is not None
    kept = 1 - leg.max_shrink.fraction
    return FetchFile(
        feed=frame.seen.feed,
        name=file.name.encode(),
        run=file.run,
        argv=ssh_command(device, run.control, *(word.encode() for word in file.run)),
        device=device,
        form=file.form,
        encryption=leg.encryption,
        target=frame.target,
        least=int((before or 0) * kept),
        before=before,
    )
