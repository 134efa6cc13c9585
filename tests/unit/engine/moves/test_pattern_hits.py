"""Law 4: a pattern that hits nothing, or more than it says, is shown."""

from __future__ import annotations

from dataclasses import replace

from engine.changes.changes import change_set
from engine.moves.data_changes import Known, data_changes
from engine.moves.held import cut
from engine.moves.pattern_hits import (
    IgnoreHits,
    PatternNote,
    Surprise,
    block_notes,
    ignore_notes,
    new_ignores,
    route_notes,
)
from engine.plan.model import Plan
from engine.records.measurement import Volume
from engine.routing.volumes import SourceVolumes
from tests.unit.engine.moves.test_data_changes import IMMICH, plan_of
from tests.unit.engine.moves.test_held import SWITCH


def notes(plan: Plan, **volumes: tuple[int, int]) -> list[PatternNote]:
    """Of the reference edited to this, where these lines decide so many files and bytes."""
    known = {
        "nfs": SourceVolumes(
            source="nfs",
            by_line={
                text.replace("_", "/"): Volume(files=files, bytes=size)
                for text, (files, size) in volumes.items()
            },
            ignored=Volume(),
            unreadable=0,
        )
    }
    applied = plan_of()
    routes = change_set(applied, None, plan, (), {}).routes
    both = cut(applied, plan)
    data = data_changes(both, routes, Known(volumes=known, rooms={}, rates={}))
    return [*route_notes(data, known), *block_notes(both, known)]


def with_line(line: str) -> Plan:
    return plan_of((IMMICH, f"{IMMICH}  {line}\n"))


def test_law_04_a_line_that_hits_nothing_is_shown() -> None:
    slip = with_line('/srv/nfs/imich: {none: "a slip"}')
    (note,) = notes(slip, _srv_nfs=(10, 100), _srv_nfs_imich=(0, 0))
    assert note.surprise is Surprise.NOTHING
    assert note.sentence == "route '/srv/nfs/imich' hits nothing: none of the 10 files of 'nfs'"


def test_law_04_a_none_that_leaves_out_much_is_shown_with_its_figure() -> None:
    plan = with_line('/srv/nfs/films: {none: "can be fetched again"}')
    (note,) = notes(plan, _srv_nfs=(99, 300), _srv_nfs_films=(1, 100))
    assert note.surprise is Surprise.MUCH
    assert note.sentence.startswith(
        "route '/srv/nfs/films' leaves out 25 % of the bytes and 1 % of the files of 'nfs'"
    )
    assert notes(plan, _srv_nfs=(99, 400), _srv_nfs_films=(1, 100)) == []  # 20 %, and no more


def test_a_line_that_sends_much_another_way_loses_nothing() -> None:
    plan = with_line('/srv/nfs/films: {leg: synology-direct, because: "big"}')
    assert notes(plan, _srv_nfs=(1, 1), _srv_nfs_films=(9, 900)) == []


def test_what_was_not_measured_hits_nobody_knows_what() -> None:
    assert notes(with_line('/srv/nfs/films: {none: "x"}'), _srv_nfs=(1, 1)) == []


def test_live_data_whose_place_another_leg_takes_are_shown() -> None:
    (note,) = notes(plan_of(*SWITCH), _srv_nfs=(9, 900), _srv_nfs_switch=(2, 20))
    assert note.surprise is Surprise.BLOCKED
    assert "sda:/switch belongs to another leg" in note.sentence
    assert notes(plan_of(*SWITCH), _srv_nfs=(9, 900), _srv_nfs_switch=(0, 0)) == []


def hit(text: str, source: str, files: int, size: int) -> IgnoreHits:
    total = Volume(files=100, bytes=1000)
    return IgnoreHits(text=text, source=source, volume=Volume(files=files, bytes=size), total=total)


def test_law_04_an_ignore_that_hits_nothing_or_much_is_shown() -> None:
    found = list(
        ignore_notes(
            [
                hit("*.bak", "nfs", 0, 0),
                hit("*.bak", "nfs-ssd", 0, 0),
                hit("/temp/", "nfs", 21, 1),
                hit("/temp/", "nfs-ssd", 0, 0),
                hit("*.swp", "nfs", 2, 20),
            ]
        )
    )
    assert [(one.text, one.surprise, one.sources) for one in found] == [
        ("*.bak", Surprise.NOTHING, ("nfs", "nfs-ssd")),
        ("/temp/", Surprise.MUCH, ("nfs",)),
    ]
    assert found[0].sentence == (
        "ignore '*.bak' hits nothing: none of the 200 files of 'nfs' and 'nfs-ssd'"
    )


def test_only_ignores_that_are_new_or_for_other_sources_are_asked_about() -> None:
    applied = plan_of()
    first, *rest = applied.ignores
    assert new_ignores(applied, applied) == ()
    assert new_ignores(replace(applied, ignores=tuple(rest)), applied) == (first,)
    narrower = replace(first, only=("nfs",))
    assert new_ignores(applied, replace(applied, ignores=(narrower, *rest))) == (narrower,)
    assert new_ignores(None, applied) == ()
