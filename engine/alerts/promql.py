"""Expressions of Prometheus, put together from series and names: pure, and quoted here alone."""

from __future__ import annotations

import json
from collections.abc import Iterable

from engine.alerts.samples import Metric

Matchers = tuple[tuple[str, str], ...]
"""(label, value): the label has exactly that value."""

_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def series(metric: Metric, matchers: Matchers, *conditions: str) -> str:
    """A selector of the series of one metric; `conditions` are written as they are."""
    parts = [f"{label}={quoted(value)}" for label, value in matchers]
    inner = ",".join((*parts, *conditions))
    return f"{metric.name}{{{inner}}}" if inner else metric.name


def none_of(label: str, values: Iterable[str]) -> str:
    """The condition that a label has none of these values; they hold letters and `_` only."""
    return f"{label}!~{quoted('|'.join(sorted(values)))}"


def any_of(label: str, values: Iterable[str]) -> str:
    """The condition that a label has one of these values; they are names of the manifest."""
    return f"{label}=~{quoted('|'.join(sorted(values)))}"


def quoted(value: str) -> str:
    """A string literal: those of JSON mean the same in PromQL, which has Go's."""
    return json.dumps(value, ensure_ascii=False)


def span(seconds: int) -> str:
    """A duration as Prometheus writes it: `1d4h30m`."""
    found = ""
    for unit, size in _UNITS:
        number, seconds = divmod(seconds, size)
        found += f"{number}{unit}" if number else ""
    return found or "0s"
