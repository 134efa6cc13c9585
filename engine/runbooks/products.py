"""What to type when a server, a device or a single database is lost: its dumps come first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.plan.kinds import source_kind
from engine.plan.model import LegPlan, Location, Plan
from engine.promises.chains import Copy
from engine.runbooks.model import Code, Section, Step, Text
from engine.runbooks.parts import Part
from engine.standing.copy_paths import copy_path, location_path
from policy.sources import Source, TreeSource

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
    "sqlite": (
        (
            "Stop what uses it, and take ",
            Code(b"-wal"),
            " and ",
            Code(b"-shm"),
            " beside the old file away before the copy gets its name.",
        ),
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
        steps=(*_found(plan, copy), *(Step(text=text) for text in advice)),
    )


def _where(plan: Plan, copy: Copy, leg: LegPlan) -> Iterator[Text]:
    yield "It lies in ", Code(copy_path(plan, copy)), "."
    if leg.leg.runner is not None:
        yield ("It is made in a cluster, in the namespace ", Code.of(leg.leg.runner.namespace), ".")


def _found(plan: Plan, copy: Copy) -> Iterator[Step]:
    """Of what lies in a tree there are copies like those of all else in it."""
    tree = plan.source(copy.place)
    if isinstance(tree, TreeSource):
        path = location_path(plan, _folder(copy))
        yield Step(
            text=("If it is not there any more, see what copies there are, and bring back the "
                  "newest, into a new folder below the one that you are in:",),
            commands=(
                (b"policyctl", b"restore", path, b"--list"),
                (b"policyctl", b"restore", path),
            ),
        )  # fmt: skip
    else:
        yield Step(text=("No command of this version brings it back: copy it from there by hand.",))


def _folder(copy: Copy) -> Location:
    """The directory that holds all of its generations."""
    location = copy.location
    names = location.names if copy.dated is None else location.names[: copy.dated]
    return Location(holder=location.holder, names=names)
