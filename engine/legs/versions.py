"""`versions`: generations of files, each hard-linked to the one before.

A run copies everything into an empty folder beside the generations, links what has not changed to
the newest complete one, and gives the folder the name of the run's start. Nothing is ever written
into a complete generation: a mode that is changed through a hard link would rewrite all of history
(law 15).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.legs.generation_frame import Frame
from engine.legs.hooks import hooks_after, hooks_before
from engine.legs.kind import Run
from engine.plan.model import LegPlan
from engine.plan.selection import Line, Selection
from engine.rsync.command import generation_command, merge_rules
from engine.rsync.filters import exclude_rule, render_rules
from engine.runs.observation import FeedSeen, Observation, Waiver
from engine.steps.generations import CopyGeneration
from engine.steps.model import Step, WriteRules
from policy.legs import VersionsLeg
from policy.patterns import PathPattern

_NAME_MOST = 100


class VersionsKind:
    """The kind `versions` as `engine.legs.kind_of` gives it."""

    def steps(
        self, leg_plan: LegPlan, observation: Observation, run: Run, feeds: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Make and complete a generation of each feed, then prune."""
        leg = leg_plan.leg
        assert isinstance(leg, VersionsLeg)
        zone = ZoneInfo(observation.timezone)
        frames = [Frame(s, leg.keep, run, zone) for s in observation.feeds if s.feed in feeds]
        measured = Waiver.SMALLER_SOURCE not in observation.waived
        return (
            *hooks_before(leg),
            *(
                step
                for one in frames
                for step in _steps(leg, leg_plan, one, run, measured=measured)
            ),
            *hooks_after(leg),
        )


def _steps(
    leg: VersionsLeg, leg_plan: LegPlan, frame: Frame, run: Run, *, measured: bool
) -> Iterator[Step]:
    seen, base = frame.seen, frame.base
    linked = f"linked to {base.decode()}" if base is not None else "the first generation here"
    if base is not None and seen.damaged:
        linked += ", by content: a comparison has found damage there"
    path = run.directory + b"/filter-" + _file_name(seen.feed)
    yield WriteRules(feed=seen.feed, path=path, text=_rules(seen, leg_plan))
    yield from frame.opening(leg.name)
    yield from frame.begin(linked)
    yield CopyGeneration(
        feed=seen.feed,
        argv=generation_command(
            leg.preserve,
            seen.target.cannot_keep,
            (merge_rules(path),),
            seen.source.path,
            frame.staging,
            frame.bases,
            by_content=seen.damaged,
        ),
        still=frame.still,
        target=frame.target,
        previous_entries=seen.source.previous_entries if measured else None,
        from_item=seen.item is not None,
    )
    yield from frame.closing()
    yield from frame.end()


def of_everything() -> Selection:
    """What is taken of an item: all but what a file system, or the engine, keeps for itself."""
    return Selection(lines=(Line(pattern=PathPattern(), taken=True),))


def _file_name(feed: str) -> bytes:
    """A name for a file of a feed; that of an item may be as long as a name can be."""
    name = feed.replace("/", "%").encode()
    return name if len(name) <= _NAME_MOST else hashlib.sha256(name).hexdigest().encode()


def _rules(seen: FeedSeen, leg_plan: LegPlan) -> bytes:
    """The leg's own rules, and before them what no leg carries to where it reads."""
    if seen.item is not None:
        return render_rules(of_everything())
    selection = next(one.selection for one in leg_plan.feeds if one.reads == seen.feed)
    assert selection is not None
    strangers = b"".join(exclude_rule(names) + b"\n" for names in seen.source.strangers)
    return strangers + render_rules(selection)
