"""What `restore` is asked, what it has found, and what it would do, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.explain import Subject
from engine.plan.left_plan import LeftPlan
from engine.promises.chains import Copy
from engine.restore.aim import Aim
from engine.restore.choice import Choice
from engine.restore.fetch import Fetch
from engine.restore.left_copies import LeftCopy
from engine.restore.steps import RestoreStep
from engine.restore.versions import Unseen, Version
from policy.patterns import Component, parse_component
from policy.sources import DeviceSource, DumpedSource
from policy.values import display


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for."""

    path: bytes
    """As the final system has it, or SOURCE:ITEM/…"""
    subject: Subject
    copies: tuple[Copy, ...]
    inside: tuple[Component, ...] = ()
    """Only what matches below the path is wanted; empty: all of it."""
    snapshots: bool
    """Whether a leg takes snapshots of the item that it is, or lies in."""
    left: tuple[LeftCopy, ...] = ()
    """Where orphans would hold it."""
    wholes: tuple[tuple[str, bytes], ...] = ()
    """Legs whose dumps hold it among all databases of a server, and in which file."""

    @property
    def made(self) -> bool:
        """Whether a leg has made what is asked for, each leg its own."""
        return isinstance(self.subject.source, DeviceSource | DumpedSource)


def with_colon(path: bytes) -> str:
    """What was typed, and a colon, which `SOURCE:` has already."""
    return display(path).removesuffix(":") + ":"


def pattern_parts(path: bytes) -> tuple[bytes, tuple[Component, ...]]:
    """The directory before the first wildcard of a path, and the patterns from there on.

    What stands before the colon of SOURCE:NAME is no part of a name. Raises `PatternError`.
    """
    source, colon, rest = path.partition(b":")
    if colon and b"/" not in source:
        head, inside = pattern_parts(rest)
        return source + colon + (head if rest.startswith(b"/") or head != b"/" else b""), inside
    names = path.rstrip(b"/").split(b"/")
    components = [parse_component(name) if name else None for name in names]
    plain = 0
    while plain < len(names) and (names[plain] == b"" or _is_plain(components[plain])):
        plain += 1
    inside = tuple(one for one in components[plain:] if one is not None)
    literal = [one.literal if one is not None else b"" for one in components[:plain]]
    return b"/".join(one or b"" for one in literal) or b"/", inside


def _is_plain(component: Component | None) -> bool:
    return component is not None and component.literal is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which state is wanted."""

    as_of: datetime | None = None
    """Of then, and nothing newer; None: the newest."""
    place: str | None = None
    """A destination, or one version's label; None: whichever is the best."""
    maker: str = ""
    """The leg that is to have made it; empty: whichever."""
    keyed: bool = False
    """Whether there is a key to what is encrypted."""
    databases: bool = False
    """Whether only verified copies of databases are wanted."""
    despite: frozenset[str] = frozenset()
    """Destinations whose copies are known to be the wrong ones: nothing is compared with those."""


def made_by(asked: Asked, wish: Wish) -> Wish:
    """The wish for what one leg has made, where that is what `--from` names, wherever it lies.

    Several legs may make copies of one source, each of its own sort.
    """
    if any(one.place == wish.place for one in asked.copies):
        return wish
    if not any(one.via[0] == wish.place for one in asked.copies):
        return wish
    return replace(wish, place=None, maker=wish.place or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that holds a path, and what is taken."""

    asked: Asked
    wish: Wish
    versions: tuple[Version, ...]
    unseen: tuple[Unseen, ...]
    choice: Choice
    zone: ZoneInfo

    @property
    def as_of(self) -> datetime | None:
        """The moment whose state is wanted."""
        return self.wish.as_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would be done."""

    found: Found
    version: Version
    aim: Aim
    fetch: Fetch
    steps: tuple[RestoreStep, ...]
    notes: tuple[str, ...]
    stamp: bytes

    @property
    def to(self) -> bytes:
        """The path that it will have, opened if it is to be."""
        name = self.aim.opened(directory=self.version.directory)
        return self.aim.folder.rstrip(b"/") + b"/" + name


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Copies of one destination that are looked at alone, wherever they are mounted."""

    at: bytes
    destination: str
    left: LeftPlan | None
    """What the last run left beside them."""
