"""What somebody should know before a version is brought back."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from engine.plan.model import Plan, RouteLine
from engine.reach.command_words import show_command
from engine.restore.aim import Aim
from engine.restore.choice import choose, doubt_words, said, shown
from engine.restore.elsewhere import left_there, parts_elsewhere
from engine.restore.specials import left_out_by, special_words, specials_words
from engine.restore.steps import BEFORE, STAGING
from engine.restore.versions import NEVER, Kind, Version
from engine.system.host.descent import list_inside
from engine.system.host.lock_probe import is_held
from engine.system.host.look import below
from engine.system.host.relocate import opened_below
from engine.system.restore.entries import CannotLook, NoRoot, looker
from engine.system.restore.specials import special_at, specials_below
from engine.system.restore.staging import read_note
from policy.encryption import ENDING
from policy.legs import DumpLeg, FetchLeg
from policy.parts import Attribute
from policy.sources import DeviceSource, DumpedSource, LvmThinSource
from policy.values import display
from policyctl.boundary import Refused

if TYPE_CHECKING:
    from policyctl.asking import Asked, Found
    from policyctl.restoring import Restoring


def notes_of(restoring: Restoring, found: Found, version: Version) -> Iterator[str]:
    """What somebody should know beforehand, a sentence each."""
    destination = restoring.plan.destination(version.place)
    unable = destination.cannot_keep if destination is not None else ()
    lost = dict.fromkeys((*version.lost, *unable))
    if lost:
        said = ", ".join(one.value for one in lost)
        yield f"not kept by this copy, and not restored: {said}"
    if version.directory and Attribute.DEVICES not in lost:
        yield from _of_specials(restoring, found, version)
    if os.geteuid() != 0:
        yield "you are not root: all that comes back will belong to you"
    yield from _against(version, restoring.zone)
    if version.copy.partial and version.directory:
        yield "it holds its databases alone: what else lay there is not in this copy"
    yield from _of_parts(restoring, found)
    yield from _of_encryption(restoring, found, version)
    yield from _of_runs(restoring, version)
    yield from _of_databases(found, version)
    if not version.database and not version.directory:
        yield from _of_sidecars(restoring, found, version)
    source = found.asked.subject.source
    itself = version.location.names[-1:] == (version.name,)
    if found.asked.snapshots and itself and isinstance(source, LvmThinSource):
        item = f"{source.name}:{display(b'/'.join(found.asked.subject.names))}"
        yield f"its snapshots lie in its own pool: `policyctl rollback {item}` is quicker"


def _against(version: Version, zone: ZoneInfo) -> Iterator[str]:
    """What speaks against the version that is taken all the same."""
    if version.left is not None:
        yield (
            f"{version.left.name} is an orphan ({version.left.why}): nothing watches over it, and "
            "`policyctl gc` may remove it"
        )
    if version.told:
        yield f"its own run has said of it: {version.told}"
    if version.doubt is not None:
        yield doubt_words(version.doubt, zone)


def refuse_unknown(
    restoring: Restoring, asked: Asked, place: str | None, despite: Collection[str]
) -> None:
    """Raises `Refused`: what was typed as the name of a copy, or of a destination, is none."""
    every = (*asked.copies, *(one.copy for one in asked.left))
    holders = list(dict.fromkeys(one.place for one in every))
    if place is not None and place.partition(":")[0] not in holders:
        makers = list(dict.fromkeys(one.via[0] for one in every))
        legs = f", and what a leg has made: {', '.join(makers)}" if len(makers) > 1 else ""
        near = difflib.get_close_matches(place, (*holders, *makers), n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise Refused(
            f"--from {place} is no copy of {display(asked.path)}{meant}; there are: "
            f"{', '.join(holders)}{legs}; nothing was restored"
        )
    known = [one.name for one in restoring.plan.destinations]
    strange = next((one for one in despite if one not in known), None)
    if strange is not None:
        raise Refused(f"--despite {strange} is no destination; there are: {', '.join(known)}")


def unknown_words(plan: Plan, path: bytes) -> str:
    """Why no source has what was typed, and what to type instead."""
    name, colon, rest = os.fsdecode(path).partition(":")
    if name.startswith("/") or not colon:
        return (
            f"no source of this policy holds {display(path)}: name a path as it was on the live "
            "system, or SOURCE:ITEM/PATH"
        )
    leg = plan.leg(name)
    for feed in leg.feeds if leg is not None else ():
        source = plan.source(feed.reads)
        if source is not None and isinstance(source, DeviceSource | DumpedSource):
            words = shlex.quote(f"{source.name}:{rest}")
            return (
                f"{name} is a leg of the source {source.name}: type `policyctl restore {words} "
                f"--from {name}`"
            )
    known = [one.name for one in plan.sources]
    near = difflib.get_close_matches(name, known, n=1)
    what = "a leg, and no source" if leg is not None else "no source of this policy"
    if plan.destination(name) is not None:
        what = f"a destination, and no source (--from {name})"
    hint = f"did you mean {near[0]}:?" if near else f"there are: {', '.join(known)}"
    return f"{display(os.fsencode(name))} is {what}; {hint}"


def refuse_parts(restoring: Restoring, found: Found) -> None:
    """Raises `Refused`: in its place a directory would lack what other legs carry of it."""
    others = [one for one in _parts(restoring, found) if one.leg is not None]
    if others:
        said = ", ".join(f"{one.text} ({one.leg})" for one in others)
        raise Refused(
            f"{display(found.asked.path)} holds parts that ride other legs, and are not in this "
            f"copy: {said}. In its place they would be set aside with the rest. Restore it to a "
            "new folder, without --in-place, and each part by itself; nothing was changed"
        )


def without(restoring: Restoring, found: Found) -> tuple[tuple[bytes, ...], ...]:
    """What stays behind of a directory as it is now: older states of what other legs carry."""
    if found.as_of is not None:
        return ()
    depth = len(found.asked.subject.names)
    return tuple(left_there(_parts(restoring, found), depth))


def _of_parts(restoring: Restoring, found: Found) -> Iterator[str]:
    for one in _parts(restoring, found):
        path = shlex.quote(one.text)
        if one.leg is not None and found.as_of is None:
            yield f"{one.text} rides {one.leg}, and does not come: `policyctl restore {path}`"
        elif one.leg is not None:
            yield f"{one.text} rides {one.leg}: `policyctl restore {path}` looks for it there"
        else:
            yield f"{one.text} is in no copy ({one.reason})"


def _parts(restoring: Restoring, found: Found) -> tuple[RouteLine, ...]:
    subject = found.asked.subject
    return parts_elsewhere(restoring.plan.table(subject.source.name), subject.names)


def _of_specials(restoring: Restoring, found: Found, version: Version) -> Iterator[str]:
    """What the copy holds none of."""
    leg = left_out_by(restoring.plan, version.copy)
    if not leg or version.copy.partial:
        return
    path = found.asked.path
    live = path.startswith(b"/") and not restoring.known.at
    said = specials_words(specials_below(below(restoring.root, path)) if live else None, leg)
    if said:
        yield said


def special_there(restoring: Restoring, found: Found) -> str:
    """Why no copy holds what is asked for: it is a FIFO, a socket or a device; empty: it is not."""
    path = found.asked.path
    special = special_at(below(restoring.root, path)) if path.startswith(b"/") else None
    legs = dict.fromkeys(left_out_by(restoring.plan, one) for one in found.asked.copies)
    leg = next(iter(legs), "")
    return special_words(special, leg) if special is not None and leg else ""


def _of_databases(found: Found, version: Version) -> Iterator[str]:
    good = [
        (moment, one)
        for one in found.versions
        if one.database
        and one.whole not in NEVER
        and (moment := one.at(found.as_of)) is not None
        and (found.as_of is None or moment <= found.as_of)
    ]
    _, whole = max(good, key=lambda each: each[0], default=(None, None))
    if whole is not None and not version.database:
        yield (
            "a plain copy of a database that was being written may not open; SQLite has made "
            f"and checked a copy of it: --from {whole.label}"
        )


def _of_encryption(restoring: Restoring, found: Found, version: Version) -> Iterator[str]:
    """Without its key nobody can use it: the best copy that is in the clear is named."""
    if found.wish.keyed or not _encrypted(restoring, found, version):
        return
    clear = [one for one in found.versions if not _encrypted(restoring, found, one)]
    other = choose(clear, as_of=found.as_of, place=None, zone=restoring.zone).chosen
    if other is not None:
        yield (
            "it is encrypted, and stays so without --identity KEY; "
            f"{said(other, restoring.zone)}, which {other.copy.via[0]} has made, is in the clear: "
            f"--from {other.label}"
        )


def _encrypted(restoring: Restoring, found: Found, version: Version) -> bool:
    """Whether a leg has encrypted it: a file by its name, a whole dump as the leg does by now."""
    if not found.asked.made:
        return False
    if not version.directory:
        return version.location.names[-1].endswith(ENDING.encode())
    leg = restoring.plan.leg(version.copy.via[0])
    return (
        leg is not None
        and isinstance(leg.leg, DumpLeg | FetchLeg)
        and leg.leg.encryption is not None
    )


def _of_sidecars(restoring: Restoring, found: Found, version: Version) -> Iterator[str]:
    """A plain copy of a database is not the whole of it where its log lies beside it."""
    place, (*above, name) = restoring.known.place_of(version), version.location.names
    if place is None:
        return
    for end in (b"-wal", b"-journal"):
        with suppress(CannotLook, NoRoot), looker(place) as look:
            entry = look.at((*above, name + end))
            if entry is None or not entry.size:
                continue
            every = re.sub(rb"[*?\[]", rb"[\g<0>]", found.asked.path) + b"*"
            yield (
                f"{display(name + end)} lies beside it in the copy, and holds what a program wrote "
                "last: without it that is lost, or the database does not open. `policyctl restore "
                f"{shlex.quote(os.fsdecode(every))} --glob` brings both into a new folder"
            )


def _of_runs(restoring: Restoring, version: Version) -> Iterator[str]:
    """What runs may be doing to it, or have not done."""
    places, state = restoring.places, restoring.state
    if version.left is not None:  # what its leg does now is done elsewhere
        return
    left = restoring.known.left
    if left is not None and version.kind is Kind.NEWEST and version.copy.leg in left.unfinished:
        began = shown(left.unfinished[version.copy.leg], restoring.zone)
        yield (
            f"a run of {version.copy.leg} began on {began}, and is not known to have succeeded: "
            "some of it may be newer than it says"
        )
    for leg in version.copy.via:
        if is_held(places.leg_lock(leg)):
            yield f"{leg} runs now: what it writes may be mixed of two states"
    last = state.last_begun(version.copy.leg) if state is not None else None
    if version.kind is Kind.NEWEST and last is not None and version.moment is not None:
        good = last.status is not None and last.status.succeeded
        if not good and not is_held(places.leg_lock(version.copy.leg)):
            yield (
                f"the last run of {version.copy.leg} did not succeed: some of it may be newer "
                "than it says"
            )


def names_note(aim: Aim) -> Iterator[str]:
    """That a file has other names, which keep what is there now."""
    with suppress(OSError):
        there = os.lstat(aim.path)
        if not aim.in_place or not stat.S_ISREG(there.st_mode) or there.st_nlink == 1:
            return
        find = (b"find", aim.base, b"-xdev", b"-samefile", aim.path)
        yield (
            f"what is there now is one file under {there.st_nlink:,} names (hard links): this one "
            "alone comes back, the others keep what is there now, and are no longer one with it. "
            f"Before it is done, `{show_command(find)}` names them; the directory that holds them "
            "all brings all of them back as one"
        )


def left_behind(aim: Aim) -> Iterator[bytes]:
    """What earlier restores of the same path in its place have left beside it."""
    with suppress(OSError), opened_below(aim.base, aim.below, make=False) as folder:
        for name, _ in list_inside(folder):
            if name.startswith((STAGING, BEFORE)) and _is_of(aim, folder, name):
                yield aim.folder.rstrip(b"/") + b"/" + name


def _is_of(aim: Aim, folder: int, name: bytes) -> bool:
    with suppress(OSError), opened_below(b"/proc/self/fd/%d" % folder, (name,), make=False) as one:
        note = read_note(one)
        if note is not None:
            return note.path == display(aim.path)
        os.stat(aim.name, dir_fd=one, follow_symlinks=False)
        return name.startswith(BEFORE)
    return False
