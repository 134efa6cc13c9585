"""What of a Secret a job is handed, and the source as its programs find it then. Pure.

A manifest names where a secret is found on a host: a file, a credential, a variable. In a job keys
of one Secret stand for these, by name; the plan that a job runs by holds none of them (law 22).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from engine.cluster.no_job import NoJob
from policy.checks import Check, HttpCheck
from policy.connect import Connect
from policy.parts import KubernetesRunner
from policy.secrets import Secret, SecretCommand, SecretCredential, SecretFile, SecretVariable
from policy.sources import DeviceSource, ServerKind, ServerSource
from policy.values import AbsolutePath, parse_absolute_path

CREDENTIALS: Final = parse_absolute_path("/run/credentials/policyctl")
"""Where a job finds credentials, as a service of systemd does in a folder of its own."""
_CERTIFICATES: Final = ("ca.crt", "tls.crt", "tls.key")
"""Keys of a Secret of the type `kubernetes.io/tls`, and of the authority beside them."""
_IN_IMAGES: Final = tuple(
    map(
        parse_absolute_path,
        (
            "/etc/ca-certificates",
            "/etc/pki",
            "/etc/ssl",
            "/usr/local/share/ca-certificates",
            "/usr/share/ca-certificates",
        ),
    )
)
"""Where systems have certificates that they believe."""
_KEY_CHARACTERS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"
)
_OWN_USERS: Final = {ServerKind.POSTGRESQL: "postgres", ServerKind.MYSQL: "root"}
"""Whom a client logs on as where the manifest names nobody. On a host that is the account which
runs it; a pod has none that a server knows."""


@dataclass(frozen=True, slots=True, order=True)
class Handed:
    """One key of the Secret."""

    key: str
    variable: str = ""
    """The variable that holds it; empty: it is a file."""
    path: str = ""
    """The path of that file."""


def in_a_job(source: ServerSource, runner: KubernetesRunner) -> tuple[ServerSource, list[Handed]]:
    """A server as a job reaches it, and what it is handed for that. Raises `NoJob`."""
    connect = source.connect
    if connect.user is None:
        connect = replace(connect, user=_OWN_USERS.get(source.server))
    if runner.secret is not None and _opened_by_nothing(connect):
        connect = _by_convention(source.server, connect)
    handed = [
        *_secret(connect.secret, runner),
        *_files((connect.certificate, connect.key), runner),
        *_authority(connect.authority, runner),
    ]
    return replace(source, connect=connect), handed


def handed_for_device(source: DeviceSource, runner: KubernetesRunner) -> list[Handed]:
    """The key for a device, and whom to believe that it is the device. Raises `NoJob`."""
    target = source.ssh
    if target.key is None or target.known_hosts is None:
        lacks = "key" if target.key is None else "known_hosts"
        raise NoJob(f"{source.name!r} names no `{lacks}`: a pod has none of its own")
    return list(_files((target.key, target.known_hosts), runner))


def handed_to_check(check: Check, runner: KubernetesRunner) -> list[Handed]:
    """What a check is handed. Raises `NoJob`."""
    if not isinstance(check, HttpCheck):
        return []
    secrets = [one for header in check.headers for one in _secret(header.secret, runner)]
    return [*secrets, *_authority(check.authority, runner)]


def may_be_in_image(path: AbsolutePath) -> bool:
    """Whether certificates lie where a system has such files, as an image may."""
    return any(one.contains(path) for one in _IN_IMAGES)


def _opened_by_nothing(connect: Connect) -> bool:
    """Whether no secret and no client's certificate is named; whom to believe opens nothing."""
    return connect.secret is None and connect.certificate is None and connect.key is None


def _by_convention(kind: ServerKind, connect: Connect) -> Connect:
    """The keys by which such a Secret is usually read, where the source names none."""
    match kind:
        case ServerKind.VAULT:
            return replace(connect, token=SecretCredential(name="token"))
        case ServerKind.ETCD:
            paths = [CREDENTIALS.joined((name.encode(),)) for name in _CERTIFICATES]
            authority, certificate, key = paths
            believed = connect.authority or authority
            return replace(connect, authority=believed, certificate=certificate, key=key)
        case _:
            return replace(connect, password=SecretCredential(name="password"))


def _secret(secret: Secret | None, runner: KubernetesRunner) -> Iterator[Handed]:
    match secret:
        case None | SecretCommand():
            return  # a command prints it, in the image
        case SecretFile():
            name = secret.path.names[-1].decode("utf-8", "backslashreplace")
            yield _handed(name, runner, path=_credential(secret.credential))
        case SecretCredential():
            yield _handed(secret.name, runner, path=_credential(secret.name))
        case SecretVariable():
            yield _handed(secret.name, runner, variable=secret.name)


def _files(paths: Iterable[AbsolutePath | None], runner: KubernetesRunner) -> Iterator[Handed]:
    for path in paths:
        if path is not None:
            name = path.names[-1].decode("utf-8", "backslashreplace")
            yield _handed(name, runner, path=str(path))


def _authority(path: AbsolutePath | None, runner: KubernetesRunner) -> Iterator[Handed]:
    """Certificates that are believed are no secret, so they may lie in the image.

    Where a system has such files, and nowhere else: of any other path a job would only say that
    nothing is there.
    """
    if path is None or (runner.secret is None and may_be_in_image(path)):
        return
    yield from _files((path,), runner)


def _credential(name: str) -> str:
    return str(CREDENTIALS.joined((name.encode(),)))


def _handed(key: str, runner: KubernetesRunner, *, variable: str = "", path: str = "") -> Handed:
    if runner.secret is None:
        raise NoJob(f"it needs {key!r}, and its runner names no `secret` that holds it")
    if not key or not set(key) <= _KEY_CHARACTERS:
        raise NoJob(f"{key!r} cannot be a key of a Secret: letters, digits, `-`, `_` and `.` can")
    return Handed(key=key, variable=variable, path=path)
