"""The files of this machine that a manifest names as keys, secrets and certificates. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from policy.checks import HttpCheck
from policy.destinations import Destination
from policy.diagnostics import Origin
from policy.model import Policy
from policy.parts import SshTarget
from policy.secrets import SecretFile
from policy.sources import VOLUME, DeviceSource, LvmThinSource, ServerSource, Source
from policy.values import AbsolutePath, parse_absolute_path


class Closed(enum.Enum):
    """What is asked of a file's mode, by whoever reads it."""

    NOT = "it may lie open"
    WISHED = "everybody should be kept out, and nobody refuses it"
    ITSELF = "policyctl refuses a secret that everybody may read"
    SSH = "ssh leaves out a key of its own user that others may read"
    VOLUME = "a key to volumes that others may read is refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """One of them."""

    what: str
    """What it is to the part that names it."""
    path: AbsolutePath
    closed: Closed
    origin: Origin
    far: bool = False
    """Whether it is for reaching another machine; below a root that stands for it none is."""


def refusal(closed: Closed, mode: int, *, own: bool) -> str:
    """Why no run goes on with a file of this mode; empty: one does.

    `own`: whether it belongs to whoever reads it; of another's file ssh asks nothing
    (sshkey_perm_ok in its source).
    """
    others = f"is open to others (mode {mode & 0o7777:04o})"
    match closed:
        case Closed.ITSELF if mode & 0o004:
            return "may be read by all: a run refuses it"
        case Closed.SSH if own and mode & 0o077:
            return f"{others}: ssh does not use it"
        case Closed.VOLUME if mode & 0o077:
            return f"{others}: a run refuses it"
        case _:
            return ""


def named_files(policy: Policy) -> Iterator[NamedFile]:
    """All of them; a path that stands for many files is none of them."""
    for destination in policy.destinations:
        yield from _of_destination(destination)
    for source in policy.sources:
        yield from _of_source(policy, source)
    for drill in policy.drills:
        if drill.identity is not None:
            origin = drill.at("identity")
            key = drill.identity
            yield NamedFile(what="identity", path=key, closed=Closed.WISHED, origin=origin)
    for check in policy.checks:
        if isinstance(check, HttpCheck) and check.runner is None:
            yield from _of_http(check)


def _of_destination(destination: Destination) -> Iterator[NamedFile]:
    if destination.ssh is not None:
        yield from _of_target(destination.ssh, destination.origin)
    read = destination.snapshots.read if destination.snapshots is not None else None
    if read is not None and read.ssh is not None:
        yield from _of_target(read.ssh, read.origin)


def _of_source(policy: Policy, source: Source) -> Iterator[NamedFile]:
    if isinstance(source, DeviceSource) and _asked_here(policy, source):
        yield from _of_target(source.ssh, source.origin)
    if isinstance(source, LvmThinSource):
        yield from _of_volumes(source)
    if isinstance(source, ServerSource) and _dumped_here(policy, source):
        yield from _of_server(source)


def _of_volumes(source: LvmThinSource) -> Iterator[NamedFile]:
    text = source.key_file.text if source.key_file is not None else VOLUME
    if VOLUME not in text:
        path = parse_absolute_path(text)
        yield NamedFile(what="key", path=path, closed=Closed.VOLUME, origin=source.origin)


def _asked_here(policy: Policy, source: Source) -> bool:
    """Whether this host logs on to a device: not where all its legs run in a cluster."""
    legs = [leg for leg in policy.legs if leg.takes == source.name]
    return not legs or any(leg.runner is None for leg in legs)


def _dumped_here(policy: Policy, source: ServerSource) -> bool:
    """Whether a leg of this host reads those files: in a cluster others stand for them."""
    return any(leg.takes == source.name and leg.runner is None for leg in policy.legs)


def _of_server(source: ServerSource) -> Iterator[NamedFile]:
    one = source.connect
    if isinstance(one.secret, SecretFile):
        what = "password" if one.password is not None else "token"
        secret = one.secret.path
        yield NamedFile(what=what, path=secret, closed=Closed.ITSELF, origin=one.origin)
    if one.key is not None:
        yield NamedFile(what="key", path=one.key, closed=Closed.WISHED, origin=one.origin)
    for what, path in (("certificates", one.authority), ("certificate", one.certificate)):
        if path is not None:
            yield NamedFile(what=what, path=path, closed=Closed.NOT, origin=one.origin)


def _of_target(target: SshTarget, origin: Origin) -> Iterator[NamedFile]:
    if target.key is not None:
        key = target.key
        yield NamedFile(what="SSH key", path=key, closed=Closed.SSH, origin=origin, far=True)
    if target.known_hosts is not None:
        hosts = target.known_hosts
        yield NamedFile(what="known hosts", path=hosts, closed=Closed.NOT, origin=origin, far=True)


def _of_http(check: HttpCheck) -> Iterator[NamedFile]:
    for header in check.headers:
        if isinstance(header.secret, SecretFile):
            path, origin = header.secret.path, check.at("headers")
            what = f"secret {header.name}"
            yield NamedFile(what=what, path=path, closed=Closed.ITSELF, origin=origin)
    if check.authority is not None:
        authority, origin = check.authority, check.at("ca")
        yield NamedFile(what="certificates", path=authority, closed=Closed.NOT, origin=origin)
