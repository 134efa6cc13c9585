"""What a service needs that carries out a check: whom it asks, what it reads and may."""

from __future__ import annotations

from collections.abc import Iterator

from engine.plan.model import Plan
from policy.checks import Check, CommandCheck, FreshnessCheck, HttpCheck, SnapshotsCheck
from policy.parts import SshTarget
from policy.secrets import SecretCommand
from policy.values import AbsolutePath
from renderers.sandbox_paths import CERTIFICATES
from renderers.touched import databases_of, literal_part


def asked_by(plan: Plan, check: Check) -> SshTarget | None:
    """The account on another machine that a check asks; None: it asks none."""
    one = plan.destination(check.destination) if isinstance(check, SnapshotsCheck) else None
    read = one.snapshots.read if one is not None and one.snapshots is not None else None
    if one is None or read is None:
        return None
    return read.ssh or one.ssh


def mounts_of(plan: Plan, check: Check) -> tuple[AbsolutePath, ...]:
    """What has to be mounted before a check can say anything."""
    if isinstance(check, FreshnessCheck):
        return (literal_part(check.path),)
    if isinstance(check, SnapshotsCheck):
        one = plan.destination(check.destination)
        return (one.path,) if one is not None and one.ssh is None else ()
    return databases_of(plan, check)


def read_by(check: Check) -> Iterator[AbsolutePath]:
    """The files that it reads, besides databases."""
    if isinstance(check, FreshnessCheck):
        yield literal_part(check.path)
    if isinstance(check, HttpCheck):
        yield from (CERTIFICATES if check.url.startswith("https:") else ())
        if check.authority is not None:
            yield check.authority


def needs_all(plan: Plan, check: Check) -> bool:
    """Whether it may need all that root has.

    So does whatever is the administrator's own. And a file system of this machine tells of its
    snapshots to CAP_SYS_ADMIN alone, and ZFS through a device: with these a sandbox is none.
    """
    if isinstance(check, SnapshotsCheck):
        return asked_by(plan, check) is None
    headers = check.headers if isinstance(check, HttpCheck) else ()
    secrets = (one.secret for one in headers)
    return isinstance(check, CommandCheck) or any(isinstance(one, SecretCommand) for one in secrets)
