"""What a job needs of its image, beyond what the recipe for it has. Pure.

Nothing of it can be seen from here, so no job is left out for it: it is noted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.cluster.handed import may_be_in_image
from engine.cluster.jobs import DEFAULT_USER, user_of
from policy.checks import Check, HttpCheck
from policy.legs import KeepingLeg, Leg
from policy.model import Policy
from policy.secrets import Secret, SecretCommand
from policy.sources import DeviceSource, ServerSource
from policy.values import AbsolutePath

_KNOWN_USERS: Final = frozenset({0, DEFAULT_USER})
"""Which each image has as accounts."""


def leg_needs_in_image(leg: Leg, policy: Policy) -> Iterator[str]:
    """What the image of a leg in a cluster has to have."""
    source = policy.source(leg.takes) if isinstance(leg, KeepingLeg) else None
    runner = leg.runner
    if isinstance(source, ServerSource) and runner is not None:
        yield from _commands((source.connect.secret,))
        yield from _certificates(source.connect.authority, runner.secret)
    if isinstance(source, DeviceSource) and runner is not None:
        user = user_of(runner)
        if user not in _KNOWN_USERS:
            yield (
                f"an account with the uid {user} (a line in `/etc/passwd`), since `ssh` does "
                "not run for one that is not known there"
            )


def check_needs_in_image(check: Check) -> Iterator[str]:
    """The same of a check."""
    if isinstance(check, HttpCheck) and check.runner is not None:
        yield from _commands(tuple(one.secret for one in check.headers))
        yield from _certificates(check.authority, check.runner.secret)


def _commands(secrets: tuple[Secret | None, ...]) -> Iterator[str]:
    for one in secrets:
        if isinstance(one, SecretCommand):
            yield f"the program {one.run[0]}, which prints a secret, and all that it needs"


def _certificates(path: AbsolutePath | None, secret: str | None) -> Iterator[str]:
    if path is not None and secret is None and may_be_in_image(path):
        yield f"the certificates {path}: its runner names no `secret` that holds them"
