"""What to type when a server, a device or a single database is lost: its dumps come first. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.dumps.dialects import dialect_of
from engine.dumps.loading import loading
from engine.dumps.servers import ServerSeen
from engine.plan.kinds import source_kind
from engine.plan.model import LegPlan, Plan
from engine.promises.chains import Copy
from engine.runbooks.model import Blank, Code, Section, Step, Text, Variable, Word
from engine.runbooks.parts import Part
from engine.standing.copy_paths import copy_path
from policy.legs import DumpLeg, FetchLeg
from policy.sources import DeviceSource, DumpedSource, Source

_ADVICE: dict[str, tuple[Text, ...]] = {
    "postgresql": (
        (
            "Look into the dump first: ",
            Code(b"pg_restore --list"),
            ", or of a text dump its last line and its rows. A dump of an empty database loads "
            "without an error.",
        ),
        ("The server must be no older than the one that made the dump.",),
        ("Dump what is there now before you load over it, and stop what uses it.",),
    ),
    "mysql": (
        ("Look at the dump's last line first: only a whole one says that it is completed.",),
        ("Pin the server's version to that of the dump, and stop what uses it.",),
        ("Accounts come with their old passwords: set those anew that others manage.",),
    ),
    "redis": (
        ("See that it is sound first: ", Code(b"redis-check-rdb"), "."),
        (
            "Stop the server, and move its append-only files away: where they are, they win over "
            "the dump. Switch them on again once it runs.",
        ),
    ),
    "etcd": (
        ("See that it is sound first: ", Code(b"etcdctl snapshot status"), "."),
        (
            "Move the manifests of etcd and the API server out of the watched folder, and the data "
            "directory aside, before ",
            Code(b"etcdctl snapshot restore"),
            ".",
        ),
    ),
    "vault": (
        (
            "Have the unseal keys and a root token at hand, from a place that needs neither Vault "
            "nor what it unlocks.",
        ),
        ("After ", Code(b"vault operator raft snapshot restore"), ": unseal it, and read one "
         "secret of each engine."),
    ),
    "device": (
        ("Save its present configuration before you load an older one.",),
        ("It must run no older version than the one that made the copy.",),
    ),
}  # fmt: skip


def product_sections(plan: Plan, source: Source, parts: Sequence[Part]) -> Iterator[Section]:
    """Where what its legs have made of it lies, and how to get that."""
    firsts = dict.fromkeys(_first(copy, part) for part in parts for copy in part.copies)
    for first in firsts:
        if first is not None:
            yield _section(plan, source, first)


def product_steps(plan: Plan, parts: Sequence[Part], options: tuple[Word, ...]) -> Iterator[Step]:
    """What brings back all that was dumped or fetched, each into a folder of its own."""
    wanted = dict.fromkeys(one for part in parts for one in _wanted(plan, part))
    if wanted:
        keys = any(_key(plan, leg) for _, leg in wanted)
        yield Step(
            text=("And what was dumped or fetched. Of a dump it is shown what loads it:",),
            blanks=(_KEY_BLANK,) if keys else (),
            commands=tuple(
                (b"policyctl", b"restore", *options, name, b"--to", b"./" + _folder_name(name),
                 *_key(plan, leg))
                for name, leg in wanted
            ),
        )  # fmt: skip


def _wanted(plan: Plan, part: Part) -> Iterator[tuple[bytes, str]]:
    """What to restore of it, and which leg has made it; of a dump, whatever is the newest."""
    source = part.source.name
    for leg in plan.legs if isinstance(part.source, DeviceSource | DumpedSource) else ():
        if leg.leg.takes != source:
            continue
        if isinstance(leg.leg, FetchLeg):
            for file in leg.leg.files:
                yield f"{source}:{leg.leg.kept_as(file)}".encode(), leg.name
        else:
            yield f"{source}:".encode(), leg.name
            return


def _folder_name(name: bytes) -> bytes:
    return re.sub(rb"[^A-Za-z0-9]+", b"-", name).strip(b"-") or b"product"


_KEY = Variable("KEY")
_KEY_BLANK = Blank(
    name=_KEY.name,
    example=b"/media/stick/key.txt",
    what="the file with the key to what is encrypted",
)


def _key(plan: Plan, name: str) -> tuple[Word, ...]:
    leg = plan.leg(name)
    encrypted = leg is not None and isinstance(leg.leg, DumpLeg | FetchLeg) and leg.leg.encryption
    return (b"--identity", _KEY) if encrypted else ()


def _first(copy: Copy, part: Part) -> Copy | None:
    """The copy that the first hop makes; later ones are of it."""
    return copy if len(copy.via) == 1 else None


def _section(plan: Plan, source: Source, copy: Copy) -> Section:
    leg = plan.leg(copy.leg)
    assert leg is not None
    advice = _ADVICE.get(source_kind(source), ())
    return Section(
        title=f"What {copy.leg} has made of it",
        intro=tuple(_where(plan, copy, leg)),
        steps=(
            *_brought(plan, source, leg),
            *(Step(text=text) for text in advice),
            *_loaded(source, leg),
        ),
    )


def _where(plan: Plan, copy: Copy, leg: LegPlan) -> Iterator[Text]:
    yield "It lies in ", Code(copy_path(plan, copy)), "."
    if leg.leg.runner is not None:
        yield ("It is made in a cluster, in the namespace ", Code.of(leg.leg.runner.namespace), ".")


def _brought(plan: Plan, source: Source, leg: LegPlan) -> Iterator[Step]:
    """Into a new folder; what is there of it is listed first."""
    name = source.name.encode()
    if isinstance(leg.leg, FetchLeg):
        wanted = [f"{source.name}:{leg.leg.kept_as(one)}".encode() for one in leg.leg.files]
    else:
        wanted = [name + b":"]
    key = _key(plan, leg.name)
    several = sum(one.leg.takes == source.name for one in plan.legs) > 1
    made = (b"--from", leg.name.encode()) if several else ()
    to = (b"--to", b"./restored-" + leg.name.encode())
    yield Step(
        text=("See what there is, and bring back the newest, into a new folder below the one that "
              "you are in; ", Code(b"--as-of"), " takes an older one:"),
        blanks=(_KEY_BLANK,) if key else (),
        commands=(
            (b"policyctl", b"restore", wanted[0], *made, b"--list"),
            *((b"policyctl", b"restore", one, *made, *to, *key) for one in wanted),
        ),
    )  # fmt: skip


def _loaded(source: Source, leg: LegPlan) -> Iterator[Step]:
    """What loads it, as far as the names of its files are known beforehand."""
    if not isinstance(source, DumpedSource) or not isinstance(leg.leg, DumpLeg):
        return
    folder = f"cd restored-{leg.name}/{source.name}"
    if leg.leg.per_database:
        yield Step(text=("Load one database after the other, with what ", Code(b"restore"),
                         " has shown at its end."))  # fmt: skip
        return
    dialect = dialect_of(source, per_database=False)
    names = [one.name.decode() for one in dialect.artefacts(leg.leg, ServerSeen())]
    for one in loading(source, tuple(names)):
        lines = (folder, one.command) if one.command else ()
        yield Step(text=("Load it. ", one.text), lines=lines)
