"""What is dropped where live data are read, asked about very many names.

The same verdicts as `engine.plan.selection` gives path by path, with what a directory shares kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from engine.plan.model import Plan
from engine.plan.selection import RECOVERED, RESERVED, Ignore
from engine.routing.feeds import ignores_for
from policy.patterns import Component, Machine, machine_of
from policy.sources import TreeSource

Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Hits:
    """Names that some patterns match."""

    literals: frozenset[bytes]
    machines: tuple[Machine, ...]

    def __contains__(self, name: bytes) -> bool:
        return name in self.literals or any(one.matches(name) for one in self.machines)


def _hits(components: Iterable[Component]) -> _Hits:
    literals, machines = set(), []
    for one in components:
        if one.literal is not None:
            literals.add(one.literal)
        else:
            machines.append(machine_of(one))
    return _Hits(frozenset(literals), tuple(machines))


@dataclass(frozen=True, slots=True)
class Dropped:
    """What is dropped of the entries of one directory that is not dropped itself."""

    files: _Hits
    directories: _Hits


class Dropping:
    """Ignores and reserved names of one source."""

    def __init__(self, ignores: tuple[Ignore, ...]) -> None:
        self._anchored = [one for one in ignores if one.anchored]
        self._loose = {
            directory: [
                RESERVED,
                *(
                    one.pattern.components[0]
                    for one in ignores
                    if not one.anchored and one.directory is directory
                ),
            ]
            for directory in (False, True)
        }
        self._elsewhere = Dropped(_hits(self._loose[False]), _hits(self._loose[True]))

    def inside(self, parent: Names) -> Dropped:
        """What is dropped in that directory."""
        here = [
            one
            for one in self._anchored
            if len(one.pattern.components) == len(parent) + 1
            and all(
                component.matches(name)
                for component, name in zip(one.pattern.components, parent, strict=False)
            )
        ]
        if parent and not here:
            return self._elsewhere
        found = {
            directory: [
                *self._loose[directory],
                *(one.pattern.components[-1] for one in here if one.directory is directory),
            ]
            for directory in (False, True)
        }
        if not parent:
            found[True].append(RECOVERED)
        return Dropped(_hits(found[False]), _hits(found[True]))


@lru_cache(maxsize=8)
def dropping(ignores: tuple[Ignore, ...]) -> Dropping:
    """What these ignores drop, made ready once."""
    return Dropping(ignores)


def ignores_digest(plan: Plan, source: TreeSource) -> str:
    """A digest of what a measurement of a source stands on: its path, and its ignores."""
    ignores = ignores_for(source.name, plan.ignores)
    text = "\n".join(sorted(map(repr, ignores)))
    return hashlib.sha256(b"\n".join((source.path.text, text.encode()))).hexdigest()
