"""One screen of `status`, as a golden file."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.rollback.remaining import Direction
from engine.routing.coverage import Entry, coverage
from engine.schedule.pauses import Pause
from engine.standing.facts import ItemFacts, LegFacts, Ran, RoomFacts
from engine.standing.safety import safety_of
from engine.standing.status import leg_status
from engine.standing.surroundings import destination_status
from policyctl.standing import Standing
from policyctl.views.status import status_lines, summary
from policyctl.views.status_json import status_json
from tests.strategies import GOLDEN, compiled, manifest
from tests.unit.engine.rollback.test_remaining import ROLLBACK

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MANIFEST = manifest(
    timezone="Europe/Sofia",
    destinations={
        "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
        "nas": {"ssh": "backup@nas", "path": "/copies", "media": "nas", "site": "away"},
    },
    sources={
        "data": {"kind": "tree", "path": "/srv/data"},
        "media": {"kind": "tree", "path": "/srv/media"},
        "db": {"kind": "postgresql", "connect": {"host": "localhost"}},
    },
    legs={
        "nightly": {"kind": "mirror", "to": "disk:/data", "schedule": "02:00", "timeout": "1h"},
        "films": {"kind": "mirror", "to": "disk:/media", "schedule": "Sun 04:00", "timeout": "2h"},
        "offsite": {
            "kind": "mirror",
            "from": "nightly",
            "to": "nas:/copies",
            "schedule": "06:00",
            "timeout": "2h",
        },
        "dumps": {
            "kind": "dump",
            "from": "db",
            "to": "disk:/dumps",
            "keep": {"last": 3},
            "schedule": "01:00",
            "timeout": "1h",
        },
    },
    routes={"/srv/data": "nightly", "/srv/media": "films"},
    objectives={"default": {"copies": 2}},
)


def ran(hours: float, as_of: float | None = None, status: RunStatus = RunStatus.OK) -> Ran:
    started = NOW - hours * HOUR
    known = NOW - as_of * HOUR if as_of is not None else None
    return Ran(
        started=started,
        ended=started + timedelta(minutes=9),
        status=status,
        reason="" if status.succeeded else "data: the other machine does not answer",
        bytes=3 * 2**30,
        files=812,
        data_as_of=known,
    )


def standing() -> Standing:
    """A morning on which the NAS has not answered for two nights."""
    plan = compiled(MANIFEST)[0].plan
    failed = ran(5, status=RunStatus.FAILED)
    runs = {
        "nightly": (ran(10), ran(10)),
        "offsite": (failed, ran(54, 58)),
        "films": (ran(54), ran(54)),
        "dumps": (None, None),
    }
    rows = []
    for leg in plan.legs:
        last, success = runs[leg.name]
        item = ItemFacts(name=leg.feeds[0].reads, last=last, success=success)
        pause = None
        if leg.name == "films":
            until = NOW + 30 * HOUR
            pause = Pause(leg=leg.name, until=until, since=NOW, reason="new disk")
        facts = LegFacts(last=last, ended=last, success=success, items=(item,), pause=pause)
        rows.append(leg_status(plan, leg, facts, applied_at=NOW - 99 * HOUR, now=NOW))
    disk, nas = plan.destinations
    room = RoomFacts(destination="disk", free=2**40, total=2**42, measured=NOW - 10 * HOUR)
    seen = {
        "data": frozenset({Entry(name=b"a", directory=True), Entry(name=b"b\n", directory=True)})
    }
    return Standing(
        legs=tuple(rows),
        destinations=(
            destination_status(disk, room, now=NOW, staged=False),
            destination_status(nas, None, now=NOW, staged=False),
        ),
        tracker=None,
        drift=None,
        notes=(),
        timezone=plan.timezone,
        now=NOW,
        sources=safety_of(plan, rows, now=NOW),
        coverage=coverage(plan, {"data": frozenset({b"a"})}, seen),
    )


@pytest.mark.parametrize("columns", [72, 120])
def test_the_screen_of_a_morning(
    monkeypatch: pytest.MonkeyPatch, update_golden: bool, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = "\n".join(status_lines(standing())) + "\n"
    golden: Path = GOLDEN / "status" / f"morning-{columns}.txt"
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(shown)
    assert shown == golden.read_text(), "read the difference, then make golden"


def test_a_rollback_that_was_cut_off_needs_somebody() -> None:
    found = replace(standing(), rollbacks=(ROLLBACK, replace(ROLLBACK, direction=Direction.BACK)))
    assert not found.healthy
    assert "a rollback of pool:web is half done" in summary(found)
    lines = [one for one in status_lines(found) if one.startswith(("a rollback", "the undo"))]
    assert "`policyctl rollback pool:web` completes it" in lines[0]
    assert "`policyctl rollback pool:web --undo` takes it back" in lines[0]
    assert "`policyctl rollback pool:web --undo` completes it" in lines[1]
    told = json.loads(json.dumps(status_json(found)))["rollbacks_half_done"]
    assert [(one["item"], one["undo"]) for one in told] == [("pool:web", False), ("pool:web", True)]
