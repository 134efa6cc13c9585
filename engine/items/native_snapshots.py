"""What a machine is asked about the snapshots that it takes itself, and how it answers. Pure.

* btrfs(8) says when each was taken in the local time of whoever asks: it is asked in UTC. Which
  ones are of the subvolume is told by its UUID, which each names as its parent's; which are sealed
  by a second list, of read-only ones alone. A name with a line end could pretend to be another
  line: such a list is not read at all.
* zfs(8) answers scripts (`-H -p`): names and seconds, with a tab between.
* A Synology names each by when it was taken, in local time with the offset from GMT, or none where
  that is zero. `list` has a heading. Both were seen in what others have published, and on no
  appliance of ours.

Commands are found where administrators' programs lie, whatever the account's own `PATH` is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from policy.snapshots import BTRFS, SYNOLOGY, ZFS
from policy.values import display

Arguments = tuple[bytes, ...]
_PATH: Final = b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SYNOLOGY_LIST: Final = b"/usr/syno/sbin/synosharesnapshot"
_SYNOLOGY_SETTING: Final = b"/usr/syno/bin/synoretentionconf"
SETTING: Final = "setting"
"""The question for what is set: nothing that is needed, and no answer is none."""


class NotUnderstood(ValueError):
    """An answer that is none to what was asked; the message says what it holds."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class NativeSnapshot:
    """One of them."""

    taken: datetime
    name: bytes
    """What its directory is called, where it can be reached."""
    writable: bool = False
    """Whether somebody can still change what it holds."""
    locked: bool = False
    """Whether somebody holds it: no retention removes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSetting:
    """What a machine says that it is set to keep."""

    there: bool
    """Whether anything is set at all."""
    said: tuple[tuple[str, str], ...] = ()
    """As it says it, in its words."""


def questions(kind: str, share: bytes, *, sudo: bool) -> dict[str, Arguments]:
    """What is asked, by what each question is for, in order."""
    head = (b"env", _PATH, b"TZ=UTC", b"LC_ALL=C", *((b"sudo", b"-n") if sudo else ()))
    return {name: (*head, *words) for name, words in _words(kind, share).items()}


def _words(kind: str, share: bytes) -> dict[str, Arguments]:
    match kind:
        case "btrfs":
            inside = (b"btrfs", b"subvolume")
            return {
                "subvolume": (*inside, b"show", b"--", share),
                "list": (*inside, b"list", b"-s", b"-u", b"-q", b"--", share),
                "sealed": (*inside, b"list", b"-s", b"-r", b"--", share),
            }
        case "zfs":
            only = (b"-H", b"-p", b"-d", b"1", b"-t", b"snapshot")
            return {"list": (b"zfs", b"list", *only, b"-o", b"name,creation,userrefs", share)}
        case "synology":
            return {
                "list": (_SYNOLOGY_LIST, b"list", share),
                "locked": (_SYNOLOGY_LIST, b"list", share, b"lock=true"),
                SETTING: (_SYNOLOGY_SETTING, b"--get", b"Share#", share),
            }
        case _:
            raise AssertionError(kind)


def read_answers(kind: str, share: bytes, said: Mapping[str, bytes]) -> tuple[NativeSnapshot, ...]:
    """All snapshots, the oldest first. Raises `NotUnderstood`."""
    match kind:
        case "btrfs":
            found = _read_btrfs(said["subvolume"], said["list"], said["sealed"])
        case "zfs":
            found = _read_zfs(share, said["list"])
        case _:
            found = _read_synology(said["list"], said["locked"])
    return tuple(sorted(found))


# ── btrfs ────────────────────────────────────────────────────────────────────────────────────

_UUID: Final = re.compile(rb"^\tUUID:\s+([0-9a-f-]{36})$", re.MULTILINE)
_LINE: Final = re.compile(
    rb"ID (?P<number>[0-9]+) gen [0-9]+ cgen [0-9]+ (?:parent [0-9]+ )?top level [0-9]+ "
    rb"otime (?P<taken>-|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})\s+"
    rb"(?:parent_uuid (?P<parent>-|[0-9a-f-]{36})\s+)?(?:uuid (?:-|[0-9a-f-]{36})\s+)?"
    rb"path (?P<path>.+)"
)


def _read_btrfs(subvolume: bytes, listed: bytes, sealed: bytes) -> Iterator[NativeSnapshot]:
    own = _UUID.search(subvolume)
    if own is None:
        raise NotUnderstood("it does not say which subvolume it is")
    closed = {one["number"] for one in _lines(sealed)}
    for one in _lines(listed):
        if one["parent"] != own[1]:
            continue
        if one["taken"] == b"-":
            raise NotUnderstood(f"it does not say when {display(one['path'])} was taken")
        yield NativeSnapshot(
            taken=_in_utc(one["taken"]),
            name=one["path"].rpartition(b"/")[2],
            writable=one["number"] not in closed,
        )


def _lines(listed: bytes) -> Iterator[re.Match[bytes]]:
    for line in listed.split(b"\n"):
        if not line:
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise _strange(line)
        yield found


def _strange(line: bytes) -> NotUnderstood:
    return NotUnderstood(f"its list holds {display(line[:80])!r}, which names no snapshot")


def _in_utc(text: bytes) -> datetime:
    try:
        return datetime.strptime(text.decode(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise NotUnderstood(f"{display(text)!r} is no time") from None


# ── ZFS ──────────────────────────────────────────────────────────────────────────────────────


def _read_zfs(dataset: bytes, listed: bytes) -> Iterator[NativeSnapshot]:
    """Those of the data set itself; a snapshot of ZFS is never written to."""
    for line in listed.split(b"\n"):
        if not line:
            continue
        columns = line.split(b"\t")
        if len(columns) != 3 or not columns[1].isdigit():
            raise _strange(line)
        of, _, name = columns[0].partition(b"@")
        if of == dataset and name:
            yield NativeSnapshot(
                taken=_since_1970(columns[1]), name=name, locked=columns[2] not in {b"0", b"-"}
            )


def _since_1970(seconds: bytes) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise NotUnderstood(f"{display(seconds[:40])!r} is no time") from None


# ── Synology ─────────────────────────────────────────────────────────────────────────────────

_GMT: Final = re.compile(
    rb"GMT(?:(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?:[.:]?(?P<minutes>[0-9]{2}))?)?-"
    rb"(?P<moment>[0-9]{4}\.[0-9]{2}\.[0-9]{2}-[0-9]{2}\.[0-9]{2}\.[0-9]{2})"
)
_SAID: Final = re.compile(r"^([A-Za-z][A-Za-z ]*):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_NO_SETTING: Final = b"Can't get policy info"
_ADVANCED: Final = {
    "hourly": "Advance Hourly",
    "daily": "Advance Daily",
    "weekly": "Advance Weekly",
    "monthly": "Advance Monthly",
    "yearly": "Advance Yearly",
}


def _read_synology(listed: bytes, locked: bytes) -> Iterator[NativeSnapshot]:
    """A snapshot of a share is never written to."""
    held = {name for name, _ in _named(locked)}
    for name, taken in _named(listed):
        yield NativeSnapshot(taken=taken, name=name, locked=name in held)


def _named(listed: bytes) -> Iterator[tuple[bytes, datetime]]:
    lines = [line.strip() for line in listed.split(b"\n") if line.strip()]
    for index, line in enumerate(lines):
        taken = moment_in_name(line)
        if taken is not None:
            yield line, taken
        elif index > 0:  # the first may be the heading
            raise _strange(line)


def moment_in_name(name: bytes) -> datetime | None:
    """When a snapshot of a Synology was taken; None where the name says nothing of that."""
    found = _GMT.fullmatch(name)
    if found is None:
        return None
    ahead = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
    try:
        zone = timezone(-ahead if found["sign"] == b"-" else ahead)
        year, month, day, hour, minute, second = map(int, re.split(rb"[.-]", found["moment"]))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_setting(said: bytes) -> NativeSetting | None:
    """What a Synology says that it is set to keep; None where it says nothing that is known."""
    if _NO_SETTING in said:
        return NativeSetting(there=False)
    found = tuple(_SAID.findall(said.decode("utf-8", "replace")))
    return NativeSetting(there=True, said=found) if dict(found).get("Policy type") else None


def counts_set(setting: NativeSetting) -> dict[str, int]:
    """How many of each period are set to stay, by the rule's name in a manifest.

    Only where the rules by period are in force: of another type of policy they say nothing.
    """
    said = dict(setting.said)
    if "adv" not in said.get("Policy type", "").lower():
        return {}
    both = ((rule, said.get(word, "")) for rule, word in _ADVANCED.items())
    return {rule: int(text) for rule, text in both if text.isdecimal()}


KINDS: Final = (SYNOLOGY, BTRFS, ZFS)
