"""What `init` does: a machine looked at, its draft checked, and only then shown."""

from __future__ import annotations

import os
from pathlib import Path

from engine.draft.manifest import Draft, draft
from engine.system.draft.machine import look_at_machine
from engine.system.host.places import Places
from policyctl.boundary import Refused
from policyctl.checking import check_text

_NAME = Path("the draft")


def drafted(root: Path) -> Draft:
    """Draft the manifest of a machine. Raises `Refused` where its root is not there."""
    if not root.is_dir():
        raise Refused(f"{root} is no directory: there is no machine to look at")
    found = draft(look_at_machine(Places(root=root)))
    report = check_text(found.text.encode(), _NAME)
    if report.failed or report.warned or not report.proven:
        first = next((one for one in report.findings if one.severity.value != "note"), None)
        why = f"line {first.origin.line}: {first.message}" if first else "it is not proven"
        raise Refused(
            f"the draft does not check clean ({why}), which is a fault of policyctl: please report "
            "it. Nothing was written; examples/minimal/backup-policy.yaml is another way to begin"
        )
    return found


def refuse_taken(output: Path) -> None:
    """Raises `Refused` where something is there already: no manifest is ever overwritten."""
    if os.path.lexists(output):
        raise Refused(f"{output} is there already, and stays as it is: name another file")


def write_new(output: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all. Raises `Refused`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(output, flags, 0o644)
    except FileExistsError:
        refuse_taken(output)
        raise
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror or error}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        output.unlink(missing_ok=True)
        raise Refused(f"{output} could not be written: {error.strerror or error}") from None
