"""The docs of a policy: a plan as pages of Markdown, with diagrams for Mermaid. Pure.

Everything follows from the plan alone, so the pages are the same whenever they are rendered.
"""

from __future__ import annotations

from engine.overview.overview import overview_of
from engine.plan.model import Plan
from engine.promises.plan_chains import chains_of
from renderers.docs.disks_page import disks_page
from renderers.docs.overview_page import overview_page
from renderers.docs.page import Page
from renderers.docs.protection_page import protection_page
from renderers.docs.restore_page import restore_page
from renderers.docs.runbook_pages import runbook_pages
from renderers.docs.telling_pages import alerts_page, metrics_page


def render_docs(plan: Plan) -> tuple[Page, ...]:
    """All pages, sorted by path."""
    chains = chains_of(plan)
    overview = overview_of(plan, chains)
    pages = (
        overview_page(plan, overview),
        protection_page(overview),
        restore_page(plan, chains),
        disks_page(plan, overview),
        alerts_page(plan),
        metrics_page(plan),
        *runbook_pages(plan, chains, overview),
    )
    return tuple(sorted(pages, key=lambda one: one.path))


__all__ = ["Page", "render_docs"]
