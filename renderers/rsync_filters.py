"""The rsync rules of each leg that copies trees, one file a feed.

The files hold rules and nothing else: the proof reads exactly the bytes that rsync will read.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.changes.files import RenderedFile
from engine.plan.layout import filter_file
from engine.plan.model import Plan
from engine.rsync.filters import FilterError, render_rules
from policy.legs import CopyingLeg
from renderers.environment import RenderRefused


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The filter files of a plan. Raises `RenderRefused`."""
    for leg in plan.legs:
        if not isinstance(leg.leg, CopyingLeg):
            continue
        for feed in leg.feeds:
            if feed.selection is None:
                continue
            try:
                content = render_rules(feed.selection)
            except FilterError as error:
                raise RenderRefused(f"leg {leg.name}, reading {feed.reads}: {error}") from None
            yield RenderedFile(path=filter_file(leg.name, feed.reads), content=content)
