"""Looking at policy drift: the manifest and the generated files as they are now.

A run looks at its end, so looking must not cost it anything: texts are compared by digest, and only
one that nobody has judged yet is compiled. It must not make it fail either: what cannot be seen is
not known.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from engine.changes.drift import Judgement, ManifestState, PolicyDrift, drifted_files
from engine.changes.files import AppliedRecord, digest
from engine.plan.stored import PlanUnreadable
from engine.system.apply.applied import RecordUnreadable, load_applied, load_record
from engine.system.host.files import Unobservable, observe_files, write_atomically
from engine.system.host.lock import Locked, hold
from engine.system.host.manifest import read_manifest
from engine.system.host.places import Places
from policy.diagnostics import PolicyInvalid

_PRIVATE = 0o600
_PATIENCE = 10.0
"""Seconds to wait for another process that notes the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found, and what is worth being noted of it."""

    drift: PolicyDrift
    judgement: Judgement | None
    """A new one, where a text had to be compiled."""


def read_drift(places: Places, *, named: Path | None = None) -> Looked | None:
    """Look, and change nothing; None where nothing is applied, or this user cannot look.

    `named` is another manifest than the one that was applied last.
    """
    try:
        record = load_record(places.root)
        paths = [one.path for one in record.files] if record is not None else []
        observed = observe_files(places.root, paths)
    except (RecordUnreadable, Unobservable):
        return None
    if record is None:
        return None
    judged = noted(places)
    path = _absolute(named) if named is not None else judged.path if judged is not None else ""
    drift = PolicyDrift(
        manifest=ManifestState.UNKNOWN,
        manifest_path=path,
        manifest_digest="",
        plan_digest=record.plan_digest,
        files=drifted_files(record, observed),
        interrupted=record.unfinished,
    )
    return _with_manifest(drift, record, judged, places) if path else _just(drift)


def look_and_note(places: Places) -> PolicyDrift | None:
    """Look, and spare the next one to compile what had to be compiled."""
    looked = read_drift(places)
    if looked is None:
        return None
    if looked.judgement is not None:
        with suppress(OSError, Locked):
            note(looked.judgement, places)
    return looked.drift


def _just(drift: PolicyDrift) -> Looked:
    return Looked(drift=drift, judgement=None)


def _with_manifest(
    drift: PolicyDrift, record: AppliedRecord, judged: Judgement | None, places: Places
) -> Looked:
    path = Path(drift.manifest_path)
    if not os.path.lexists(path):
        seen = judged is None or judged.path != str(path) or judged.folder == _folder(path)
        state = ManifestState.MISSING if seen else ManifestState.UNKNOWN
        return _just(replace(drift, manifest=state))
    try:
        text = read_manifest(path)
    except PolicyInvalid:
        return _just(replace(drift, manifest=ManifestState.INVALID))
    found = replace(drift, manifest_digest=digest(text))
    if judged is not None and judged.settles(found.manifest_digest, record.plan_digest):
        return _just(replace(found, manifest=judged.state))
    state = _compiled(text, path, record, places)
    judgement = Judgement(
        path=str(path),
        folder=_folder(path),
        text=found.manifest_digest,
        plan=record.plan_digest,
        state=state,
    )
    known = state is not ManifestState.UNKNOWN
    return Looked(drift=replace(found, manifest=state), judgement=judgement if known else None)


def _compiled(text: bytes, path: Path, record: AppliedRecord, places: Places) -> ManifestState:
    """How a text stands to the applied plan, which may be a later one than that of a run."""
    from engine.compile import compile_policy  # dear to import, and needed after edits only
    from policy.parse import load

    try:
        applied = load_applied(places.root)
        if applied is None or applied[1].plan_digest != record.plan_digest:
            return ManifestState.UNKNOWN
        _, policy = load(text, str(path))
        same = compile_policy(policy) == applied[0]
    except (PlanUnreadable, RecordUnreadable, Unobservable):
        return ManifestState.UNKNOWN
    except Exception:  # whatever an edited manifest does to the compiler, a run has ended well
        return ManifestState.INVALID
    return ManifestState.APPLIED if same else ManifestState.EDITED


# ── What is noted ────────────────────────────────────────────────────────────────────────────


def note_applied(path: Path, text: str, plan_digest: str, places: Places) -> None:
    """Note where the manifest of the applied plan lies, and the digest of its text.

    Raises `OSError` and `Locked`.
    """
    absolute = _absolute(path)
    note(
        Judgement(
            path=absolute,
            folder=_folder(Path(absolute)),
            text=text,
            plan=plan_digest,
            state=ManifestState.APPLIED,
        ),
        places,
    )


def note(judgement: Judgement, places: Places) -> None:
    """Note a judgement, unless it is known. Raises `OSError` and `Locked`."""
    if noted(places) == judgement:
        return
    rows = {
        "path": judgement.path,
        "folder": judgement.folder,
        "text": judgement.text,
        "plan": judgement.plan,
        "state": judgement.state.value,
    }
    with hold(places.lock_dir / "manifest.lock", wait=_PATIENCE):
        write_atomically(_file(places), json.dumps(rows, indent=0).encode() + b"\n", _PRIVATE)


def noted(places: Places) -> Judgement | None:
    """The last judgement; None where nobody can read one."""
    try:
        rows = json.loads(_file(places).read_bytes())
        if not all(isinstance(one, str) for one in rows.values()):
            return None
        return Judgement(**{**rows, "state": ManifestState(rows["state"])})
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return None


def _file(places: Places) -> Path:
    return places.state_dir / "manifest.json"


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - symlinks stay: what they lead to may change


def _folder(path: Path) -> str:
    """Which folder lies where the manifest does; empty where none can be seen."""
    try:
        found = path.parent.stat()
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}"
