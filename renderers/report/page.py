"""The report as one page of HTML: everything inside, nothing fetched, nothing sent.

Whatever comes from the manifest, from file names or from what programs have said is hostile: each
value is escaped where it enters the page, and what no person can see, or what would turn the
reading order, is shown as an escape. The page forbids itself, by its Content-Security-Policy, every
script and style but its own two, and every connection.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from engine.report.facts import Facts
from engine.report.headline import Headline, Level, headline
from engine.report.night import night
from renderers.report.check_section import check_rows
from renderers.report.drill_section import drill_rows
from renderers.report.flow_section import flow_view
from renderers.report.generation_section import generation_cards
from renderers.report.matrix_section import part_rows
from renderers.report.night_section import day_strip, night_strip
from renderers.report.room_section import room_cards
from renderers.report.run_section import FIRST_RUNS, run_rows
from renderers.report.safety_section import acting, glance, knowing, leg_rows, source_rows
from renderers.report.words import Clock, of_level

if TYPE_CHECKING:
    import jinja2

_FOLDER = "report"
_ICONS = {
    Level.SAFE: ("1a7f4b", "M9 17l5 5 10-12"),
    Level.ATTENTION: ("9a5b00", "M16 8v11M16 23v1"),
    Level.RISK: ("b3261e", "M16 8v11M16 23v1"),
    Level.UNKNOWN: ("5b6470", "M10 16h12"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page, and what it allows itself."""

    content: bytes
    policy: str
    """Its Content-Security-Policy; for a header, where more of it counts than inside the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fixed:
    """The parts that are the same for everybody."""

    template: jinja2.Template
    style: str
    script: str
    policy: str


def report_page(
    facts: Facts, *, typeable: Callable[[str], str] = str, served: bool = False
) -> Page:
    """Make the page.

    `typeable` makes the commands in a sentence those that are to be typed on this machine;
    `served`: by `report --serve`, where loading it again makes it anew.
    """
    fixed = _fixed()
    at = Clock(zone=ZoneInfo(facts.plan.timezone), now=facts.now)
    found = headline(facts)
    days, runs = facts.overview.days, run_rows(facts, at)
    text = fixed.template.render(
        style=fixed.style,
        script=fixed.script,
        policy=fixed.policy,
        icon=_icon(found),
        level=of_level(found.level).shape,
        host=facts.plan.host,
        timezone=facts.plan.timezone,
        made=at.when(facts.now),
        applied=at.when(facts.applied_at),
        served=served,
        typeable=typeable,
        glance=glance(facts, found, at),
        acting=acting(facts, at),
        knowing=knowing(facts, at),
        sources=source_rows(facts, at),
        legs=leg_rows(facts, at),
        flow=flow_view(facts),
        parts_rows=part_rows(facts, at),
        night=night_strip(night(facts.plan, days, facts.runs, now=facts.now), at),
        days=[day_strip(day) for day in days.days],
        by_hand=days.by_hand,
        rooms=room_cards(facts, at),
        generations=generation_cards(facts, at),
        drills=drill_rows(facts, at),
        checks=check_rows(facts, at),
        runs=runs,
        first_runs=FIRST_RUNS,
        more_runs=len(facts.runs) - len(runs),
    )
    # Nothing that UTF-8 lacks is left: what cannot be printed was escaped.
    return Page(content=text.encode(), policy=f"{fixed.policy}; frame-ancestors 'none'")


def shown(value: object) -> object:
    """A value as it may be read: what cannot be seen, or turns the reading order, as an escape.

    What is marked as safe has come from this package's own templates, style and script.
    """
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in value
    )


@lru_cache(maxsize=1)
def _fixed() -> _Fixed:
    environment = _environment()
    style, script = (_source(environment, name) for name in ("page.css", "page.js"))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src {_digest(style)}",
            f"script-src {_digest(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    template = environment.get_template(f"{_FOLDER}/page.html")
    return _Fixed(template=template, style=style, script=script, policy=policy)


def _environment() -> jinja2.Environment:
    # Imported here: no other command needs it to escape anything.
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("renderers"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, f"{_FOLDER}/{name}")[0]


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _icon(found: Headline) -> str:
    """The picture of the tab: the whole says how it stands even from there."""
    colour, path = _ICONS[found.level]
    return (
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
        f"%3Crect width='32' height='32' rx='8' fill='%23{colour}'/%3E%3Cpath d='{path}' "
        "fill='none' stroke='white' stroke-width='4' stroke-linecap='round' "
        "stroke-linejoin='round'/%3E%3C/svg%3E"
    )
