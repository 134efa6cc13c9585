"""An overview of a plan: what `docs` and `report` show, worked out once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from engine.overview.days import Days, days_of
from engine.overview.graph import Graph, routing_graph
from engine.overview.protection import Protection, protection_of
from engine.plan.model import Plan
from engine.promises.chains import Chains
from engine.promises.plan_chains import chains_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The routing, the days, and the protection of each part."""

    graph: Graph
    days: Days
    protection: tuple[Protection, ...]


def overview_of(plan: Plan, chains: Chains | None = None) -> Overview:
    """Work it out; whoever has followed the plan's chains already gives them: that takes long."""
    chains = chains or chains_of(plan)
    return Overview(
        graph=routing_graph(plan, chains),
        days=days_of(plan, chains),
        protection=protection_of(plan, chains),
    )
