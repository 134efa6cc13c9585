"""The alerts and the series as pages."""

from __future__ import annotations

from engine.alerts.alerts import Alert, alerts_of
from engine.alerts.metrics import METRICS
from engine.alerts.words import Shown, Text
from engine.plan.model import Plan
from renderers.docs.page import Page, lasting, page, table
from renderers.markdown import cell, code, code_cell, paragraph, words_cell


def alerts_page(plan: Plan) -> Page:
    """Each alert: when it fires, what that means, what to type next."""
    told = plan.monitoring
    header = ("alert", "severity", "about", "fires beyond", "says", "means, and what to do")
    return page(
        "alerts.md",
        "alerts",
        rules=_rules(plan),
        receivers=[f"{code(name)}: {code(to)}" for name, to in told.receivers],
        alerts=table(header, map(_alert, alerts_of(plan))),
    )


def _rules(plan: Plan) -> str:
    path = plan.monitoring.rules
    if path is None:
        return paragraph(
            ("The manifest names no file for the rules (", code("monitoring: rules"),
             "), so Prometheus knows none of these.")
        )  # fmt: skip
    return paragraph(
        (code("policyctl apply"), " writes the rules to ", code(path), ". Each age follows from "
         "the schedules.")
    )  # fmt: skip


def _told(plan: Plan) -> str:
    gateway, textfile = plan.monitoring.pushgateway, plan.monitoring.textfile
    if gateway is None and textfile is None:
        said = "The manifest names nobody who is told ("
        return paragraph((said, code("monitoring"), "), so these are told to nobody."))
    pieces: list[str] = []
    if gateway is not None:
        pieces += ["They are pushed to ", code(gateway), ". "]
    if textfile is not None:
        pieces += ["They are written to a file in ", code(textfile), "."]
    return paragraph(pieces)


def _alert(alert: Alert) -> tuple[str, ...]:
    about = ", ".join(f"{name} {code_cell(value)}" for name, value in alert.subject)
    return (
        code_cell(alert.name),
        alert.severity.value,
        about,
        lasting(alert.threshold),
        cell(_said(alert.summary)),
        words_cell(_said(alert.description)),
    )


def _said(text: Text) -> str:
    return "".join(_stand_in(part) if isinstance(part, Shown) else part for part in text)


def _stand_in(part: Shown) -> str:
    """What stands for a value that only an alert which fires has."""
    match part:
        case Shown.STATUS:
            return "(how it ended)"
        case Shown.SHARE:
            return "(a share)"
        case Shown.WHAT:
            return "(manifest or files)"
        case Shown.PLACE:
            return "(a destination)"
        case Shown.LENGTH:
            return "(a length of time)"


def metrics_page(plan: Plan) -> Page:
    """Each series: its name, its labels, its meaning."""
    rows = [
        (code_cell(one.name), ", ".join(map(code_cell, one.labels)), words_cell(one.help))
        for one in METRICS
    ]
    return page(
        "metrics.md",
        "metrics",
        told=_told(plan),
        series=table(("series", "labels", "meaning"), rows),
    )
