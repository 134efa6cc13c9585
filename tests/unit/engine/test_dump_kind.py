"""The steps of a `dump` leg."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.dumps.artefact import Nature
from engine.dumps.servers import ServerSeen
from engine.legs.dump import DumpKind
from engine.runs.observation import DumpedSeen, FeedSeen, Waiver
from engine.steps.dumps import JudgeDump, MakeArtefact
from engine.steps.generations import CompleteGeneration, PruneGenerations, StageGeneration
from engine.steps.model import Step
from policy.connect import Connect
from policy.legs import DumpLeg
from policy.legs.dump import Compression
from policy.parts import Keep
from policy.sources import DumpedSource, ServerKind, ServerSource, SqliteSource
from policy.values import Place, parse_absolute_path
from tests.generations import LIMITS, NAME, RUN, known, named, observed, planned, seen

LEG = DumpLeg(name="dump", limits=LIMITS, keep=Keep(last=2), to=Place("disk", "/hist"))
SEEN = ServerSeen(server="MariaDB 11", client="c", databases=("a", "b/c"), identity="7")


def source(kind: ServerKind) -> ServerSource:
    return ServerSource(
        name="data", media=None, site=None, secret=False, server=kind, connect=Connect()
    )


def feed(what: DumpedSource, *days: int, server: ServerSeen = SEEN) -> FeedSeen:
    dumped = DumpedSeen(source=what, server=server, before=None, vouched=False)
    return replace(seen(known(*days)), dumped=dumped)


def steps(one: FeedSeen, leg: DumpLeg = LEG, *waived: Waiver) -> list[Step]:
    observation = replace(observed(one), waived=frozenset(waived))
    return list(DumpKind().steps(planned(leg, selection=None), observation, RUN, (one.feed,)))


def made(found: list[Step]) -> list[tuple[str, Nature]]:
    steps = [one for one in found if isinstance(one, MakeArtefact)]
    return [(one.artefact.name.decode(), one.artefact.nature) for one in steps]


def test_artefacts_are_made_judged_and_completed_before_anything_goes() -> None:
    found = steps(feed(source(ServerKind.REDIS), 3, 2, 1))
    assert [type(one) for one in found] == [
        StageGeneration,
        MakeArtefact,
        JudgeDump,
        CompleteGeneration,
        PruneGenerations,
    ]
    (make,) = [one for one in found if isinstance(one, MakeArtefact)]
    (complete,) = [one for one in found if isinstance(one, CompleteGeneration)]
    assert (make.former, complete.name) == (named(1), NAME)


@pytest.mark.parametrize(
    ("kind", "each", "names"),
    [
        (ServerKind.POSTGRESQL, False, ["all.sql.zst"]),
        (ServerKind.POSTGRESQL, True, ["globals.sql.zst", "a.dump", "b%2Fc.dump"]),
        (ServerKind.MYSQL, False, ["all.sql.zst"]),
        (ServerKind.MYSQL, True, ["a.sql.zst", "b%2Fc.sql.zst"]),
        (ServerKind.REDIS, False, ["dump.rdb"]),
        (ServerKind.ETCD, False, ["snapshot.db"]),
        (ServerKind.VAULT, False, ["raft.snap"]),
    ],
)
def test_what_a_dump_consists_of(kind: ServerKind, each: bool, names: list[str]) -> None:
    found = steps(feed(source(kind)), replace(LEG, per_database=each))
    assert [name for name, _ in made(found)] == names


@pytest.mark.parametrize(
    ("compression", "name"),
    [(Compression.ZSTD, "all.sql.zst"), (Compression.GZIP, "all.sql.gz"),
     (Compression.NONE, "all.sql")],
)  # fmt: skip
def test_text_is_compressed_as_the_leg_says(compression: Compression, name: str) -> None:
    found = steps(feed(source(ServerKind.MYSQL)), replace(LEG, compression=compression))
    assert made(found) == [(name, Nature.MYSQL_TEXT)]


def test_a_database_comes_before_what_lies_beside_it() -> None:
    one = SqliteSource(
        name="data", media=None, site=None, secret=False,
        path=parse_absolute_path("/srv/app/db"), companions=("keys*",),
    )  # fmt: skip
    found = steps(feed(one))
    assert made(found) == [("db", Nature.SQLITE), ("", Nature.BESIDE)]
    assert made(steps(feed(replace(one, companions=())))) == [("db", Nature.SQLITE)]


def test_what_a_person_allows_is_passed_on() -> None:
    def judged(*waived: Waiver) -> tuple[bool, bool]:
        found = steps(feed(source(ServerKind.ETCD)), LEG, *waived)
        (one,) = [step for step in found if isinstance(step, JudgeDump)]
        return one.smaller_allowed, one.other_allowed

    assert judged() == (False, False)
    assert judged(Waiver.SMALLER_SOURCE) == (True, False)
    assert judged(Waiver.OTHER_SERVER) == (False, True)
