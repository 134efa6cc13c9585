"""What is known of a tree's size: from the last measurement, or from a walk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.plan.model import Plan
from engine.records.measurement import Volume
from engine.routing.volumes import SourceVolumes
from engine.system.host.places import Places
from engine.system.measure.measure import known_volumes, measure
from engine.system.state.state import State, open_state
from policy.patterns import parse_path_pattern
from policy.routes import IgnoreRule
from policy.sources import TreeSource
from tests.integration.lab import write
from tests.plans import mirror, plan, tree

TMP = IgnoreRule(
    text="*.tmp", pattern=parse_path_pattern(b"*.tmp"), anchored=False, directory=False, reason=""
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    root = tmp_path / "root"
    write(root / "srv/nfs/immich/a/1.jpg", b"1" * 10)
    write(root / "srv/nfs/immich/2.tmp", b"2" * 20)
    write(root / "srv/nfs/temp/3", b"3" * 40)
    write(root / "srv/nfs/4", b"4" * 80)
    return Places(root=root)


def known(found: Plan, places: Places, state: State | None = None) -> SourceVolumes | None:
    source = found.sources[0]
    assert isinstance(source, TreeSource)
    return known_volumes(found, source, places, state)


def keep(found: Plan, places: Places, state: State) -> None:
    source = found.sources[0]
    assert isinstance(source, TreeSource)
    measurement = measure(found, source, places)
    assert measurement is not None
    state.measurements.put(source.name, measurement)


def sizes(found: SourceVolumes | None) -> list[int]:
    assert found is not None
    return [one.bytes for one in found.by_line.values()]


def test_what_was_never_measured_is_walked_now(places: Places, tmp_path: Path) -> None:
    found = known(plan(), places)
    assert found is not None
    assert list(found.by_line) == ["/srv/nfs/immich", "/srv/nfs/temp", "/srv/nfs"]
    assert (sizes(found), found.measured) == ([30, 40, 80], None)
    with open_state(tmp_path / "state.db") as state:
        assert known(plan(), places, state) == found
        assert state.measurements.of("nfs") is None, "asking keeps nothing"


def test_what_was_measured_is_not_walked_again(places: Places, tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        keep(plan(), places, state)
        write(places.root / "srv/nfs/immich/later", b"5" * 1000)
        found = known(plan(), places, state)
        assert found is not None
        assert (sizes(found), found.measured is not None) == ([30, 40, 80], True)
        assert known(plan(ignores=(TMP,)), places, state) == SourceVolumes(
            source="nfs",
            by_line={
                "/srv/nfs/immich": Volume(files=2, bytes=1010),
                "/srv/nfs/temp": Volume(files=1, bytes=40),
                "/srv/nfs": Volume(files=1, bytes=80),
            },
            ignored=Volume(files=1, bytes=20),
            unreadable=0,
        ), "other ignores: the measurement says nothing of them"


def test_a_renamed_source_keeps_its_figures_before_and_after_it_is_applied(
    places: Places, tmp_path: Path
) -> None:
    renamed = plan(sources=(tree("new", was="nfs"),))
    with open_state(tmp_path / "state.db") as state:
        keep(plan(), places, state)
        before = known(renamed, places, state)
        assert before is not None
        assert before.measured is not None
        state.rename_source("nfs", "new")
        assert known(renamed, places, state) == before


def test_another_path_under_the_same_name_is_another_tree(places: Places, tmp_path: Path) -> None:
    write(places.root / "srv/moved/one", b"1")
    with open_state(tmp_path / "state.db") as state:
        keep(plan(), places, state)
        assert sizes(known(plan(sources=(tree(path="/srv/moved"),)), places, state)) == [0, 0, 1]


def test_a_tree_that_is_away_is_known_by_its_figures_alone(places: Places, tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        keep(plan(), places, state)
        (places.root / "srv/nfs").rename(tmp_path / "away")
        assert sizes(known(plan(), places, state)) == [30, 40, 80]
        assert known(plan(), places) is None


def test_a_source_that_no_route_names_is_one_line(places: Places) -> None:
    found = known(plan(tables=(), legs=(mirror(takes="nfs"),)), places)
    assert found is not None
    assert found.by_line == {"/srv/nfs": Volume(files=4, bytes=150)}


@pytest.mark.root
def test_a_tree_that_may_not_be_entered_is_unreadable(places: Places) -> None:
    root = places.root / "srv/nfs"
    root.chmod(0o700)
    for parent in root.parents:
        if parent.owner() == "root" and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        found = known(plan(), places)
    finally:
        os.seteuid(0)
    assert found is not None
    assert (found.unreadable, found.total) == (1, Volume())
