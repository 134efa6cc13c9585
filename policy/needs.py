"""Needs: what must be at hand before something can be restored (law 39).

A need says where it comes from: a source of this policy, or a place outside of it in words. No
value of a secret stands in a manifest, only what it is and where it lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from policy.diagnostics import Origin
from policy.fields import Fields
from policy.nodes import Mapping, Node, Scalar, Sequence
from policy.parts import NOWHERE
from policy.values import AbsolutePath, display


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNeed:
    """Another source, which has to be back before."""

    source: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNeed:
    """A file of this machine, such as a key: whatever source holds it carries it."""

    path: AbsolutePath
    kept: str = ""
    """Where else it is, outside of all that this policy restores; empty: nowhere."""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretNeed:
    """A password, a key or whatever else somebody must know or hold."""

    secret: str
    """What it is; never its value."""
    inside: str | None = None
    """The source that it lies in."""
    kept: str = ""
    """Where it is outside of all that this policy restores; empty: nowhere."""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return display(self.secret.encode("utf-8", "replace"))


Need = SourceNeed | FileNeed | SecretNeed


def kept_outside(need: Need) -> str:
    """Where a need is outside of the policy, in the manifest's words; empty where it is not."""
    return "" if isinstance(need, SourceNeed) else need.kept


def parse_needs(fields: Fields) -> tuple[Need, ...]:
    """Read `needs`, sorted: their order in the file means nothing."""
    node = fields.mapping.items.get("needs")
    given = node.items if isinstance(node, Sequence) else ()
    found = (_need(one, fields) for one in given)
    return sorted_needs(one for one in found if one is not None)


def sorted_needs(needs: Iterable[Need]) -> tuple[Need, ...]:
    """Each need once, in the order in which a policy has them."""
    known = {_sorting(one): one for one in needs}
    return tuple(known[key] for key in sorted(known))


def _sorting(need: Need) -> tuple[str, str, str, str]:
    inside = need.inside or "" if isinstance(need, SecretNeed) else ""
    return type(need).__name__, str(need), inside, kept_outside(need)


def _need(node: Node, fields: Fields) -> Need | None:
    if isinstance(node, Scalar):
        return SourceNeed(source=node.text, origin=node.origin)
    assert isinstance(node, Mapping), "the schema knows no other form"
    one = Fields(node, fields.findings)
    secret, kept = one.text("secret"), one.text("kept") or ""
    if secret is not None:
        return SecretNeed(secret=secret, inside=one.text("in"), kept=kept, origin=node.origin)
    path = one.path("path")
    return FileNeed(path=path, kept=kept, origin=node.origin) if path is not None else None
