"""Whether the keys and secrets that a manifest names are there, and lie closed (law 22)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from engine.promises.named_files import Closed, NamedFile, refusal
from engine.system.host.places import Places
from policy.diagnostics import Diagnostic, Findings
from policy.values import display


def look_at(files: Iterable[NamedFile], places: Places) -> tuple[Diagnostic, ...]:
    """A finding for each that is not as it should be; of what this user may not see none.

    It is an error where a run would not take it as it is.
    """
    findings = Findings()
    for one in files:
        if not (one.far and places.staged):
            _look_at(one, places.below_root(one.path), findings)
    return findings.sorted()


def _look_at(named: NamedFile, path: bytes, findings: Findings) -> None:
    shown = display(path)
    what = f"the {named.what}, {shown},"
    try:
        status = os.stat(path)  # noqa: PTH116 - bytes
    except PermissionError:
        return
    except OSError as error:
        missing = f"{what} cannot be found: {error.strerror}"
        hint = "put it there before the first run needs it"
        findings.warning("secret-not-found", missing, named.origin, hint=hint)
        return
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        empty = f"{what} is {'empty' if stat.S_ISREG(status.st_mode) else 'no file'}"
        findings.warning("secret-not-found", empty, named.origin)
    else:
        _look_at_mode(named, shown, status, findings)


def _look_at_mode(named: NamedFile, shown: str, status: os.stat_result, findings: Findings) -> None:
    """Whether it lies open, and whether a run would go on all the same."""
    what = f"the {named.what}, {shown},"
    refused = refusal(named.closed, status.st_mode, own=status.st_uid == os.geteuid())
    if refused:
        who = "o" if named.closed is Closed.ITSELF else "go"
        hint = f"`chmod {who}= {shown}`, and change what lies in it"
        findings.error("secret-open", f"{what} {refused}", named.origin, hint=hint)
    elif named.closed is not Closed.NOT and status.st_mode & stat.S_IROTH:
        hint = f"`chmod o= {shown}`, and change what lies in it"
        findings.warning("secret-open", f"{what} may be read by all", named.origin, hint=hint)
