"""Credentials: how systemd hands on a secret that a manifest names (systemd.exec(5))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policy.secrets import Secret, SecretCredential, SecretFile
from renderers.paths import as_text


def credentials_of(secrets: Iterable[Secret | None]) -> Iterator[tuple[str, str]]:
    """The name of each, and where it lies if the manifest says so."""
    for secret in secrets:
        match secret:
            case SecretFile(path=path):
                yield secret.credential, as_text(path)
            case SecretCredential(name=name):
                yield name, ""
            case _:
                pass
