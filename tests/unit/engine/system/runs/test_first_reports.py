"""What a run has to tell of each of its parts before it has done anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.items.items import Inventory
from engine.plan.model import LegPlan, Plan
from engine.reach.targets import Presence
from engine.records.reports import FeedReport, Finding, RunStatus, Verdict
from engine.runs.observation import FeedSeen, Observation
from engine.system.runs.first_reports import begin_reports, item_streams, parts_of
from engine.system.state.state import State, open_state, stream_of
from tests.generations import NOW, known, named, observed, seen, seen_item, web
from tests.strategies import compiled, manifest

PLAN: Plan = compiled(
    manifest(
        sources={
            "pool": {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"},
            "data": {"kind": "tree", "path": "/srv/data"},
        },
        legs={
            "snaps": {"kind": "snapshot", "keep": {"last": 2}},
            "files": {"kind": "versions", "from": "snaps", "to": "disk:/hist", "keep": {"last": 2}},
            "hist": {"kind": "versions", "to": "disk:/other", "keep": {"last": 2}},
        },
        routes={"/srv/data": "hist", "pool:": "snaps"},
    )
)[0].plan
OTHER = replace(web(), names=(b"apps", b"a at b"))
POOL = Inventory(source="pool", pool=None, items=(web(), OTHER))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with open_state(tmp_path / "state.db") as state:
        yield state


def leg(name: str) -> LegPlan:
    found = PLAN.leg(name)
    assert found is not None
    return found


def begun(name: str, given: Observation, state: State, *findings: Finding) -> dict[str, FeedReport]:
    reports = begin_reports(PLAN, leg(name), given, findings, NOW, state)
    return {one.feed: one for one in reports}


def refused(feed: str | None) -> Finding:
    return Finding(feed=feed, looked_at="snapshot", found="too old", verdict=Verdict.REFUSED)


def of_items() -> Observation:
    return replace(observed(seen_item(web()), seen_item(OTHER)), inventories=(POOL,))


def test_items_that_are_only_snapshotted_are_parts_too() -> None:
    assert parts_of(replace(observed(), inventories=(POOL,))) == ("apps/web", "apps/a at b")
    assert parts_of(of_items()) == ("apps/web", "apps/a at b")
    assert parts_of(observed(seen())) == ("data",)


def test_law_35_what_is_refused_of_one_hides_no_other(state: State) -> None:
    found = begun("files", of_items(), state, refused("apps/web"))
    assert (found["apps/web"].status, found["apps/web"].reason) == (
        RunStatus.REFUSED,
        "snapshot: too old",
    )
    assert found["apps/a at b"].status is RunStatus.OK


def test_what_is_refused_of_the_leg_is_refused_of_all(state: State) -> None:
    found = begun("snaps", replace(observed(), inventories=(POOL,)), state, refused(None))
    assert {one.status for one in found.values()} == {RunStatus.REFUSED}
    assert {one.place for one in found.values()} == {""}


def test_what_is_foreign_beside_generations_is_told(state: State) -> None:
    given = seen(known(1), others=(b"photos", named(99)))
    report = begun("hist", observed(given), state)["data"]
    assert report.foreign == (named(99), b"photos")
    assert report.shared == ()
    assert (report.place, report.data_as_of) == ("disk:/hist", NOW)


def test_without_the_source_nobody_can_say_what_is_foreign(state: State) -> None:
    given: FeedSeen = seen(others=(b"photos",))
    missing = replace(given, source=replace(given.source, presence=Presence.MISSING))
    assert begun("hist", observed(missing), state)["data"].foreign == ()


def test_what_is_not_carried_is_told(state: State) -> None:
    given = seen()
    strange = replace(given, source=replace(given.source, strangers=((b"a", b"b"),)))
    assert begun("hist", observed(strange), state)["data"].left_out == (b"a/b",)


def test_each_item_is_known_by_its_own_folder(state: State) -> None:
    given = of_items()
    other = replace(given.feeds[1].target.target, names=(b"hist", b"apps", b"a at b"))
    second = replace(given.feeds[1], target=replace(given.feeds[1].target, target=other))
    streams = item_streams(
        PLAN, leg("files"), replace(given, feeds=(given.feeds[0], second)), state
    )
    assert {name: one.source for name, one in streams.items()} == {
        "apps/web": "apps/web",
        "apps/a at b": "apps/a at b",
    }
    assert {one.leg for one in streams.values()} == {"files"}
    assert streams["apps/a at b"].place.startswith("disk:/hist/apps/a at b at :/mnt/disk on ")
    assert item_streams(PLAN, leg("hist"), observed(seen()), state) == {}


def test_an_items_stream_is_none_of_its_legs(state: State) -> None:
    whole = stream_of(PLAN, leg("files"), leg("files").feeds[0], state)
    assert whole not in item_streams(PLAN, leg("files"), of_items(), state).values()
