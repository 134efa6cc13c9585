"""Where a secret is found: a manifest names the place, and never holds what lies there (law 22)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from policy.fields import Fields
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFile:
    """The content of a file, without the line's end; under systemd handed on as a credential."""

    path: AbsolutePath

    @property
    def credential(self) -> str:
        """The credential under which a unit hands it on; a path is no name of one."""
        return f"policyctl-{hashlib.sha256(self.path.text).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretCredential:
    """A credential that systemd finds by its name (systemd.exec(5), `LoadCredential=`)."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVariable:
    """A variable of the environment, as a container or a drop-in of the administrator sets it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretCommand:
    """What a command prints, without the line's end."""

    run: tuple[str, ...]


Secret = SecretFile | SecretCredential | SecretVariable | SecretCommand


def place_of(secret: Secret) -> str:
    """Where it is found, for people."""
    match secret:
        case SecretFile(path=path):
            return str(path)
        case SecretCredential(name=name):
            return f"the credential {name}"
        case SecretVariable(name=name):
            return f"the variable {name}"
        case SecretCommand(run=run):
            return run[0]


def parse_secret(fields: Fields) -> Secret:
    """Read where a secret is found; the schema lets exactly one way stand."""
    if "file" in fields:
        return SecretFile(path=fields.need_path("file"))
    if "credential" in fields:
        return SecretCredential(name=fields.need("credential"))
    if "variable" in fields:
        return SecretVariable(name=fields.need("variable"))
    return SecretCommand(run=fields.texts("command"))
