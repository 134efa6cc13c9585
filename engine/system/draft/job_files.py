"""Reading the files in which a machine's own jobs stand: crontabs, units, scripts behind them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

from engine.draft.jobs import (
    Job,
    calendar_of,
    cron_entry,
    jobs_in,
    jobs_in_crontab,
    jobs_in_unit,
    scripts_in,
    unit_commands,
)
from engine.system.host.places import Places
from policy.values import parse_absolute_path

_MOST_BYTES = 256 * 2**10
_MOST_FILES = 500
"""Of one directory."""
_PERIODS = ("hourly", "daily", "weekly", "monthly")
_UNITS = b"/etc/systemd/system"
_UNIT_FOLDERS = (
    *(_UNITS, b"/usr/local/lib/systemd/system", b"/usr/lib/systemd/system"),
    b"/lib/systemd/system",
)
_OWN = b"policyctl-"
"""Begins the names of units that `apply` has written."""


def find_jobs(places: Places) -> tuple[Job, ...]:
    """Find lines that make copies, in order of file and line; each once."""
    found = dict.fromkeys((*_of_cron(places), *_of_timers(places)))
    return tuple(sorted(found, key=lambda job: (job.file, job.line)))


def read_text(places: Places, path: bytes) -> str | None:
    """Read a regular file that is not too large; None for everything else."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(_here(places, path), flags)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file, suppress(OSError):
        data = file.read(_MOST_BYTES + 1)
        return data.decode("utf-8", "surrogateescape") if len(data) <= _MOST_BYTES else None
    return None


def names_in(places: Places, directory: bytes) -> list[bytes]:
    """Some names in a directory, sorted; none where it is not there."""
    with suppress(OSError):
        return sorted(os.listdir(_here(places, directory)))[:_MOST_FILES]  # noqa: PTH208 - bytes
    return []


def _here(places: Places, path: bytes) -> bytes:
    """Raises `ValueError` for what is no path that the machine could have."""
    return places.below_root(parse_absolute_path(os.fsdecode(path)))


def _of_cron(places: Places) -> Iterator[Job]:
    for file in (b"/etc/crontab", *_files(places, b"/etc/cron.d")):
        yield from _of_crontab(places, file, with_user=True)
    for folder in (b"/var/spool/cron/crontabs", b"/var/spool/cron"):
        for file in _files(places, folder):
            yield from _of_crontab(places, file, with_user=False)
    for period in _PERIODS:
        for file in _files(places, b"/etc/cron." + period.encode()):
            text = read_text(places, file)
            if text is not None:
                yield from jobs_in(file, text, when=period)


def _of_crontab(places: Places, file: bytes, *, with_user: bool) -> Iterator[Job]:
    text = read_text(places, file)
    if text is None:
        return
    yield from jobs_in_crontab(file, text, with_user=with_user)
    for line in text.split("\n"):
        entry = cron_entry(line, with_user=with_user)
        if entry is not None:
            yield from _of_scripts(places, scripts_in(entry[1]), when=entry[0])


def _of_timers(places: Places) -> Iterator[Job]:
    links = names_in(places, _UNITS + b"/timers.target.wants")
    for name in dict.fromkeys([*names_in(places, _UNITS), *links]):
        if not name.endswith(b".timer") or name.startswith(_OWN):
            continue
        timer = _unit(places, name)
        service = _unit(places, name.removesuffix(b".timer") + b".service")
        if timer is None or service is None:
            continue
        file, text = service
        when = calendar_of(timer[1])
        yield from jobs_in_unit(file, text, when=when)
        for _, command in unit_commands(text):
            yield from _of_scripts(places, scripts_in(command), when=when)


def _unit(places: Places, name: bytes) -> tuple[bytes, str] | None:
    """A unit's file and text, the administrator's own first; of an instance its template's."""
    head, at, _ = name.partition(b"@")
    kind = name.rpartition(b".")[2]
    for one in (name, head + b"@." + kind) if at else (name,):
        for folder in _UNIT_FOLDERS:
            text = read_text(places, folder + b"/" + one)
            if text is not None:
                return folder + b"/" + one, text
    return None


def _of_scripts(places: Places, paths: Iterable[bytes], *, when: str) -> Iterator[Job]:
    """Jobs in the scripts that a command names; what is no script has none."""
    for path in paths:
        text = read_text(places, path)
        if text is not None and text.startswith("#!"):
            yield from jobs_in(path, text, when=when)


def _files(places: Places, directory: bytes) -> Iterator[bytes]:
    for name in names_in(places, directory):
        yield directory + b"/" + name
