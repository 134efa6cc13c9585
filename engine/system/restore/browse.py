"""What a version of a directory holds, one level of it."""

from __future__ import annotations

import os

from engine.plan.model import Location
from engine.plan.selection import RESERVED
from engine.reach.ssh_command import remote_shell
from engine.reach.targets import Target
from engine.restore.fetch import Place
from engine.restore.versions import Version
from engine.rsync.command import list_command
from engine.rsync.output import parse_listing
from engine.system.host.descent import list_inside
from engine.system.host.process import Command, CommandNotStarted, run
from engine.system.host.relocate import opened_below
from engine.system.restore.entries import CannotLook

_PATIENCE = 300.0


def entries_of(version: Version, place: Place) -> tuple[tuple[bytes, bool], ...]:
    """Names in it, and whether they are directories. Raises `CannotLook`."""
    return entries_at(version.location, place)


def entries_at(location: Location, place: Place) -> tuple[tuple[bytes, bool], ...]:
    """The same of a directory at a place of copies. Raises `CannotLook`."""
    found = _here(location, place) if place.ssh is None else _there(location, place)
    return tuple(sorted(one for one in found if not RESERVED.matches(one[0])))


def _here(location: Location, place: Place) -> list[tuple[bytes, bool]]:
    try:
        with opened_below(place.root, location.names, make=False) as directory:
            return list_inside(directory)
    except OSError as error:
        raise CannotLook(error.strerror or os.strerror(error.errno or 0)) from None


def _there(location: Location, place: Place) -> list[tuple[bytes, bool]]:
    assert place.ssh is not None
    names = location.names
    target = Target(holder=location.holder, root=place.root, names=names, ssh=place.ssh)
    connection = (b"--secluded-args", b"--rsh=" + remote_shell(place.ssh, b"none"))
    try:
        told = run(Command(argv=list_command(target, connection), timeout=_PATIENCE))
    except CommandNotStarted as error:
        raise CannotLook(str(error)) from None
    if told.code != 0 or not told.whole:
        raise CannotLook(told.last_words or f"rsync ended with {told.code}")
    return list(parse_listing(told.stdout))
