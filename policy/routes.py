"""Routes, ignores and objectives: lines that speak of paths and items."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.diagnostics import Findings, Origin
from policy.fields import Fields
from policy.nodes import Mapping, Node, Scalar
from policy.parts import NOWHERE
from policy.patterns import PathPattern, PatternError, parse_path_pattern
from policy.values import Duration, ItemKey, parse_item_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Rides no hop after this leg."""

    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A pattern → the one leg that carries it, or none with a reason."""

    text: str
    """The key as written."""
    key: ItemKey
    leg: str | None
    """None: deliberately not kept."""
    reason: str = ""
    """Why nothing carries it; empty where a leg does."""
    because: str = ""
    stop: Stop | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """A name never worth a copy where live data are read."""

    text: str
    pattern: PathPattern
    anchored: bool
    directory: bool
    reason: str
    only: tuple[str, ...] = ()
    """Sources that it is for; none named: all."""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What copies must amount to; None inherits from `default`."""

    text: str
    key: ItemKey | None
    """None for the default."""
    copies: int | None = None
    media: int | None = None
    offsite: int | None = None
    rpo: Duration | None = None
    history: Duration | None = None
    beyond_host: int | None = None
    because: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


def _item_key(text: str, origin: Origin, findings: Findings) -> ItemKey | None:
    try:
        return parse_item_key(text)
    except ValueError as error:
        findings.error("bad-pattern", str(error), origin)
        return None


def parse_route(text: str, node: Node, origin: Origin, findings: Findings) -> Route | None:
    """Read one route; None where its key is no pattern (a finding stands by then)."""
    key = _item_key(text, origin, findings)
    if key is None:
        return None
    if isinstance(node, Scalar):
        return Route(text=text, key=key, leg=node.text, origin=origin)
    assert isinstance(node, Mapping)
    fields = Fields(node, findings)
    stop = fields.child("stop")
    return Route(
        text=text,
        key=key,
        leg=fields.text("leg"),
        reason=fields.text("none") or "",
        because=fields.text("because") or "",
        stop=Stop(after=stop.need("after"), reason=stop.need("reason")) if stop else None,
        origin=origin,
    )


def parse_ignore(text: str, node: Node, origin: Origin, findings: Findings) -> IgnoreRule | None:
    """Read one ignore; None where its key is no pattern (a finding stands by then)."""
    directory = text.endswith("/")
    core = text.removesuffix("/").removeprefix("/")
    if not core:
        findings.error("bad-pattern", f"{text!r} names nothing", origin)
        return None
    try:
        pattern = parse_path_pattern(core.encode())
    except PatternError as error:
        findings.error("bad-pattern", f"{text!r}: {error}", origin)
        return None
    fields = Fields(node, findings) if isinstance(node, Mapping) else None
    reason = fields.need("reason") if fields else node.text if isinstance(node, Scalar) else ""
    return IgnoreRule(
        text=text,
        pattern=pattern,
        anchored="/" in text.removesuffix("/"),
        directory=directory,
        reason=reason,
        only=tuple(sorted(fields.texts("only"))) if fields else (),
        origin=origin,
    )


def parse_objective(text: str, node: Node, origin: Origin, findings: Findings) -> Objective | None:
    """Read one objective; None where its key is no pattern (a finding stands by then)."""
    key = None if text == "default" else _item_key(text, origin, findings)
    if key is None and text != "default":
        return None
    assert isinstance(node, Mapping)
    fields = Fields(node, findings)
    return Objective(
        text=text,
        key=key,
        copies=fields.integer("copies"),
        media=fields.integer("media"),
        offsite=fields.integer("offsite"),
        rpo=fields.duration("rpo"),
        history=fields.duration("history"),
        beyond_host=fields.integer("beyond_host"),
        because=fields.text("because") or "",
        origin=origin,
    )
