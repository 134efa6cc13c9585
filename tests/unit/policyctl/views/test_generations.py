"""How generations are shown: one line each, why it stays, and when it goes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.generations.names import Standing
from engine.generations.retention import decide
from engine.items.thin_names import LvName
from engine.items.thin_pool import SetAside, read_member
from engine.plan.model import Location
from engine.standing.keeping import Keeping, Kept
from policy.parts import Keep
from policyctl.views.generations import generation_lines, generations_json
from tests.generations import NOW, ago, known
from tests.reports import Lv, report

SOFIA = ZoneInfo("Europe/Sofia")
KEEP = Keep(last=1)


def keeping(*names: bytes, keep: Keep = KEEP, why_not: str = "") -> Keeping:
    given = (*known(3, standing=Standing.DAMAGED), *known(2, 1, -1))
    decisions = decide(given, keep, zone=SOFIA, now=NOW) if not why_not else ()
    goes = {ago(1): datetime(2026, 11, 29, 1, tzinfo=UTC)}
    return Keeping(
        leg="hist",
        item="data",
        place=Location(holder="disk", names=names or (b"hist",)),
        keep=keep,
        kept=tuple(Kept(decision=one, goes=goes.get(one.generation.moment)) for one in decisions),
        why_not=why_not,
    )


def test_each_has_its_reason_and_its_end_by_the_local_clock() -> None:
    head, *rows = generation_lines([keeping()], SOFIA)
    assert head == "hist  data → disk:/hist  keep: last 1; 4 generations"
    assert [re.split("  +", row.strip()) for row in rows] == [
        ["generation", "local time", "known to be", "why", "goes"],
        ["2026-11-29T03-00-00Z", "Sun 2026-11-29 05:00", "verified", "dated in the future", "-"],
        [
            "2026-11-27T03-00-00Z",
            "Fri 2026-11-27 05:00",
            "verified",
            "last 1 of 1; the newest verified one",
            "Sun 2026-11-29 03:00",
        ],
        [
            "2026-11-26T03-00-00Z",
            "Thu 2026-11-26 05:00",
            "verified",
            "last: 1 are newer",
            "with the next run",
        ],
        ["2026-11-25T03-00-00Z", "Wed 2026-11-25 05:00", "damaged", "damaged", "-"],
    ]
    assert len({row.index("2026") for row in rows[1:]}) == 1


def test_where_nobody_could_look_it_is_said() -> None:
    found = keeping(why_not="it lies on another machine")
    assert list(generation_lines([found, found], SOFIA)) == [
        "hist  data → disk:/hist  keep: last 1; 0 generations",
        "  it lies on another machine",
        "",
        "hist  data → disk:/hist  keep: last 1; 0 generations",
        "  it lies on another machine",
    ]


def test_a_plan_that_keeps_none() -> None:
    (line,) = generation_lines([], SOFIA)
    assert line == "no leg of the applied plan keeps generations"
    assert generations_json([]) == {"folders": []}


def test_programs_get_the_same() -> None:
    folders = generations_json([keeping(b"bad\xff")])["folders"]
    assert isinstance(folders, list)
    (folder,) = folders
    assert isinstance(folder, dict)
    assert "path" not in folder
    assert folder["path_b64"] == "L2JhZP8="
    found = folder["generations"]
    assert isinstance(found, list)
    assert found[1] == {
        "name": "2026-11-27T03-00-00Z",
        "moment": "2026-11-27T03:00:00+00:00",
        "standing": "verified",
        "differed": None,
        "verdict": "keep",
        "reasons": ["last 1 of 1", "the newest verified one"],
        "goes": "2026-11-29T01:00:00+00:00",
    }
    assert [one["verdict"] for one in found if isinstance(one, dict)] == [
        *("keep", "keep", "prune", "apart"),
    ]


def test_what_a_rollback_has_set_aside_is_named_with_what_removes_it() -> None:
    line = Lv(
        name="web.policyctl-before.2026-11-29T02-15-00Z",
        tags="policyctl-before/2026-11-29T02-15-00Z",
    )
    aside = read_member(report(line).encode(), LvName(group="pve", volume=line.name))
    assert isinstance(aside, SetAside)
    found = replace(keeping(), set_aside=(aside,))
    last = list(generation_lines([found], SOFIA))[-1]
    assert last == (
        f"  set aside: pve/{line.name}, which it was before its rollback of Sun 2026-11-29 04:15; "
        f"it takes room, and its snapshots are held, until `lvremove pve/{line.name}`"
    )
    (folder,) = json.loads(json.dumps(generations_json([found])))["folders"]
    assert folder["set_aside"] == [
        {
            "volume": f"pve/{line.name}",
            "was": "before",
            "rollback": "2026-11-29T02:15:00+00:00",
        }
    ]
