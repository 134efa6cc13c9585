"""Asking the cluster which claims have which volumes, and remembering its last good answer.

When it cannot be asked, the last answer holds and its age is told; without one nothing is known,
and that is never "no volumes" (law 33).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.items.volume_names import (
    BoundVolume,
    Naming,
    is_believable,
    name_by_claim,
    read_bound_volumes,
)
from engine.plan.typed_json import Registry, Unreadable
from engine.system.host.files import error_sentence, write_atomically
from engine.system.host.process import Command, CommandNotStarted, run

_SECONDS = 30.0
_PRIVATE = 0o600
_REGISTRY = Registry()


class NamesUnknown(Exception):
    """The cluster does not say, and never has; the message says why."""


class _Silent(Exception):
    """The cluster does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the cluster said, and when."""

    asked: str
    """ISO 8601, in UTC."""
    bound: tuple[BoundVolume, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """What volumes are called, by the cluster's answer of a certain time."""

    naming: Naming
    asked: datetime
    problem: str
    """Why it is an old answer; empty where it is today's."""


def claim_names(
    volumes: Collection[str], group: str, *, kubeconfig: bytes | None, cache: Path, now: datetime
) -> ClaimNames:
    """Name volumes by the claims that have them. Raises `NamesUnknown`.

    `cache` is the file that holds the last good answer.
    """
    before = _remembered(cache)
    known = None if before is None else name_by_claim(volumes, before.bound, group)
    try:
        bound = _ask(kubeconfig)
    except _Silent as silence:
        problem = str(silence)
    else:
        naming = name_by_claim(volumes, bound, group)
        if known is None or is_believable(naming, known):
            _remember(cache, Claims(asked=now.astimezone(UTC).isoformat(), bound=bound))
            return ClaimNames(naming=naming, asked=now, problem="")
        problem = "it knows none of the volumes that it named before"
    if before is None or known is None:
        raise NamesUnknown(f"the cluster cannot be asked for names: {problem}")
    asked = datetime.fromisoformat(before.asked)
    return ClaimNames(naming=known, asked=asked, problem=problem)


def _ask(kubeconfig: bytes | None) -> tuple[BoundVolume, ...]:
    chosen = () if kubeconfig is None else (b"--kubeconfig", kubeconfig)
    words = (b"get", b"persistentvolumes", b"--output", b"json", b"--request-timeout", b"20s")
    try:
        done = run(Command(argv=(b"kubectl", *chosen, *words), timeout=_SECONDS))
    except CommandNotStarted as error:
        raise _Silent(str(error)) from None
    if done.timed_out:
        raise _Silent("kubectl did not end in time")
    if done.code != 0 or not done.whole:
        raise _Silent(f"kubectl: {done.last_words or f'it ended with {done.code}'}")
    try:
        return read_bound_volumes(done.stdout)
    except Unreadable as error:
        raise _Silent(f"kubectl: {error.problem}") from None


def _remembered(cache: Path) -> Claims | None:
    """The last good answer; None where there is none that can be read."""
    try:
        descriptor = os.open(cache, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            found = _REGISTRY.loads(Claims, file.read())
        aware = datetime.fromisoformat(found.asked).tzinfo is not None
    except (OSError, ValueError):  # `Unreadable` and text that is no UTF-8 are values too
        return None
    return found if aware else None


def _remember(cache: Path, claims: Claims) -> None:
    try:
        write_atomically(cache, _REGISTRY.dumps(Claims, claims).encode(), _PRIVATE)
    except OSError as error:
        raise NamesUnknown(f"the names cannot be kept: {error_sentence(error)}") from None
