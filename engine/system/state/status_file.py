"""What a leg that runs elsewhere leaves beside its product: its runs, and its generations.

Its state database is gone with its pod, so the next run begins with this file; and whoever has the
product, as the host has whose tree it is, knows by it how the leg stands. Root may read it, and
whoever writes in that directory may have written it: so it is JSON, each value is read as what it
must be, and no text of it commands a terminal.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from engine.generations.names import Standing, moment_of
from engine.plan.typed_json import LATER, Codec, Json, Registry, Unreadable
from engine.system.host.descent import NotThere, descending, opened_root
from engine.system.host.files import write_atomically
from engine.system.state.records import RunRecord
from policy.values import display

NAME = b".policyctl-status.json"
"""Its name, in the directory that the leg writes; no leg takes such a name."""
FORMAT = 1
MOST_RUNS = 50
_MOST = 4 << 20
"""Nothing that a run has left is longer."""
_LONGEST = 2000
"""Characters that are read of a text."""
_MODE = 0o640
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class StatusUnreadable(ValueError):
    """The file is there and cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of one generation."""

    name: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the last successful pass has found in its source, for the next one to compare with."""

    rules: str
    """Digest of the rules it went by."""
    entries: int | None
    size: int | None
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftStatus:
    """What lies beside a product."""

    format: int = FORMAT
    leg: str
    runs: tuple[RunRecord, ...] = ()
    """The newest first, with their items."""
    kept: tuple[Kept, ...] = field(default=())
    """The generations, the oldest first."""
    seen: Seen | None = field(default=None, metadata={LATER: True})
    """None: nothing that is counted."""

    @property
    def generations(self) -> Mapping[bytes, Standing]:
        """What is known of each, by its name; what has another name is none."""
        named = ((one.name.encode(), one.standing) for one in self.kept)
        return {name: standing for name, standing in named if moment_of(name) is not None}


def status_to_json(left: LeftStatus) -> str:
    """Write it; a person may read it, too."""
    return _REGISTRY.dumps(LeftStatus, left)


def status_from_json(text: str) -> LeftStatus:
    """Read it. Raises `StatusUnreadable`."""
    try:
        left = _REGISTRY.loads(LeftStatus, text)
    except (Unreadable, RecursionError) as error:
        raise StatusUnreadable(str(error)) from None
    if left.format != FORMAT:
        raise StatusUnreadable(f"its format is {left.format}: another version wrote it")
    return left


def read_status(
    root: bytes, names: tuple[bytes, ...], leg: str, was: str | None = None
) -> LeftStatus | None:
    """What a leg has left in a directory below a root, reached through no symlink; None: nothing.

    `was`: the name that the leg had before. Raises `StatusUnreadable`, also where it is another
    leg's.
    """
    data = _content(root, names)
    if data is None:
        return None
    try:
        left = status_from_json(data.decode())
    except UnicodeDecodeError:
        raise StatusUnreadable("it is no text") from None
    if left.leg not in {leg, was} or any(one.leg not in {leg, was} for one in left.runs):
        raise StatusUnreadable(f"it is that of the leg {left.leg!r}")
    return replace(left, leg=leg, runs=tuple(replace(one, leg=leg) for one in left.runs))


def leave_status(left: LeftStatus, folder: bytes) -> None:
    """Put it beside the product. Raises `OSError`."""
    path = Path(os.fsdecode(folder), os.fsdecode(NAME))
    write_atomically(path, status_to_json(left).encode(), _MODE)


def _content(root: bytes, names: tuple[bytes, ...]) -> bytes | None:
    try:
        with opened_root(root) as top, descending(top) as descent:
            here = descent.enter(names)
            with os.fdopen(os.open(NAME, _READ, dir_fd=here), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise StatusUnreadable("it is no file")
                data = file.read(_MOST + 1)
    except (NotThere, FileNotFoundError):
        return None
    except OSError as error:
        raise StatusUnreadable(error.strerror or str(error)) from None
    if len(data) > _MOST:
        raise StatusUnreadable("it is longer than any that a run has left")
    return data


# ── Its values ───────────────────────────────────────────────────────────────────────────────


def _read_text(value: object) -> object:
    """A text as it may be shown."""
    if not isinstance(value, str):
        raise Unreadable(f"{value!r} is no text")
    return display(value[:_LONGEST].encode("utf-8", "backslashreplace"))


def _read_number(value: object) -> object:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise Unreadable("it is no number of anything")
    return value


def _read_moment(value: object) -> object:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last day have no other zones
        pass
    raise Unreadable("it is no moment")


def _as_it_is(value: object) -> Json:
    return cast(Json, value)


_REGISTRY = Registry(
    special={
        str: Codec(_as_it_is, _read_text, frozenset({str})),
        int: Codec(_as_it_is, _read_number, frozenset({int})),
        datetime: Codec(
            lambda value: cast(datetime, value).isoformat(), _read_moment, frozenset({str})
        ),
    }
)
