"""The parts of a source that are brought back each by itself: a route each, or a product. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from engine.plan.model import LegPlan, Plan, tree_root
from engine.plan.spots import literal_head
from engine.promises.chains import Chains, Copy
from engine.promises.objectives import regions
from engine.runbooks.options import Wanted, options_of
from engine.schedule.due import runs_here
from policy.patterns import PathPattern
from policy.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one line, or one leg that takes a source whole, carries."""

    source: Source
    label: str
    pattern: PathPattern
    """Counted from the source's root."""
    copies: tuple[Copy, ...]

    @property
    def literal(self) -> bool:
        """Whether it has one name."""
        return len(literal_head(self.pattern)) == len(self.pattern.components)

    @property
    def is_root(self) -> bool:
        """Whether it is all of the source, but for what others say of it."""
        return not self.pattern.components

    @property
    def path(self) -> bytes | None:
        """Its path on the live system, up to the first wildcard; None where it has none."""
        root = tree_root(self.source)
        return root.joined(literal_head(self.pattern)).text if root is not None else None

    @property
    def example(self) -> bytes:
        """A path of the live system that its pattern matches."""
        root = tree_root(self.source)
        assert root is not None, "only paths have examples"
        return root.joined(tuple(one.example() for one in self.pattern.components)).text


def parts_of(plan: Plan, chains: Chains, source: Source) -> tuple[Part, ...]:
    """The parts of a source that something carries, what holds others before these."""
    lines = {(table.source, line.text) for table in plan.tables for line in table.lines}
    routed = plan.table(source.name) is not None
    found = [
        Part(source=source, label=one.label, pattern=one.pattern, copies=one.copies)
        for one in regions(chains.policy, plan.tables, chains)
        if one.source.name == source.name and (not routed or (source.name, one.label) in lines)
    ]
    return tuple(sorted(found, key=lambda one: (len(one.pattern.components), one.label)))


def restorable(plan: Plan, chains: Chains, part: Part, wanted: Wanted) -> bool:
    """Whether some copy of it holds that under its own name, so that `restore` finds it."""
    return bool(options_of(plan, chains, part.copies, wanted))


def takers_of(plan: Plan, source: Source) -> tuple[LegPlan, ...]:
    """The legs of this host that read a source itself."""
    return tuple(
        leg
        for leg in plan.legs
        if runs_here(leg) and any(feed.reads == source.name for feed in leg.feeds)
    )
