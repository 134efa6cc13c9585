"""From what is typed of a dump, such as a database's name, to the files that hold it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from engine.dumps.artefact import files_meant
from engine.explain import Subject
from engine.plan.model import Location
from engine.promises.chains import Copy
from engine.restore.versions import Version
from engine.system.restore.told import record_of
from policy.sources import RECORD, DeviceSource, DumpedSource, ServerSource
from policy.values import display
from policyctl.asking import Asked, Found, Wish
from policyctl.boundary import Refused
from policyctl.restoring import Restoring

_LOOKED_AT = 8
"""So many dumps on other machines are looked into, beginning with the one that would be taken."""
_TOLD = 12
Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a name means in the dumps of a source, each asked by its own names."""

    files: Mapping[str, tuple[Names, ...]] = field(default_factory=dict)
    """By the legs that have made the dumps: the paths in those that hold it, the best first."""
    several: tuple[bytes, ...] = ()
    """Two files of one dump that it may mean; empty: no dump leaves that open."""
    names: tuple[bytes, ...] = ()
    """All names in the best dump of each leg; empty: none could be looked into."""
    seen: frozenset[str] = frozenset()
    """The legs of whose dumps at least one could be looked into."""
    wholes: tuple[tuple[str, bytes], ...] = ()
    """Legs whose dumps hold all databases of the server in one file, and that file."""

    @property
    def paths(self) -> tuple[Names, ...]:
        """All paths, whoever has made them."""
        return tuple(dict.fromkeys(path for paths in self.files.values() for path in paths))


def file_meant(work: Restoring, text: str, wish: Wish, *, glob: bool = False) -> Asked:
    """What was typed; of a dump, or what a device said, by the names that its files have.

    A run names databases, and a file's endings say how it is kept: both differ from leg to leg, and
    change in time. Raises `Refused` where two files of one dump may be meant, or none.
    """
    whole = whole_of(work, text) if not glob else None
    if whole is None:
        return work.ask(text, glob=glob)
    typed = typed_in(text)
    meant = look_up(work, work.find(whole, wish), typed)
    if meant.several:
        name = whole.subject.source.name
        raise Refused(
            f"{display(os.fsencode(text))} may be "
            f"{' or '.join(display(name.encode() + b':' + one) for one in meant.several)}: "
            "type which of them; nothing was restored"
        )
    if meant.paths:
        return _of_files(work, whole, typed, meant)
    if not meant.names:  # then nobody knows by what name; the restore itself says more
        return work.ask(text)
    return _as_typed(work, whole, text, meant, wish)


def _as_typed(work: Restoring, whole: Asked, text: str, meant: Meant, wish: Wish) -> Asked:
    """What no dump holds, where an orphan does. Raises `Refused`."""
    with suppress(Refused):
        asked = work.ask(text)
        if work.find(asked, wish).versions:
            return asked
    raise Refused(
        f"{held_by_none(whole, typed_in(text), meant)}: {there(whole, meant)}; nothing was restored"
    )


def held_by_none(whole: Asked, typed: bytes, meant: Meant) -> str:
    """That no dump holds it."""
    single = " alone" if meant.wholes else ""
    source = whole.subject.source
    if not isinstance(source, ServerSource):
        return f"no file of {source.name} is called {display(typed)}"
    return (
        f"no file of {source.name} is called {display(typed)}, and none holds a database "
        f"of that name{single}"
    )


def there(whole: Asked, meant: Meant) -> str:
    """What there is instead."""
    found = [display(one) for one in meant.names if one != RECORD.encode()]
    more = f" and {len(found) - _TOLD:,} more (--list)" if len(found) > _TOLD else ""
    return f"what is there is {', '.join(found[:_TOLD])}{more}{all_of(whole, meant.wholes)}"


def all_of(whole: Asked, wholes: Sequence[tuple[str, bytes]]) -> str:
    """Which dump holds it among all databases of the server, as the rest of a sentence."""
    source = whole.subject.source.name
    return "".join(
        f"; {display(file)} of {leg} holds all databases of the server: `policyctl restore "
        f"{source}: --from {leg}`"
        for leg, file in wholes[:1]
    )


def typed_in(text: str) -> bytes:
    """What is typed behind the name of a source."""
    return os.fsencode(text).partition(b":")[2].rstrip(b"/")


def whole_of(work: Restoring, text: str) -> Asked | None:
    """All of the source, where a part of a dump is typed, or of what a device said."""
    name, colon, _ = text.partition(":")
    source = work.policy.source(name) if colon and not text.startswith("/") else None
    if not isinstance(source, DumpedSource | DeviceSource) or not typed_in(text):
        return None
    return work.ask(f"{name}:")


def look_up(work: Restoring, found: Found, typed: bytes) -> Meant:
    """Ask each dump that was found which of its files is meant, the best of them first."""
    files: dict[str, dict[Names, None]] = {}
    wholes: dict[str, bytes] = {}
    several: tuple[bytes, ...] = ()
    every: dict[bytes, None] = {}
    seen: set[str] = set()
    depth = 0
    for version, names in _listings(work, found):
        maker = version.copy.via[0]
        every |= dict.fromkeys(names if maker not in seen else ())
        seen.add(maker)
        if isinstance(found.asked.subject.source, ServerSource):
            for one in files_meant(b"all.sql", names):
                wholes.setdefault(maker, one)
        here = _meant_in(work, version, names, typed)
        if len(here) > 1 and not files and not several:
            several = tuple(one for (one, *_) in here)
        known = [one for one in here if any(one in each for each in files.values())]
        path = here[0] if len(here) == 1 else next(iter(known), None)
        depth = depth or len(path or ())
        if path is not None and len(path) == depth:
            files.setdefault(maker, {})[path] = None
    return Meant(
        files={maker: tuple(each) for maker, each in files.items()},
        several=several,
        names=tuple(every),
        seen=frozenset(seen),
        wholes=tuple(wholes.items()),
    )


def _meant_in(
    work: Restoring, version: Version, names: tuple[bytes, ...], typed: bytes
) -> tuple[Names, ...]:
    """The paths in one dump that may be meant."""
    path = tuple(one for one in typed.split(b"/") if one)
    if path[0] in names:
        return (path,)
    found = dict.fromkeys(files_meant(typed, names))
    record = record_of(work.known, version)
    database = typed.decode("utf-8", "surrogateescape")
    for one in record.files if record is not None else ():
        if one.database == database and one.name in names:
            found[one.name] = None
    return tuple((one,) for one in found)


def _listings(work: Restoring, found: Found) -> Iterator[tuple[Version, tuple[bytes, ...]]]:
    """The names in each dump, beginning with the one that would be taken; copies have the same."""
    chosen = () if found.choice.chosen is None else (found.choice.chosen,)
    far = 0
    listed = set()
    for one in (*chosen, *(one.version for one in found.choice.passed)):
        dump = (one.copy.via[0], one.name)
        if dump in listed or (one.far and far == _LOOKED_AT):
            continue
        far += one.far
        with suppress(Refused):
            yield one, tuple(sorted(name for name, _ in work.entries_of(one)))
            listed.add(dump)


def _of_files(work: Restoring, whole: Asked, typed: bytes, meant: Meant) -> Asked:
    """Every copy of every file that is meant, and every orphan that may hold one."""
    source = whole.subject.source
    subjects = [Subject(source=source, names=path) for path in meant.paths]
    return replace(
        whole,
        path=source.name.encode() + b":" + typed,
        subject=subjects[0],
        copies=copies_meant(whole.copies, meant),
        left=tuple(dict.fromkeys(left for one in subjects for left in work.left_of(one))),
        wholes=meant.wholes,
    )


def copies_meant(copies: Sequence[Copy], meant: Meant) -> tuple[Copy, ...]:
    """Copies of what is meant, from those of the dumps that hold it."""
    return tuple(within(one, path) for one in copies for path in _paths_of(one.via[0], meant))


def _paths_of(maker: str, meant: Meant) -> Iterable[Names]:
    """Where nobody could look at what a leg has made, its files may have the names of others."""
    return meant.files.get(maker, () if maker in meant.seen else meant.paths)


def within(copy: Copy, path: Names) -> Copy:
    """A copy of a path in a dump."""
    at = copy.location
    return replace(copy, location=Location(holder=at.holder, names=(*at.names, *path)))
