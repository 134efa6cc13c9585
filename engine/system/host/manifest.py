"""Finding and reading the manifest file, with the refusals that a root tool owes its user."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from policy.diagnostics import Diagnostic, Origin, PolicyInvalid
from policy.document import MAX_BYTES

FILE_NAME = "backup-policy.yaml"
SYSTEM_FILE = "etc/policyctl/backup-policy.yaml"
VARIABLE = "POLICYCTL_POLICY"


class ManifestNotFound(Exception):
    """No manifest was named, and none lies where one is looked for."""


def find_manifest(named: Path | None, root: Path) -> Path:
    """Choose the manifest: the one named, $POLICYCTL_POLICY, here, then below /etc."""
    if named is not None:
        return named
    variable = os.environ.get(VARIABLE)
    if variable:
        return Path(variable)
    for candidate in (Path(FILE_NAME), root / SYSTEM_FILE):
        if candidate.exists():
            return candidate
    raise ManifestNotFound(
        f"no manifest: neither ./{FILE_NAME} nor {root / SYSTEM_FILE} is there; name one with "
        f"--policy FILE, or have one drafted: `policyctl init --output {FILE_NAME}`"
    )


def read_manifest(path: Path) -> bytes:
    """Read a regular file. Raises `PolicyInvalid` for everything that is none, or is unsafe."""
    origin = Origin(file=str(path), line=1, column=1)
    try:
        # O_NONBLOCK: a FIFO in place of the file must not hang the program.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(error.strerror or str(error), origin) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise _unreadable("it is not a regular file", origin)
    with os.fdopen(descriptor, "rb") as file:
        if os.geteuid() == 0 and status.st_mode & stat.S_IWOTH:
            raise PolicyInvalid(
                [
                    Diagnostic(
                        code="manifest-writable",
                        message="every user of this machine can write it, and it runs as root",
                        origin=origin,
                        hint=f"chmod o-w {path}",
                    )
                ]
            )
        return file.read(MAX_BYTES + 1)


def _unreadable(why: str, origin: Origin) -> PolicyInvalid:
    return PolicyInvalid(
        [
            Diagnostic(
                code="manifest-unreadable",
                message=f"the manifest cannot be read: {why}",
                origin=origin,
            )
        ]
    )
