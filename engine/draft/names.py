"""Names of what a draft has: each by the rules, and given once. Pure."""

from __future__ import annotations

import re

from engine.draft.targets import Targets

_SLUG = re.compile(r"[^a-z0-9]+")


class Names:
    """Names of sources, each given once; destinations and legs have theirs already."""

    def __init__(self, targets: Targets) -> None:
        first, second = targets.first.name, targets.second.name if targets.second else ""
        own = ("system", first, second, *(f"{one}-to-{first}" for one in ("files", "system")))
        self.taken = {*map(_alike, (*own, f"{first}-to-{second}"))}

    def take(self, wanted: str, *, legs: tuple[str, ...] = ()) -> str:
        """A name that nothing has yet, as near to the wanted one as the rules allow.

        `legs` end the names of legs that it gives its name to.
        """
        base = _SLUG.sub("-", wanted.lower()).strip("-")[:20].strip("-") or "data"
        name, number = base, 2
        while not self.taken.isdisjoint(_alike(one) for one in _with_legs(name, legs)):
            name, number = f"{base}-{number}", number + 1
        self.taken |= {_alike(one) for one in _with_legs(name, legs)}
        return name


def _with_legs(name: str, legs: tuple[str, ...]) -> tuple[str, ...]:
    return (name, *(f"{name}-{leg}" for leg in legs))


def _alike(name: str) -> str:
    """Alerts are called after legs, without hyphens."""
    return name.replace("-", "")
