"""What the administrator has laid over our units: drop-ins, which `apply` never touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from engine.plan import layout
from engine.system.host.places import Places

_SUFFIXES = frozenset({".service", ".timer", ".target"})


def drop_ins(root: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """The administrator's settings for those of these files that are units, sorted."""
    directory = Places(root=root).systemd_dir
    folders = {name for path in paths if Path(path).suffix in _SUFFIXES for name in _folders(path)}
    found: list[str] = []
    for folder in sorted(folders):
        with suppress(OSError):
            settings = sorted((directory / folder).glob("*.conf"))
            found += [f"{layout.UNITS}/{folder}/{one.name}" for one in settings]
    return tuple(found)


def _folders(path: str) -> Iterator[str]:
    """Where systemd looks for a unit's drop-ins: by its name, and by its name up to each dash."""
    unit = Path(path)
    yield f"{unit.name}.d"
    stem = unit.stem.partition("@")[0]
    for at, letter in enumerate(stem):
        if letter == "-":
            yield f"{stem[: at + 1]}{unit.suffix}.d"
